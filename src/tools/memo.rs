//! [`Memo`]: a result that steps share for a moment. [`Memos`]: one for each key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, MutexGuard, PoisonError};
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

/// A [`Memo`] for each key.
#[derive(Debug)]
pub struct Memos<K, T>(std::sync::Mutex<HashMap<K, Arc<Memo<T>>>>);

impl<K, T> Default for Memos<K, T> {
    fn default() -> Self {
        Self(std::sync::Mutex::default())
    }
}

impl<K: Eq + Hash, T: Clone> Memos<K, T> {
    /// Returns what [`Memo::get_or`] does for `key`.
    pub async fn get_or(&self, key: K, find: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let of_key = Arc::clone(self.kept().entry(key).or_default());
        of_key.get_or(find).await
    }

    /// Forgets all results: what they are about has been changed. What is being found now was begun before that, and
    /// nobody who asks from now on gets it.
    pub fn forget(&self) {
        self.kept().clear();
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<K, Arc<Memo<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_key_has_its_own_result() {
        let memos = Memos::default();
        let mut results = Vec::new();
        for (key, found) in [("a", Err(Failure::failed("no"))), ("a", Ok(1)), ("a", Ok(2)), ("b", Ok(3))] {
            results.push(memos.get_or(key, async { found }).await.ok());
        }
        assert_eq!(results, [None, Some(1), Some(1), Some(3)]);
        memos.forget();
        assert_eq!(memos.get_or("a", async { Ok(4) }).await.unwrap(), 4);
    }

    #[tokio::test]
    async fn a_result_is_shared_until_it_is_forgotten_and_a_failure_is_not_kept() {
        let memo = Memo::default();
        assert!(memo.get_or(async { Err(Failure::failed("no")) }).await.is_err());
        assert_eq!(memo.get_or(async { Ok(1) }).await.unwrap(), 1);
        memo.forget().await;
        assert_eq!(memo.get_or(async { Ok(2) }).await.unwrap(), 2);
    }
}
