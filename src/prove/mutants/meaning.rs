//! [`Meaning`]: what a file says, as far as its text alone shows it.

use std::path::Path;

use serde_json::Value;

use super::syntax::Syntax;
use crate::documents::{Document, Format, Source};

/// What a file says.
#[derive(Debug, PartialEq)]
pub(super) enum Meaning {
    /// Its values, of a format that has a reader.
    Values(Vec<Value>),
    /// Its lines, without blank ones and without spaces at their ends.
    Lines(Vec<String>),
    /// It can't be read: every check of it fails, and nothing is learnt from that.
    Unreadable,
}

impl Meaning {
    /// What the file `name` with this text says.
    pub(super) fn of(syntax: &Syntax, name: &Path, text: &str) -> Self {
        if matches!(syntax, Syntax::Template | Syntax::Code(_) | Syntax::Text) {
            let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
            return Self::Lines(lines.map(str::to_owned).collect());
        }
        // Where links lead is no matter of this file.
        let source = Source { root: Path::new("/"), name, text };
        let Ok(document) = Document::read(Format::of(name), source) else { return Self::Unreadable };
        let documents = document.extras.iter().filter(|(name, _)| *name == "documents").map(|(_, tree)| tree.to_json());
        Self::Values(std::iter::once(document.root.to_json()).chain(documents).collect())
    }

    /// Whether it can be read.
    pub(super) fn is_readable(&self) -> bool {
        *self != Self::Unreadable
    }
}
