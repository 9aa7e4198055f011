//! Files of a setting as inputs of a step.

use super::StepContext;
use crate::error::Failure;
use crate::files::{FileSet, Globs};
use crate::fingerprint::Inputs;
use crate::tools::blocking;

impl StepContext {
    /// Adds the files that the globs `patterns` select to `inputs`, one digest for each glob: `files GLOB`. One that
    /// matches nothing is noted as such.
    pub async fn add_files(&self, patterns: &[String], inputs: &mut Inputs) -> Result<(), Failure> {
        for (pattern, files) in Globs::of(patterns).sets(self.tools().root()).map_err(Failure::failed)? {
            let label = format!("files {pattern}");
            let digest = self.tools().digest(files.clone()).await?;
            if digest == FileSet::nothing() && blocking(move || files.is_empty()).await? {
                inputs.unmatched(&label);
            }
            inputs.digest(label, digest);
        }
        Ok(())
    }
}
