//! Any text: `text`, and `lines` without what ends them.

use super::document::Document;
use crate::expr::Tree;

pub(super) fn read(text: &str) -> Document {
    Document::new(Tree::table(None, extras(text)))
}

/// The names that assertions on every file may use.
pub(super) fn extras(text: &str) -> [(&'static str, Tree); 2] {
    let lines = text.lines().enumerate().map(|(n, line)| Tree::scalar(Some(n + 1), line));
    [("text", Tree::scalar(None, text)), ("lines", Tree::list(None, lines))]
}
