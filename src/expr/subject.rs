//! [`Subject`]: what assertions are about.

use super::tree::Tree;

/// A function that only some documents have: it gets a string.
pub type DocumentFunction = Box<dyn Fn(&str) -> Result<bool, String> + Send + Sync>;

/// What assertions are about.
pub struct Subject<'a> {
    /// The document: its keys are names.
    pub root: &'a Tree,
    /// Values from elsewhere: `given.NAME`.
    pub given: Option<&'a Tree>,
    /// Further names.
    pub extras: &'a [(&'static str, Tree)],
    /// Functions of its own.
    pub functions: &'a [(&'static str, DocumentFunction)],
}
