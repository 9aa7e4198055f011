//! The declared secrets that a step's settings use, as inputs.

use std::collections::BTreeSet;

use super::StepContext;
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::model::secret_names;
use crate::tools::secrets::keyed_digest;

impl StepContext {
    /// Adds a digest of each secret of `names`; a generated one is known only where it is kept.
    pub fn add_secrets(&self, inputs: &mut Inputs, names: BTreeSet<&str>) -> Result<(), Failure> {
        for name in names {
            if let Some(value) = self.tools().secrets().value(name)? {
                let digest = keyed_digest(self.tools().state_dir(), value.expose().as_bytes())?;
                inputs.digest(format!("secret {name}"), digest);
            }
        }
        Ok(())
    }
}

/// Returns the names of the declared secrets in `texts`.
pub fn secrets_in<'t>(texts: impl IntoIterator<Item = &'t str>) -> BTreeSet<&'t str> {
    texts.into_iter().flat_map(secret_names).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_counts_once() {
        let found = secrets_in(["x", "${{ secrets.B }}:${{ secrets.A }}", "${{ secrets.B }}"]);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["A", "B"]);
    }
}
