//! [`runtime`]: the asynchronous runtime of a command.

use crate::error::Failure;

/// Creates the asynchronous runtime: one thread, as hardly anything computes. Work that computes or reads many files
/// has threads of its own.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::bug("can't start the runtime").source(&error))
}
