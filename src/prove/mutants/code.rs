//! Changes of programs and of any other text.

use std::sync::LazyLock;

use regex::Regex;

use super::source::{Change, Source};
use super::syntax::Comments;
use super::tokens::{actions, other_numbers, other_words};
use crate::model::MutantKind;

/// A key of an object, as JavaScript and its kin write it, whose last value counts.
static KEY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^(\s+)([A-Za-z_]\w*): .*,$").ok());
/// A variable that gets a value.
static VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^(\s*)([A-Za-z_]\w*) = .*$").ok());

pub(super) fn changes(source: &Source<'_>, comments: Option<&Comments>) -> Vec<Change> {
    let mut all = Vec::new();
    for at in code_lines(source, comments) {
        let line = source.lines[at];
        all.push(source.without(at..at + 1));
        let skipped = actions(line);
        all.extend(other_numbers(line, &skipped).into_iter().map(|line| source.with(MutantKind::Number, at, line)));
        all.extend(other_words(line, &skipped).into_iter().map(|line| source.with(MutantKind::Word, at, line)));
        let Some(comments) = comments else { continue };
        all.push(source.commented(at..at + 1, comments.line));
        all.extend(later(line, comments).map(|later| source.taken_back(at, at + 1, &later)));
    }
    all
}

/// A line that takes back what `line` sets.
fn later(line: &str, comments: &Comments) -> Option<String> {
    let (pattern, rest) = match comments.line {
        "//" => (&*KEY, ": undefined,"),
        _ => (&*VARIABLE, " = None"),
    };
    let found = pattern.as_ref()?.captures(line)?;
    Some(format!("{}{}{rest}", &found[1], &found[2]))
}

/// The lines that are neither blank nor comments.
fn code_lines(source: &Source<'_>, comments: Option<&Comments>) -> Vec<usize> {
    let mut found = Vec::new();
    let mut is_open = false;
    for (at, line) in source.lines.iter().enumerate() {
        let line = line.trim();
        let Some(Comments { line: mark, block: (start, end) }) = comments else {
            if !line.is_empty() {
                found.push(at);
            }
            continue;
        };
        if is_open {
            is_open = !line.contains(end);
        } else if let Some(rest) = line.strip_prefix(start) {
            is_open = !rest.contains(end);
        } else if !line.is_empty() && !line.starts_with(mark) {
            found.push(at);
        }
    }
    found
}
