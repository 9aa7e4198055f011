//! [`Memo`]: a result that steps share for a moment.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::error::Failure;

/// Checks of the same thing that are no further apart share one result.
pub(super) const SHARED_FOR: Duration = Duration::from_millis(500);

/// A result that is found once for everybody who asks at about the same time. A failure is not kept.
#[derive(Debug)]
pub struct Memo<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Memo<T> {
    /// Returns the result of the last moment, or finds it by `find`; a second caller waits for the first one's result.
    pub async fn get_or(&self, find: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let mut kept = self.0.lock().await;
        if let Some((at, value)) = &*kept
            && at.elapsed() < SHARED_FOR
        {
            return Ok(value.clone());
        }
        let value = find.await?;
        *kept = Some((Instant::now(), value.clone()));
        Ok(value)
    }

    /// Forgets the result: what it is about has been changed.
    pub async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_result_is_shared_until_it_is_forgotten_and_a_failure_is_not_kept() {
        let memo = Memo::default();
        assert!(memo.get_or(async { Err(Failure::failed("no")) }).await.is_err());
        assert_eq!(memo.get_or(async { Ok(1) }).await.unwrap(), 1);
        memo.forget().await;
        assert_eq!(memo.get_or(async { Ok(2) }).await.unwrap(), 2);
    }
}
