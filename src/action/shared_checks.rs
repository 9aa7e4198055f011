//! [`SharedChecks`]: what a check has found that several steps have in common.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Failure;
use crate::tools::Memo;

/// What checks have found wrong, or nothing.
#[derive(Debug, Default)]
pub(super) struct SharedChecks(Mutex<HashMap<String, Arc<Memo<Option<String>>>>>);

impl SharedChecks {
    /// Returns what was found for `key`, or finds it by `check`; a second caller waits for the first one's result. A
    /// failure to check is not kept.
    pub(super) async fn get_or(
        &self,
        key: String,
        check: impl Future<Output = Result<Option<String>, Failure>>,
    ) -> Result<Option<String>, Failure> {
        let of_key = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        of_key.get_or(check).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_found_is_found_once_for_each_key_and_a_failure_is_not_kept() {
        let checks = SharedChecks::default();
        let found = |what: &str| std::future::ready(Ok(Some(what.to_owned())));
        let failed = checks.get_or("a".into(), async { Err(Failure::failed("no")) });
        assert!(failed.await.is_err());
        let mut results = Vec::new();
        for (key, what) in [("a", "1"), ("a", "2"), ("b", "3")] {
            results.push(checks.get_or(key.into(), found(what)).await.unwrap().unwrap());
        }
        assert_eq!(results, ["1", "1", "3"]);
    }
}
