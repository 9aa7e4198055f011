//! What others can read: no secret goes there.

use super::StepContext;
use crate::error::Failure;

impl StepContext {
    /// Fails if `text` has the value of a secret, because others can read it where it goes: to `what`.
    pub fn refuse_secret(&self, what: &str, text: &str) -> Result<(), Failure> {
        if !self.tools().redactor().is_certainly_in(text) {
            return Ok(());
        }
        Err(Failure::failed(format!("{what} has the value of a declared secret"))
            .cause("others can read it there")
            .hint("give a command the secret by its environment: `secrets = [\"NAME\"]`"))
    }
}
