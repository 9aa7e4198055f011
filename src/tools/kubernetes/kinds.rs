//! The kinds that were looked up, kept as long as the connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::api::ApiResource;

/// A kind that the cluster serves.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) resource: ApiResource,
    pub(super) is_namespaced: bool,
    /// Whether its objects are kept. A review, for one, is answered and forgotten.
    pub(super) is_kept: bool,
    /// Whether its objects can be listed and deleted.
    pub(super) is_listed: bool,
}

/// The kinds of each API version that was looked up. One request for each, kept as long as the connection.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    by_api_version: Mutex<BTreeMap<String, Arc<[Kind]>>>,
}

impl Kinds {
    /// Returns a kind that was looked up.
    pub(super) fn kept(&self, api_version: &str, kind: &str) -> Option<Kind> {
        let kept = self.by_api_version.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(api_version)?.iter().find(|one| one.resource.kind == kind).cloned()
    }

    /// Returns all kinds of an API version that was looked up.
    pub(super) fn all_kept(&self, api_version: &str) -> Option<Arc<[Kind]>> {
        self.by_api_version.lock().unwrap_or_else(PoisonError::into_inner).get(api_version).cloned()
    }

    /// Keeps all kinds of an API version.
    pub(super) fn keep(&self, api_version: &str, kinds: Arc<[Kind]>) {
        self.by_api_version.lock().unwrap_or_else(PoisonError::into_inner).insert(api_version.to_owned(), kinds);
    }

    /// Forgets everything: somebody may have removed a kind.
    pub(super) fn forget(&self) {
        self.by_api_version.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
