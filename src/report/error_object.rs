//! [`WireError`]: an error as one object, in the events and in every JSON document. docs/errors/README.md describes it.

use serde::Serialize;

use crate::error::ErrorObject;

/// The version of the object. Fields may be added without another one.
const VERSION: u8 = 1;

/// An error as one object.
#[derive(Debug, Serialize)]
pub(in crate::report) struct WireError {
    /// [`VERSION`].
    v: u8,
    /// The stable id.
    id: String,
    /// What happened, to what.
    message: String,
    /// Why, outermost first.
    cause: Option<String>,
    /// Commands or sentences that help.
    fix: Vec<String>,
    /// The command to run next.
    next: String,
}

impl From<ErrorObject> for WireError {
    fn from(error: ErrorObject) -> Self {
        let ErrorObject { id, message, cause, fix, next } = error;
        Self { v: VERSION, id, message, cause, fix, next }
    }
}
