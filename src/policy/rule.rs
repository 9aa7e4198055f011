//! [`Rule`]: what one is.

use super::objects::Object;
use super::source::SourceFile;
use crate::leaks::Scanner;

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// What `rules = […]` names it.
    pub id: &'static str,
    /// What it asks for, as a sentence without its subject: "every container has limits".
    pub asks: &'static str,
    /// Why.
    pub why: &'static str,
    /// What helps.
    pub fix: &'static str,
    /// How it is checked.
    pub check: Check,
}

/// What a rule checks, and how.
#[derive(Debug)]
pub enum Check {
    /// Files of the project, by their path and content.
    Files {
        /// Whether the rule is about a file with this path.
        applies: fn(&str) -> bool,
        /// What is wrong with a file. The scanner is for those that look for secrets.
        check: fn(&SourceFile, &mut Scanner) -> Vec<Spot>,
    },
    /// Kubernetes objects.
    Objects {
        /// Whether the rule is about this object.
        applies: fn(&Object) -> bool,
        /// What is wrong with an object, given all objects that are applied together with it.
        check: fn(&Object, &[Object]) -> Vec<String>,
    },
}

/// Something that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The line, counted from 1.
    pub line: u64,
    /// What is there.
    pub found: String,
}

impl Spot {
    /// What `found` says, in the line with the index `index`.
    pub(super) fn at(index: usize, found: impl Into<String>) -> Self {
        Self { line: index as u64 + 1, found: found.into() }
    }
}
