//! [`Entry`]: a line of YAML or of a template of it, with what belongs to it.

use std::sync::LazyLock;

use regex::Regex;

use super::source::Source;

/// A key with what follows it; the key may have quotes, or actions of a template.
static KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"^("[^"]*"|'[^']*'|[^\s#'"\[\]{},-][^#'"]*?|\{\{.*?\}\}\S*?)\s*:(?:\s+(.*))?$"#).ok()
});
/// What begins a block of text.
static BLOCK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[|>][+\-0-9]{0,2}$").ok());

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key, an item of a list, or both.
    Data,
    /// An action of a template alone, which puts something there.
    Action,
    /// An action of a template alone, which decides what is there: `if`, `range`, `end`.
    Control,
    /// A line of a block of text.
    Text,
}

/// A line that is neither blank nor a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its index.
    pub(super) at: usize,
    /// What it is.
    pub(super) kind: Kind,
    /// Whether it begins an item of a list.
    pub(super) is_item: bool,
    /// The column of its key, or of its value where it has none.
    pub(super) column: usize,
    /// The column in which it begins: of an item, that of its dash.
    pub(super) outer: usize,
    /// Its key.
    pub(super) key: Option<String>,
    /// Where its value begins and ends in the line; empty if it has none, or a block of text below it.
    pub(super) value: std::ops::Range<usize>,
    /// The line after the last one that belongs to it.
    pub(super) end: usize,
}

/// The entries of a file.
pub(super) fn entries(source: &Source<'_>) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    // The column of the key or item whose block of text the lines are in.
    let mut text_below: Option<usize> = None;
    let mut in_comment = false;
    for (at, line) in source.lines.iter().enumerate() {
        let content = line.trim();
        let column = line.len() - line.trim_start().len();
        if in_comment || content.starts_with("{{/*") || content.starts_with("{{- /*") {
            in_comment = !content.contains("*/");
            continue;
        }
        if content.is_empty() {
            continue;
        }
        if text_below.is_some_and(|limit| column > limit) {
            all.push(plain(at, Kind::Text, line, column));
            continue;
        }
        text_below = None;
        if content.starts_with('#') || content.starts_with("---") || content == "..." {
            continue;
        }
        let entry = entry(at, line, column);
        if entry.kind == Kind::Data && BLOCK.as_ref().is_some_and(|block| block.is_match(&line[entry.value.clone()])) {
            text_below = Some(column);
            all.push(Entry { value: 0..0, ..entry });
        } else {
            all.push(entry);
        }
    }
    for n in 0..all.len() {
        all[n].end = end_of(&all, n);
    }
    all
}

fn plain(at: usize, kind: Kind, line: &str, column: usize) -> Entry {
    let value = column..line.trim_end().len();
    Entry { at, kind, is_item: false, column, outer: column, key: None, value, end: at + 1 }
}

fn entry(at: usize, line: &str, column: usize) -> Entry {
    let content = line.trim();
    if content.starts_with("{{") && content.ends_with("}}") {
        let words = content.trim_start_matches(['{', '-']).trim_start();
        let first = words.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let is_control = matches!(first, "if" | "else" | "end" | "range" | "with" | "define" | "block");
        if is_control || !KEY.as_ref().is_some_and(|key| key.is_match(content)) {
            return plain(at, if is_control { Kind::Control } else { Kind::Action }, line, column);
        }
    }
    let mut start = column;
    while line[start..].starts_with("- ") {
        start += 2;
        start += line[start..].len() - line[start..].trim_start().len();
    }
    let rest = line[start..].trim_end();
    let is_item = start > column || rest == "-";
    let found = KEY.as_ref().and_then(|key| key.captures(rest));
    let (key, value) = match &found {
        Some(found) => {
            let value = found.get(2).map_or(0..0, |value| start + value.start()..start + value.end());
            (found.get(1).map(|key| key.as_str().to_owned()), value)
        }
        None => (None, start..start + rest.len()),
    };
    let value = without_comment(line, value);
    Entry { at, kind: Kind::Data, is_item, column: start, outer: column, key, value, end: at + 1 }
}

/// A value without the comment after it.
fn without_comment(line: &str, value: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let text = &line[value.clone()];
    if text.starts_with('#') {
        return 0..0;
    }
    let end = match text.find(" #") {
        Some(at) if !text.starts_with(['"', '\'']) => text[..at].trim_end().len(),
        _ => text.len(),
    };
    value.start..value.start + end
}

/// The line after the last one that belongs to the entry `n`: what is indented deeper, and items of a list below a key
/// in its own column. What decides about other lines counts with the lines that it decides about.
fn end_of(all: &[Entry], n: usize) -> usize {
    let own = &all[n];
    if own.kind != Kind::Data {
        return own.at + 1;
    }
    let takes_items = own.key.is_some() && own.value.is_empty() && !own.is_item;
    let mut end = own.at + 1;
    for other in &all[n + 1..] {
        let belongs = match other.kind {
            Kind::Control => continue,
            _ => other.outer > own.outer || (takes_items && other.is_item && other.outer == own.outer),
        };
        if !belongs {
            break;
        }
        end = other.at + 1;
    }
    end
}

/// Whether actions that begin a part of a template and those that end it balance in `lines`.
pub(super) fn is_balanced(lines: &[&str]) -> bool {
    let mut depth = 0_i32;
    for line in lines {
        for action in super::tokens::actions(line) {
            let words = line[action].trim_start_matches(['{', '-']).trim_start();
            match words.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default() {
                "if" | "range" | "with" | "define" | "block" => depth += 1,
                "end" => depth -= 1,
                "else" if depth == 0 => return false,
                _ => {}
            }
            if depth < 0 {
                return false;
            }
        }
    }
    depth == 0
}
