//! [`interruption`]: what a signal does to a run.

/// Returns what happens after a signal; `kill` if it is not the first.
pub(super) fn interruption(kill: bool) -> &'static str {
    if kill { "killing running steps" } else { "stopping; repeat to kill running steps" }
}
