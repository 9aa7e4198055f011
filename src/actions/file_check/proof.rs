//! Which files decide what `file-check` finds.

use std::path::PathBuf;

use super::expectation::Expectation;
use crate::action::{FileProof, Forbidden, ProjectFiles};
use crate::error::Failure;

impl Expectation {
    /// Adds the files that it is about to `proof`.
    pub(super) fn add_to(&self, proof: &mut FileProof, files: &ProjectFiles) -> Result<(), Failure> {
        let is_glob = self.path.contains(['*', '?', '[', '{']);
        if !self.exists {
            if !is_glob {
                proof.absent.insert(PathBuf::from(&self.path));
            }
            return Ok(());
        }
        if self.contains.is_empty() && self.matches.is_empty() && self.assert.is_empty() {
            proof.add_present(files, &self.path)?;
        } else {
            proof.add_contents(files, &self.path)?;
        }
        for lines in &self.absent {
            let (found, _) = files.matching(&self.path)?;
            proof.forbidden.extend(found.into_iter().map(|file| Forbidden { file, lines: lines.clone() }));
        }
        Ok(())
    }
}
