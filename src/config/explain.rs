//! What serde says of wrong settings, in the words of the file.

use std::ops::Range;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Source};
use super::nearest::suggest;
use super::node::{Entry, Node, Table, Value};
use super::stages::COMMON;
use crate::action::ActionType;

/// The diagnostic for `error`, which `action` raised on `settings`; `place` is that of the action's name.
pub(super) fn explain(
    action: &ActionType,
    place: &Range<usize>,
    settings: &Table,
    error: &toml::de::Error,
    source: &Arc<Source>,
) -> Diagnostic {
    let message = error.message();
    let quoted = quoted(message);
    let first = quoted.first().copied().unwrap_or_default();
    let Some(span) = error.span() else {
        // What types can't say; it names the setting in its text.
        let entry = quoted.iter().find_map(|name| settings.get(name));
        let span = entry.map_or_else(|| place.clone(), |entry| entry.node.span.clone());
        return Diagnostic::error(message).at(source, span, "");
    };
    if message.starts_with("unknown field") {
        let own = settings.0.iter().any(|entry| entry.key_span == span);
        let mut names: Vec<&str> = quoted.iter().skip(1).copied().collect();
        let of = if own {
            names.extend(COMMON);
            names.retain(|name| settings.get(name).is_none());
            format!(" of action `{}`", action.name)
        } else {
            String::new()
        };
        let few = names.iter().copied().filter(|name| !own || !COMMON.contains(name));
        let help = super::nearest::nearest(first, names.iter().copied())
            .map(|near| format!("did you mean `{near}`?"))
            .or_else(|| suggest(first, few.collect::<Vec<_>>()));
        return Diagnostic::error(format!("unknown setting `{first}`{of}"))
            .at(source, span, "not known here")
            .maybe_help(help.or_else(|| Some(format!("`provision actions {}` lists them", action.name))));
    }
    if let Some(name) = missing_name(error) {
        if span == *place {
            return missing(action, place, name, source);
        }
        return Diagnostic::error(format!("`{name}` is missing here")).at(source, span, format!("no `{name}`"));
    }
    let Some((key, node, is_item)) = at(settings, &span) else {
        return Diagnostic::error(message).at(source, span, "");
    };
    if message.starts_with("unknown variant") {
        let names = quoted.iter().skip(1).copied().collect::<Vec<_>>();
        return Diagnostic::error(format!("`{key}` can't be `{first}`"))
            .at(source, span, "")
            .maybe_help(suggest(first, names));
    }
    if message.starts_with("data did not match") {
        let diagnostic = Diagnostic::error(format!("`{key}` can't be {} like this", node.kind())).at(source, span, "");
        return match description(action, key) {
            Some(text) => diagnostic.note(format!("`{key}`: {text}")),
            None => diagnostic,
        };
    }
    let (_, expected) = message.rsplit_once(", expected ").unwrap_or_default();
    if message.starts_with("invalid type: ") {
        let expected = expected_words(expected);
        let of = if is_item { "an item of " } else { "" };
        return Diagnostic::error(format!("{of}`{key}` has to be {expected}, not {}", node.kind())).at(
            source,
            span,
            format!("expected {expected}"),
        );
    }
    let message = match range_words(expected) {
        Some(range) => format!("`{key}` has to be a whole number {range}"),
        None => format!("`{key}` can't be this: {message}"),
    };
    Diagnostic::error(message).at(source, span, "")
}

/// The key and the value at `span`, and whether it is an item of a list.
fn at<'a>(settings: &'a Table, span: &Range<usize>) -> Option<(&'a str, &'a Node, bool)> {
    fn within<'a>(entry: &'a Entry, span: &Range<usize>) -> Option<(&'a str, &'a Node, bool)> {
        if entry.node.span == *span || entry.key_span == *span {
            return Some((&entry.key, &entry.node, false));
        }
        match &entry.node.value {
            Value::Table(table) => at(table, span),
            Value::List(items) => items.iter().find_map(|item| match &item.value {
                _ if item.span == *span => Some((entry.key.as_str(), item, true)),
                Value::Table(table) => at(table, span),
                _ => None,
            }),
            _ => None,
        }
    }
    settings.0.iter().find_map(|entry| within(entry, span))
}

/// The texts between backticks.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

fn expected_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" | "integer" => "a whole number",
        "f32" | "f64" | "float" => "a number",
        "a string" | "string" | "str" | "path string" => "a text",
        "a boolean" | "bool" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

fn range_words(kind: &str) -> Option<&'static str> {
    match kind {
        "u8" => Some("between 0 and 255"),
        "u16" => Some("between 0 and 65535"),
        "u32" => Some("between 0 and 4294967295"),
        "u64" | "usize" => Some("of 0 or more"),
        _ => None,
    }
}

/// The settings that the action can't do without.
pub(super) fn required(action: &ActionType) -> Vec<String> {
    let schema = (action.schema)();
    let names = schema.get("required").and_then(|names| names.as_array());
    let names = names.into_iter().flatten().filter_map(|name| name.as_str());
    names.map(str::to_owned).collect()
}

/// The diagnostic for a setting that is not there.
pub(super) fn missing(action: &ActionType, place: &Range<usize>, name: &str, source: &Arc<Source>) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("action `{}` needs `{name}`", action.name)).at(
        source,
        place.clone(),
        format!("no `{name}`"),
    );
    match description(action, name) {
        Some(note) => diagnostic.note(format!("`{name}`: {note}")),
        None => diagnostic,
    }
}

/// The name that serde misses.
pub(super) fn missing_name(error: &toml::de::Error) -> Option<&str> {
    error.message().strip_prefix("missing field `")?.strip_suffix('`')
}

/// What the action's reference says of a setting.
fn description(action: &ActionType, key: &str) -> Option<String> {
    let schema = (action.schema)();
    let text = schema.get("properties")?.get(key)?.get("description")?.as_str()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}
