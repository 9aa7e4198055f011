//! [`ErrorObject`]: an error as programs get it.

use super::Failure;

/// An error as programs get it: the same in the events, in the journal and in every JSON document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorObject {
    /// Its stable id, which `provision explain` explains.
    pub id: String,
    /// What happened, to what.
    pub message: String,
    /// Why, outermost first; `None` where the message says it all.
    pub cause: Option<String>,
    /// What solves it: whole commands or sentences.
    pub fix: Vec<String>,
    /// The command to run next.
    pub next: String,
}

impl Failure {
    /// Returns the failure as programs get it. `step` is the step that failed, if one did.
    pub fn object(&self, step: Option<&str>) -> ErrorObject {
        let id = self.error_id();
        ErrorObject {
            id: id.word().to_owned(),
            message: self.message.clone(),
            cause: (!self.causes.is_empty()).then(|| self.causes.join(": ")),
            fix: self.hints.clone(),
            next: id.next(step),
        }
    }
}
