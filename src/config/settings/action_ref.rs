//! [`ActionRef`]: the action that a step names, with the place of its name.

use std::ops::Range;

use toml::Spanned;

use crate::action::{Action, ActionType};
use crate::config::syntax::node::Table;

/// An action as a step of the file names it.
pub(super) struct ActionRef {
    pub(super) action: &'static ActionType,
    /// The place of its name.
    pub(super) place: Range<usize>,
}

impl ActionRef {
    pub(super) fn parse(&self, settings: &Table) -> Result<Box<dyn Action>, toml::de::Error> {
        (self.action.parse)(Spanned::new(self.place.clone(), settings.to_toml()))
    }
}
