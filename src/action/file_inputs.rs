//! Files of a setting as inputs of a step.

use super::StepContext;
use crate::error::Failure;
use crate::files::{FileSet, Globs};
use crate::fingerprint::Inputs;
use crate::tools::blocking;

impl StepContext {
    /// Adds the files that the globs `patterns` select to `inputs`, one digest for each glob: `files GLOB`. Returns the
    /// labels of those that match nothing.
    pub async fn add_files(&self, patterns: &[String], inputs: &mut Inputs) -> Result<Vec<String>, Failure> {
        let mut unmatched = Vec::new();
        for (pattern, files) in Globs::of(patterns).sets(self.tools().root()).map_err(Failure::failed)? {
            let label = format!("files {pattern}");
            let digest = self.tools().digest(files.clone()).await?;
            if digest == FileSet::nothing() && blocking(move || files.is_empty()).await? {
                unmatched.push(label.clone());
            }
            inputs.digest(label, digest);
        }
        Ok(unmatched)
    }

    /// Does the same for the setting `inputs` of a step, where a glob that matches nothing is reported.
    pub async fn add_declared_files(&self, patterns: &[String], inputs: &mut Inputs) -> Result<(), Failure> {
        for label in self.add_files(patterns, inputs).await? {
            inputs.unmatched(&label);
        }
        Ok(())
    }
}
