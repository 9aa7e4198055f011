//! The mutants of a file: every sensible change of its text, by its format.
//!
//! A format's operators are one file here.

mod code;
mod dockerfile;
mod json;
mod keyed;
mod markdown;
mod meaning;
mod patterns;
mod source;
mod structure;
mod syntax;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::BTreeSet;
use std::path::Path;

use crate::model::MutantKind;
use meaning::Meaning;
use source::Source;
pub(super) use source::{Change, Lines};
use syntax::Syntax;

/// The changes of the file `name` that mean something else than `text`, in the order of their lines and kinds. The file
/// that is gone is not among them, as its content does not matter.
pub(super) fn changes(name: &Path, text: &str) -> Vec<Change> {
    let syntax = Syntax::of(name, text);
    let source = Source::new(text);
    let mut all = match &syntax {
        Syntax::Yaml | Syntax::Template => keyed::changes(&source, &syntax),
        Syntax::Json => json::changes(&source),
        Syntax::Pairs => keyed::of_pairs(&source),
        Syntax::Dockerfile => dockerfile::changes(&source),
        Syntax::Dockerignore => patterns::changes(&source),
        Syntax::Markdown => markdown::changes(&source),
        Syntax::Code(comments) => code::changes(&source, Some(comments)),
        Syntax::Text => code::changes(&source, None),
    };
    let before = Meaning::of(&syntax, name, text);
    let mut seen = BTreeSet::new();
    all.retain(|change| {
        let after = Meaning::of(&syntax, name, &change.text);
        after.is_readable() && after != before && seen.insert((change.kind, change.text.clone()))
    });
    if !text.trim().is_empty() {
        all.push(Change::whole(MutantKind::Emptied));
    }
    all.sort_by_key(|change| (change.line, change.kind));
    all
}
