//! How values are shown in messages.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::tree::{Content, Tree};

/// Most characters of a value that a message shows.
const MAX_SHOWN: usize = 120;

/// What stands for a value that must not be shown.
pub(super) const HIDDEN: &str = "(hidden)";

/// Returns `value` as one would write it in an expression, cut to a readable length.
pub(super) fn value(value: &Value) -> String {
    cut(&whole(value))
}

/// The same for a value of a document.
pub(super) fn tree(tree: &Tree) -> String {
    cut(&whole_tree(tree))
}

fn whole(value: &Value) -> String {
    match value.kind() {
        ValueKind::String => string(value.as_str().unwrap_or_default()),
        ValueKind::None | ValueKind::Undefined => "none".into(),
        // Its own form is that of Python.
        ValueKind::Bool => value.is_true().to_string(),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map(|items| items.map(|item| whole(&item)).collect::<Vec<_>>());
            format!("[{}]", items.unwrap_or_default().join(", "))
        }
        ValueKind::Map => {
            let keys = value.try_iter().map(Iterator::collect::<Vec<_>>).unwrap_or_default();
            let entry = |key: &Value| {
                let found = value.get_item(key).map(|found| whole(&found)).unwrap_or_default();
                format!("{key}: {found}")
            };
            format!("{{{}}}", keys.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        _ => value.to_string(),
    }
}

fn whole_tree(tree: &Tree) -> String {
    match &tree.content {
        _ if tree.is_hidden => HIDDEN.into(),
        Content::Scalar(serde_json::Value::String(text)) => string(text),
        Content::Scalar(serde_json::Value::Null) => "none".into(),
        Content::Scalar(scalar) => scalar.to_string(),
        Content::List(items) => format!("[{}]", items.iter().map(whole_tree).collect::<Vec<_>>().join(", ")),
        Content::Table(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key}: {}", whole_tree(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

fn string(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_SHOWN {
        return text.to_owned();
    }
    text.chars().take(MAX_SHOWN).chain(['…']).collect()
}

/// Returns the name of a value's type with an article.
pub(super) fn kind(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::String => "a string",
        ValueKind::Number => "a number",
        ValueKind::Bool => "a boolean",
        ValueKind::None | ValueKind::Undefined => "none",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a table",
        _ => "a quantity or a version",
    }
}
