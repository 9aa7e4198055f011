//! The declared secrets that a step's settings use, as inputs.

use std::collections::BTreeSet;

use super::StepContext;
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::model::{SecretPart, split_secret_refs};
use crate::tools::secrets::keyed_digest;

impl StepContext {
    /// Adds a digest of each secret in `texts`; a generated one is known only where it is kept.
    pub fn add_secrets<'t>(
        &self,
        inputs: &mut Inputs,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<(), Failure> {
        for name in secrets_in(texts)? {
            if let Some(value) = self.tools().secrets().value(name)? {
                let digest = keyed_digest(self.tools().state_dir(), value.expose().as_bytes())?;
                inputs.digest(format!("secret {name}"), digest);
            }
        }
        Ok(())
    }
}

/// Returns the names of the declared secrets in `texts`, whose form was checked before.
fn secrets_in<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<BTreeSet<&'t str>, Failure> {
    let mut names = BTreeSet::new();
    for text in texts {
        for part in split_secret_refs(text).map_err(Failure::bug)? {
            if let SecretPart::Secret(name) = part {
                names.insert(name);
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_counts_once() {
        let found = secrets_in(["x", "${{ secrets.B }}:${{ secrets.A }}", "${{ secrets.B }}"]).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["A", "B"]);
    }
}
