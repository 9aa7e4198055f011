//! [`Failure`]: a kind that determines the exit code, an id that has a page, a message, causes, evidence and hints.
//!
//! Messages are lower case without a full stop, so that they read after `error:`; hints are whole
//! commands or sentences. Only `cli` and `report` print a failure.

mod file_error;
pub mod ids;
mod kind;
mod object;
mod page;

use std::fmt;

pub use file_error::{FileError, FileErrors};
pub use kind::FailureKind;
pub use object::{ErrorObject, MAX_DETAILS};
pub use page::{ErrorId, Page};

/// A failure with everything that a user needs on the first screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Determines the exit code.
    pub kind: FailureKind,
    /// Says what kind of error it is; `None` where no more is known than its kind.
    pub id: Option<ErrorId>,
    /// What failed, and on which subject.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// Lines of evidence: the last output of a tool, the pods and their events.
    pub details: Vec<String>,
    /// What to do about it: whole commands or sentences.
    pub hints: Vec<String>,
    /// Whether another attempt may succeed (a daemon that restarts, a busy API server).
    pub transient: bool,
    /// The errors in files that it stands for, which were shown one by one. Boxed: hardly a failure has any.
    pub in_files: Option<Box<FileErrors>>,
}

impl Failure {
    /// Creates a failure of `kind`.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            id: None,
            message: message.into(),
            causes: Vec::new(),
            details: Vec::new(),
            hints: Vec::new(),
            transient: false,
            in_files: None,
        }
    }

    /// Creates a failure with the id `id`, which determines its kind too.
    pub fn of(id: ErrorId, message: impl Into<String>) -> Self {
        Self { id: Some(id), ..Self::new(id.page().kind, message) }
    }

    /// Creates a failure of a step: [`FailureKind::Failed`].
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Failed, message)
    }

    /// Creates a failure because something on this machine is missing: [`FailureKind::Prerequisite`].
    pub fn prerequisite(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Prerequisite, message)
    }

    /// Creates a failure because work was cancelled: [`FailureKind::Interrupted`].
    pub fn interrupted(what: impl fmt::Display) -> Self {
        Self::new(FailureKind::Interrupted, format!("{what} was interrupted"))
    }

    /// Creates an internal error: [`FailureKind::Bug`].
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Bug, message)
    }

    /// Says which error it is; its kind stays.
    pub fn with_id(mut self, id: ErrorId) -> Self {
        self.id = Some(id);
        self
    }

    /// Returns the id: the one that was given, else that of its kind. What its causes and its evidence say counts more
    /// where the id only names what failed.
    pub fn error_id(&self) -> ErrorId {
        // What was wrong when somebody stopped it need not be an error.
        if matches!(self.kind, FailureKind::Interrupted | FailureKind::Terminated) {
            return ids::of_kind(self.kind);
        }
        let said = || ids::said_by(self.causes.iter().chain(&self.details).chain([&self.message]));
        let may_say_more = self.kind == FailureKind::Failed && self.id.is_none_or(ids::names_only_what_failed);
        may_say_more.then(said).flatten().or(self.id).unwrap_or_else(|| ids::of_kind(self.kind))
    }

    /// Adds a cause below the others.
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds an error and all its sources as causes.
    pub fn source(mut self, error: &dyn std::error::Error) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Many libraries repeat the inner error's text in the outer one.
            if !self.causes.last().is_some_and(|last| last.contains(&text)) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Adds a line of evidence.
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// Adds lines of evidence.
    pub fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(lines);
        self
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the errors in files that it stands for.
    pub fn in_files(mut self, errors: impl IntoIterator<Item = FileError>) -> Self {
        self.in_files.get_or_insert_default().0.extend(errors);
        self
    }

    /// Marks the failure as one that another attempt may not have.
    pub fn transient(mut self) -> Self {
        self.transient = true;
        self
    }

    /// Replaces the message by `message`; the old one becomes the first cause.
    pub fn while_doing(mut self, message: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.message, message.into());
        self.causes.insert(0, inner);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Converts an error of a library to a [`Failure`] that says what was being done.
pub trait Context<T> {
    /// Adds `message`, which says what was being done; the error becomes its cause.
    fn context(self, message: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: std::error::Error> Context<T> for Result<T, E> {
    fn context(self, message: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::failed(message()).source(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_keeps_the_message_in_front_and_the_error_as_cause() {
        let inner = std::io::Error::other("disk on fire");
        let failure = Err::<(), _>(inner).context(|| "reading `a`".into()).unwrap_err();
        assert_eq!(failure.to_string(), "reading `a`: disk on fire");
        assert_eq!(failure.while_doing("starting").to_string(), "starting: reading `a`: disk on fire");
    }
}
