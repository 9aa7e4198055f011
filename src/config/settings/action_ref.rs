//! [`ActionRef`]: the action that a step names, with the place of its name.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use toml::Spanned;

use super::parser::SettingsParser;
use crate::action::{Action, ActionType};
use crate::config::sections::stages::COMMON_KEYS;
use crate::config::syntax::node::Table;
use crate::fingerprint::Digest;

/// The digests of actions, each computed when a step first names it.
#[derive(Default)]
pub(in crate::config) struct ActionDigests(Mutex<BTreeMap<&'static str, Digest>>);

impl ActionDigests {
    pub(super) fn of(&self, action: &ActionType) -> Digest {
        let mut digests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *digests.entry(action.name).or_insert_with(|| action.digest())
    }
}

/// An action as a step of the file names it.
pub(super) struct ActionRef {
    pub(super) action: &'static ActionType,
    /// The place of its name.
    pub(super) place: Range<usize>,
}

impl SettingsParser for ActionRef {
    type Parsed = Arc<dyn Action>;

    fn parse(&self, settings: &Table) -> Result<Arc<dyn Action>, toml::de::Error> {
        (self.action.parse)(Spanned::new(self.place.clone(), settings.to_toml()))
    }

    fn subject(&self) -> String {
        format!("action `{}`", self.action.name)
    }

    fn place(&self) -> &Range<usize> {
        &self.place
    }

    fn schema(&self) -> schemars::Schema {
        (self.action.schema)()
    }

    fn common_keys(&self) -> &'static [&'static str] {
        &COMMON_KEYS
    }

    fn elsewhere(&self, _setting: &str) -> Option<String> {
        None
    }

    fn reference(&self) -> Option<String> {
        Some(format!("`provision actions {}` lists them", self.action.name))
    }
}
