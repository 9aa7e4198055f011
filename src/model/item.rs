//! The entries of checklist files, as they are written there.

use std::fmt;
use std::sync::Arc;

use super::ItemId;

/// An entry of a checklist file: a box with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the file says each of them on its own")]
pub struct Item {
    /// What `covers` and reports call it: its id in the file, after the name of its list if the lists have names
    /// (`auth:T001`). For a box without an id, its text takes the place of the id.
    pub id: ItemId,
    /// Whether the file gives it an id.
    pub has_id: bool,
    /// The heading it stands under.
    pub phase: String,
    /// Its text, without id and markers.
    pub text: String,
    /// Whether it is ticked in the file.
    pub ticked: bool,
    /// Whether its box says that it is not going to be done: `[-]`, `[~]`.
    pub dropped: bool,
    /// Whether it is marked as a MUST: it can be neither waived nor dropped.
    pub must: bool,
    /// Its place in the file.
    pub place: ItemPlace,
}

impl Item {
    /// Returns its id, if the file gives it one, and its text.
    pub fn title(&self) -> String {
        if self.has_id { format!("{} {}", self.id, self.text) } else { self.text.clone() }
    }
}

/// A line of a checklist file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemPlace {
    /// The path of the file, as `pipeline.toml` gives it.
    pub file: Arc<str>,
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for ItemPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A line of a checklist file that looks like an item and is none, so that nothing can prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearItem {
    /// Its place in the file.
    pub place: ItemPlace,
    /// Why it is no item, and what to write instead.
    pub problem: String,
}
