//! What a step searches for where no secret should be.

use super::StepContext;
use crate::error::Failure;
use crate::fingerprint::Digest;
use crate::leaks::DeclaredSecrets;
use crate::tools::secrets::keyed_digest;

impl StepContext {
    /// The declared secrets: those of the environment by their names, and what else is masked in this run, which are
    /// generated ones. The step's log says which of them can't be searched for.
    pub fn secrets_to_find(&self) -> DeclaredSecrets {
        let secrets = DeclaredSecrets::new(&self.named_secrets(), &self.tools().redactor().secrets());
        for name in secrets.unsearched() {
            self.line(&format!("the secret `{name}` is not searched for: its value is too short, or an ordinary word"));
        }
        secrets
    }

    /// A digest of the secrets of the environment, for the inputs of a step that searches for them.
    pub fn digest_of_secrets(&self) -> Result<Digest, Failure> {
        let named: String = self
            .named_secrets()
            .into_iter()
            .flat_map(|(name, value)| [name, value])
            .fold(String::new(), |all, part| all + &part + "\0");
        keyed_digest(self.tools().state_dir(), named.as_bytes())
    }

    fn named_secrets(&self) -> Vec<(String, String)> {
        let known = self.tools().secrets().known();
        known.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect()
    }
}
