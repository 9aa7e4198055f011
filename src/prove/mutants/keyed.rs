//! Changes of files that give values to keys: YAML, templates of it, and files with a name and a value a line.

use std::sync::LazyLock;

use regex::Regex;

use super::source::{Change, Source};
use super::structure::{Entry, Kind, entries, is_balanced};
use super::syntax::Syntax;
use super::tokens::{actions, other_numbers, other_words, something_else};
use crate::model::MutantKind;

/// A condition of a template.
static CONDITION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bif (.+?)(\s*-?\}\})").ok());
/// A value that a template takes from the chart's values.
static VALUE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\.Values(?:\.\w+)+").ok());
/// A string of an action, with what makes it the name of another template.
static ARGUMENT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"((?:include|define|template|block) )?"(\w+)""#).ok());

pub(super) fn changes(source: &Source<'_>, syntax: &Syntax) -> Vec<Change> {
    let all = entries(source);
    let mut changes = Vec::new();
    for (n, entry) in all.iter().enumerate() {
        let line = source.lines[entry.at];
        if matches!(syntax, Syntax::Template) {
            changes.extend(other_actions(line).into_iter().map(|line| source.with(MutantKind::Word, entry.at, line)));
        }
        match entry.kind {
            Kind::Control => {}
            Kind::Action => {
                if is_balanced(&[line]) && !line.contains(":=") {
                    changes.push(source.without(entry.at..entry.at + 1));
                }
            }
            Kind::Text | Kind::Data => {
                removals(source, entry, &mut changes);
                values(source, entry, &mut changes);
                if let Some(next) = all.get(n + 1) {
                    changes.extend(swap(source, entry, next));
                }
                let later = all[n + 1..].iter().find(|other| other.key == entry.key && is_leaf(other));
                // One beside it is swapped already.
                let later = later.filter(|other| entry.key.is_some() && other.at > entry.at + 1);
                changes.extend(later.and_then(|later| swap_values(source, entry, later)));
            }
        }
    }
    changes
}

fn is_leaf(entry: &Entry) -> bool {
    entry.kind == Kind::Data && !entry.value.is_empty()
}

/// The line without the entry, and with it as a comment.
fn removals(source: &Source<'_>, entry: &Entry, changes: &mut Vec<Change>) {
    let block = entry.at..entry.end;
    if !is_balanced(&source.lines[block.clone()]) {
        return;
    }
    changes.push(source.without(block.clone()));
    let is_one_line = block.len() == 1 && entry.kind == Kind::Data;
    // An action in a comment still puts lines there.
    if is_one_line && !source.lines[entry.at].contains("{{-") {
        changes.push(source.commented(block, "#"));
    }
}

/// The line with other values.
fn values(source: &Source<'_>, entry: &Entry, changes: &mut Vec<Change>) {
    let line = source.lines[entry.at];
    let (head, value, tail) =
        (&line[..entry.value.start], &line[entry.value.clone()], &line[entry.value.end.max(entry.value.start)..]);
    if value.is_empty() {
        return;
    }
    let skipped = actions(value);
    let whole = |value: String| format!("{head}{value}{tail}");
    for value in other_numbers(value, &skipped) {
        changes.push(source.with(MutantKind::Number, entry.at, whole(value)));
    }
    for value in other_words(value, &skipped) {
        changes.push(source.with(MutantKind::Word, entry.at, whole(value)));
    }
    // The first key of an item has the others after it, and what is an alias or has an anchor is a whole part.
    if let Some(key) = &entry.key
        && !value.starts_with(['&', '*'])
        && is_balanced(&[line])
    {
        let later = format!("{:indent$}{key}: {}", "", something_else(value, &skipped), indent = entry.column);
        changes.push(source.taken_back(entry.at, entry.at + 1, &later));
    }
}

/// Two values beside each other, each in the place of the other.
fn swap(source: &Source<'_>, first: &Entry, second: &Entry) -> Option<Change> {
    let is_beside = first.column == second.column && second.at == first.at + 1 && is_leaf(second);
    let has_keys = first.key.is_some() == second.key.is_some() && (first.key.is_none() || !second.is_item);
    if is_beside && has_keys { swap_values(source, first, second) } else { None }
}

fn swap_values(source: &Source<'_>, first: &Entry, second: &Entry) -> Option<Change> {
    let (one, other) = (source.lines[first.at], source.lines[second.at]);
    let (value, other_value) = (&one[first.value.clone()], &other[second.value.clone()]);
    let is_plain = |text: &str| !text.is_empty() && !text.starts_with(['&', '*']) && is_balanced(&[text]);
    if !is_leaf(first) || value == other_value || !is_plain(value) || !is_plain(other_value) {
        return None;
    }
    let with = |line: &str, entry: &Entry, value: &str| {
        format!("{}{value}{}", &line[..entry.value.start], &line[entry.value.end..])
    };
    Some(source.swapped(&(first.at, with(one, first, other_value)), &(second.at, with(other, second, value))))
}

/// The line with another condition, another value, or another argument in its actions.
fn other_actions(line: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(found) = CONDITION.as_ref().and_then(|condition| condition.captures(line))
        && let (Some(whole), Some(condition), Some(end)) = (found.get(0), found.get(1), found.get(2))
    {
        let negated = format!("if not ({}){}", condition.as_str(), end.as_str());
        lines.push(format!("{}{negated}{}", &line[..whole.start()], &line[whole.end()..]));
        return lines;
    }
    if let Some(found) = VALUE.as_ref().and_then(|value| value.find_iter(line).last()) {
        lines.push(format!("{}x{}", &line[..found.end()], &line[found.end()..]));
    }
    let arguments = ARGUMENT.iter().flat_map(|argument| argument.captures_iter(line));
    let argument = arguments.filter(|found| found.get(1).is_none()).last().and_then(|found| found.get(2));
    if let Some(argument) = argument {
        lines.push(format!("{}x{}", &line[..argument.end()], &line[argument.end()..]));
    }
    lines
}

/// A pair of a name and a value.
static PAIR: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(\s*(?:export\s+)?)([\w.-]+)(\s*=\s*)(.*?)\s*$").ok());

/// Changes of files with a name, `=` and a value a line.
pub(super) fn of_pairs(source: &Source<'_>) -> Vec<Change> {
    let pair = |at: usize| PAIR.as_ref()?.captures(source.lines.get(at)?);
    let mut changes = Vec::new();
    for (at, line) in source.lines.iter().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        changes.push(source.without(at..at + 1));
        changes.push(source.commented(at..at + 1, "#"));
        let Some(found) = pair(at) else { continue };
        let (head, name, sign, value) = (&found[1], &found[2], &found[3], &found[4]);
        let whole = |value: &str| format!("{head}{name}{sign}{value}");
        for value in other_numbers(value, &[]) {
            changes.push(source.with(MutantKind::Number, at, whole(&value)));
        }
        for value in other_words(value, &[]) {
            changes.push(source.with(MutantKind::Word, at, whole(&value)));
        }
        changes.push(source.taken_back(at, source.lines.len(), &whole(&something_else(value, &[]))));
        if let Some(next) = pair(at + 1).filter(|next| next[4] != *value) {
            let other = format!("{}{}{}{value}", &next[1], &next[2], &next[3]);
            changes.push(source.swapped(&(at, whole(&next[4])), &(at + 1, other)));
        }
    }
    changes
}
