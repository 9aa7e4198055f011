//! What `status`, `plan` and `why` print.

pub(super) mod forecast;
pub(super) mod json;
pub(super) mod status;
pub(super) mod status_view;
mod table;
pub(super) mod why;
