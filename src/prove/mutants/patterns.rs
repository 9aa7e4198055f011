//! Changes of a `.dockerignore`.

use super::source::{Change, Source};
use super::tokens::other_words;
use crate::model::MutantKind;

pub(super) fn changes(source: &Source<'_>) -> Vec<Change> {
    let mut all = Vec::new();
    let end = source.lines.len();
    for (at, line) in source.lines.iter().enumerate() {
        let pattern = line.trim();
        if pattern.is_empty() || pattern.starts_with('#') {
            continue;
        }
        all.push(source.without(at..at + 1));
        all.push(source.commented(at..at + 1, "#"));
        all.extend(other_words(line, &[]).into_iter().map(|line| source.with(MutantKind::Word, at, line)));
        let taken_back = match pattern.strip_prefix('!') {
            Some(pattern) => pattern.to_owned(),
            None => format!("!{pattern}"),
        };
        all.push(source.taken_back(at, end, &taken_back));
    }
    if end > 0 {
        all.push(source.taken_back(end - 1, end, "*"));
    }
    all
}
