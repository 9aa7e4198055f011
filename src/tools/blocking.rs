//! [`blocking`]: work that may block, off the loop's thread.

use crate::error::Failure;

/// Runs work that may block, on files or in the system, on a thread where nothing else waits for it.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Failure::bug("work on another thread ended in a panic").source(&error)),
    }
}
