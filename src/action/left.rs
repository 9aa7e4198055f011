//! What stays of a step that was stopped: said in the same way by every action.

use super::context::StepContext;
use crate::error::{Failure, FailureKind};

/// Most things that a message names of those that were done.
const MAX_NAMED: usize = 10;

impl StepContext {
    /// Adds to the failure of work that was stopped what stays of it, and how that is taken away: a sentence, which the
    /// step's log has too.
    pub fn leaves(&self, failure: Failure, left: &str) -> Failure {
        self.line(left);
        failure.hint(left)
    }

    /// The same for work that made or changed things one after the other: `done` names those so far, and `rest` says
    /// what becomes of them. Nothing is said of another failure, or if nothing was done.
    pub fn leaves_of(&self, failure: Failure, done: &[String], verb: &str, rest: &str) -> Failure {
        if done.is_empty() || !matches!(failure.kind, FailureKind::Interrupted | FailureKind::Terminated) {
            return failure;
        }
        let named = done.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = done.len().saturating_sub(MAX_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        self.leaves(failure, &format!("{verb} before it was stopped: {named}{more}; {rest}"))
    }
}
