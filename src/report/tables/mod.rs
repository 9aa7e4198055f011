//! What `status`, `plan`, `why` and the dry runs of `down` and `gc` print.

pub(super) mod forecast;
pub(super) mod json;
pub(super) mod log_line;
pub(super) mod removals;
pub(super) mod status;
pub(super) mod status_view;
mod table;
pub(super) mod why;
