//! What is shown of a run: its events folded into a view, and the reporters that render it.

pub(super) mod failure;
pub(super) mod github;
mod interruption;
pub(super) mod json;
pub(super) mod lines;
mod rate;
mod row;
pub(super) mod signals;
pub(super) mod step_summary;
pub(super) mod summary;
pub(super) mod trace;
pub(super) mod tty;
mod view;
