//! Changes of JSON that has a key or a value a line.

use std::sync::LazyLock;

use regex::Regex;

use super::source::{Change, Source};
use super::tokens::{other_numbers, other_words, something_else};
use crate::model::MutantKind;

/// A key, if there is one, and its value without the comma after it.
static ENTRY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"^(\s*)("[^"]*"\s*:\s*)?(.*?)(,?)\s*$"#).ok());

/// A line with a value.
struct Entry<'a> {
    at: usize,
    indent: &'a str,
    key: &'a str,
    value: &'a str,
    comma: &'a str,
    /// The line after the last one that belongs to it.
    end: usize,
}

impl Entry<'_> {
    fn with(&self, value: &str) -> String {
        format!("{}{}{value}{}", self.indent, self.key, self.comma)
    }

    fn is_leaf(&self) -> bool {
        self.end == self.at + 1
    }
}

pub(super) fn changes(source: &Source<'_>) -> Vec<Change> {
    let all = entries(source);
    let mut changes = Vec::new();
    for (n, entry) in all.iter().enumerate() {
        changes.push(without(source, entry));
        if !entry.is_leaf() {
            continue;
        }
        for value in other_numbers(entry.value, &[]) {
            changes.push(source.with(MutantKind::Number, entry.at, entry.with(&value)));
        }
        for value in other_words(entry.value, &[]) {
            changes.push(source.with(MutantKind::Word, entry.at, entry.with(&value)));
        }
        if !entry.key.is_empty() {
            let other = something_else(entry.value, &[]);
            // As the first of two: before it, so that the comma is right.
            let later = format!("{}{}{},", entry.indent, entry.key, entry.value);
            let change = source.taken_back(entry.at, entry.at, &later);
            let text = change.text.lines().collect::<Vec<_>>();
            let both = Source { lines: text }.with(MutantKind::LaterLine, entry.at + 1, entry.with(&other));
            changes.push(Change { line: entry.at + 1, ..both });
        }
        let next =
            all.get(n + 1).filter(|next| next.is_leaf() && next.indent == entry.indent && next.at == entry.at + 1);
        if let Some(next) = next.filter(|next| next.value != entry.value && next.key.is_empty() == entry.key.is_empty())
        {
            changes.push(source.swapped(&(entry.at, entry.with(next.value)), &(next.at, next.with(entry.value))));
        }
    }
    changes
}

/// Without the entry; without the comma before it, if it was the last one.
fn without(source: &Source<'_>, entry: &Entry<'_>) -> Change {
    let is_last = !source.lines[entry.end - 1].trim_end().ends_with(',');
    let before = entry.at.checked_sub(1).and_then(|at| source.lines[at].trim_end().strip_suffix(','));
    match before.filter(|_| is_last) {
        None => source.without(entry.at..entry.end),
        Some(before) => {
            let change = source.replace(MutantKind::LineGone, entry.at - 1..entry.end, &[before.to_owned()], "");
            let gone = source.without(entry.at..entry.end);
            Change { text: change.text, ..gone }
        }
    }
}

fn entries<'a>(source: &Source<'a>) -> Vec<Entry<'a>> {
    let mut all = Vec::new();
    for (at, line) in source.lines.iter().enumerate() {
        let Some(found) = ENTRY.as_ref().and_then(|entry| entry.captures(line)) else { continue };
        let part = |n: usize| found.get(n).map_or("", |part| &line[part.range()]);
        let (indent, key, value, comma) = (part(1), part(2), part(3), part(4));
        if value.is_empty() || value.starts_with(['}', ']']) || (key.is_empty() && value.len() == 1) {
            continue;
        }
        let closes = |line: &&str| line.trim_start().starts_with(['}', ']']) && indent_of(line) == indent;
        let end = if value.ends_with(['{', '[']) {
            source.lines[at + 1..].iter().position(closes).map_or(at + 1, |n| at + n + 2)
        } else {
            at + 1
        };
        all.push(Entry { at, indent, key, value, comma, end });
    }
    all
}

fn indent_of(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}
