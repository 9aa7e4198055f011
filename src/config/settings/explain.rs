//! [`explain`]: turns serde's errors about settings into diagnostics in the terms of the file.

use std::ops::Range;
use std::sync::Arc;

use super::parser::SettingsParser;
use crate::config::syntax::diagnostic::{Diagnostic, Source};
use crate::config::syntax::node::{Entry, Node, Table, Value};
use crate::suggest::{nearest, suggest};

/// Returns the diagnostic for `error`, which `parser` returned for `settings`.
pub(super) fn explain(
    parser: &impl SettingsParser,
    settings: &Table,
    error: &toml::de::Error,
    source: &Arc<Source>,
) -> Diagnostic {
    let message = error.message();
    let Some(span) = error.span() else {
        // An error of the parser's own validation: the message names the setting.
        let entry = quoted(message).into_iter().find_map(|name| settings.get(name));
        let span = entry.map_or_else(|| parser.place().clone(), |entry| entry.node.span.clone());
        return Diagnostic::error(message).at(source, span, "");
    };
    if message.starts_with("unknown field") {
        return unknown_setting(parser, settings, &quoted(message), span, source);
    }
    if let Some(name) = missing_name(error) {
        if span == *parser.place() {
            return missing(parser, name, source);
        }
        return Diagnostic::error(format!("missing `{name}`")).at(source, span, format!("no `{name}` here"));
    }
    match value_at(settings, &span) {
        Some(found) => invalid_value(parser, &found, message, span, source),
        None => Diagnostic::error(message).at(source, span, ""),
    }
}

/// Returns the diagnostic for the unknown setting at `span`; `names` are its name and then the known ones.
fn unknown_setting(
    parser: &impl SettingsParser,
    settings: &Table,
    names: &[&str],
    span: Range<usize>,
    source: &Arc<Source>,
) -> Diagnostic {
    let (unknown, known) = names.split_first().map_or(("", &[][..]), |(unknown, known)| (*unknown, known));
    let is_top_level = settings.0.iter().any(|entry| entry.key_span == span);
    let mut known = known.to_vec();
    let mut candidates = known.clone();
    let mut message = format!("unknown setting `{unknown}`");
    if is_top_level {
        message = format!("{message} of {}", parser.subject());
        candidates.extend(parser.common_keys());
        candidates.retain(|name| settings.get(name).is_none());
        known.retain(|name| settings.get(name).is_none() && !parser.common_keys().contains(name));
    }
    let help = parser
        .elsewhere(unknown)
        .or_else(|| nearest(unknown, candidates).map(|near| format!("did you mean `{near}`?")))
        .or_else(|| suggest(unknown, known))
        .or_else(|| parser.reference());
    Diagnostic::error(message).at(source, span, "not known here").maybe_help(help)
}

/// Returns the diagnostic for a value that the parser rejects with `message`.
fn invalid_value(
    parser: &impl SettingsParser,
    found: &Found<'_>,
    message: &str,
    span: Range<usize>,
    source: &Arc<Source>,
) -> Diagnostic {
    let Found { key, node, is_item } = *found;
    if message.starts_with("unknown variant") {
        let names = quoted(message);
        let (variant, known) = names.split_first().map_or(("", &[][..]), |(variant, known)| (*variant, known));
        return Diagnostic::error(format!("`{key}` can't be `{variant}`"))
            .at(source, span, "")
            .maybe_help(suggest(variant, known.iter().copied()));
    }
    if message.starts_with("data did not match") {
        let diagnostic =
            Diagnostic::error(format!("`{key}` can't be {} of this form", node.kind())).at(source, span, "");
        return match parser.description(key) {
            Some(text) => diagnostic.note(format!("`{key}`: {text}")),
            None => diagnostic,
        };
    }
    let (_, expected) = message.rsplit_once(", expected ").unwrap_or_default();
    if message.starts_with("invalid type: ") {
        let expected = type_name(expected);
        let of = if is_item { "an item of " } else { "" };
        let message = format!("{of}`{key}` must be {expected}, not {}", node.kind());
        return Diagnostic::error(message).at(source, span, format!("expected {expected}"));
    }
    let message = match integer_range(expected) {
        Some(range) => format!("`{key}` must be an integer {range}"),
        None => format!("invalid value of `{key}`: {message}"),
    };
    Diagnostic::error(message).at(source, span, "")
}

/// A value of the settings.
#[derive(Clone, Copy)]
struct Found<'a> {
    key: &'a str,
    node: &'a Node,
    /// Whether it is an item of the array at `key`.
    is_item: bool,
}

/// Returns the value at `span`.
fn value_at<'a>(settings: &'a Table, span: &Range<usize>) -> Option<Found<'a>> {
    settings.0.iter().find_map(|entry| value_in(entry, span))
}

fn value_in<'a>(entry: &'a Entry, span: &Range<usize>) -> Option<Found<'a>> {
    if entry.node.span == *span || entry.key_span == *span {
        return Some(Found { key: &entry.key, node: &entry.node, is_item: false });
    }
    match &entry.node.value {
        Value::Table(table) => value_at(table, span),
        Value::Array(items) => items.iter().find_map(|item| match &item.value {
            _ if item.span == *span => Some(Found { key: &entry.key, node: item, is_item: true }),
            Value::Table(table) => value_at(table, span),
            _ => None,
        }),
        _ => None,
    }
}

/// Returns the parts of `message` in backticks.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// Returns the TOML name of a type that serde expects.
fn type_name(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" | "integer" => "an integer",
        "f32" | "f64" | "float" => "a number",
        "a string" | "string" | "str" | "path string" => "a string",
        "a boolean" | "bool" => "a boolean",
        "a sequence" => "an array",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

fn integer_range(kind: &str) -> Option<&'static str> {
    match kind {
        "u8" => Some("between 0 and 255"),
        "u16" => Some("between 0 and 65535"),
        "u32" => Some("between 0 and 4294967295"),
        "u64" | "usize" => Some("of 0 or more"),
        _ => None,
    }
}

/// Returns the diagnostic for the missing setting `name`.
pub(super) fn missing(parser: &impl SettingsParser, name: &str, source: &Arc<Source>) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("{} needs `{name}`", parser.subject())).at(
        source,
        parser.place().clone(),
        format!("no `{name}`"),
    );
    match parser.description(name) {
        Some(note) => diagnostic.note(format!("`{name}`: {note}")),
        None => diagnostic,
    }
}

/// Returns the name of the missing setting, if the error is about one.
pub(super) fn missing_name(error: &toml::de::Error) -> Option<&str> {
    error.message().strip_prefix("missing field `")?.strip_suffix('`')
}
