//! What finds the registered secrets; all streams share it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::anchors::Anchors;
use super::automaton::Automaton;
use super::filter::Filter;

/// What finds the secrets.
pub(super) struct Matcher {
    pub(super) automaton: Automaton,
    /// For the filter; none when there is a secret that it can't find.
    pub(super) anchors: Option<Arc<Anchors>>,
    /// The filter for single texts; streams have their own.
    filter: Option<Mutex<Filter>>,
}

impl Matcher {
    pub(super) fn new(texts: &BTreeSet<Vec<u8>>, sources: &BTreeSet<Vec<u8>>) -> Self {
        let anchors = Anchors::new(texts, sources).map(Arc::new);
        let filter = anchors.as_ref().map(|anchors| Mutex::new(Filter::new(Arc::clone(anchors))));
        Self { automaton: Automaton::new(texts), anchors, filter }
    }

    /// Whether `bytes` may hold a secret.
    pub(super) fn is_candidate(&self, bytes: &[u8]) -> bool {
        let Some(mut filter) = self.filter.as_ref().and_then(|filter| filter.try_lock().ok()) else { return true };
        let mut found = false;
        filter.restart();
        filter.read(bytes, |_| found = true);
        // What is undecided at the end may be one.
        filter.read(b"  ", |_| found = true);
        found
    }
}
