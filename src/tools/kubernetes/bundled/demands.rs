//! [`Demand`]: what a field has to be, and [`unmet`], which says which of a table's demands an object does not meet.

use serde_json::{Map, Value};

use crate::expr::is_quantity;

/// What a field has to be. What is not there, or empty, meets all of them but `Required`: it gets its default.
#[derive(Clone, Copy, Debug)]
pub(super) enum Demand {
    /// There and not empty.
    Required,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A number from the first to the second one.
    Within(i64, i64),
    /// A string of this form, or a number where the form allows one.
    Is(Form),
    /// A map whose keys have this form.
    Keys(Form),
    /// A map or an object with at least one of these fields.
    OneAmong(&'static [&'static str]),
    /// What its fields have to be.
    Fields(&'static [Rule]),
    /// Whatever this function asks of it: it says what is wrong.
    Holds(fn(&Value) -> Option<String>),
}

/// What the field at a path has to be. In a path `[]` stands for each item of a list, and `*` for each value of a map;
/// an empty path is the object itself. A rule says nothing of a field whose parent is not there.
pub(super) type Rule = (&'static str, &'static [Demand]);

/// A form of strings.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// A label of RFC 1123.
    Label,
    /// A label of RFC 1035.
    Label1035,
    /// Labels of RFC 1123 with dots between them.
    Subdomain,
    /// The name of a host; its first label can be `*`.
    Host,
    /// A name that a path can have: no `/` and no `%`.
    PathSegment,
    /// A key of data, such as that of a Secret.
    DataKey,
    /// The key of a label.
    LabelKey,
    /// The value of a label.
    LabelValue,
    /// A port by its number or its name.
    Port,
    /// The name of a port.
    PortName,
    /// A number of pods or a share of them, such as `25%`.
    Share,
    /// An amount of something, such as `512Mi`.
    Quantity,
    /// When a job is started again and again.
    Schedule,
}

/// Says which demand of `rules` an object does not meet, with the path of the field. `path` is that of the object.
pub(super) fn unmet(rules: &[Rule], object: &Value, path: &str) -> Option<String> {
    rules.iter().find_map(|(field, demands)| {
        let parts: Vec<&str> = field.split('.').filter(|part| !part.is_empty()).collect();
        each(object, path, &parts, &mut |value, path| demands.iter().find_map(|demand| demand.unmet_by(value, path)))
    })
}

/// Calls `check` with every value that `parts` lead to, until it returns something.
fn each(
    value: &Value,
    path: &str,
    parts: &[&str],
    check: &mut dyn FnMut(Option<&Value>, &str) -> Option<String>,
) -> Option<String> {
    let Some((part, rest)) = parts.split_first() else { return check(Some(value), path) };
    let fields = value.as_object()?;
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if *part == "*" {
        return fields.iter().find_map(|(key, value)| each(value, &join(key), rest, check));
    }
    let (name, is_list) = part.strip_suffix("[]").map_or((*part, false), |name| (name, true));
    let path = join(name);
    let found = fields.get(name).filter(|value| !value.is_null());
    if is_list {
        let items = found.and_then(Value::as_array)?;
        return items.iter().enumerate().find_map(|(n, item)| each(item, &format!("{path}[{n}]"), rest, check));
    }
    match found {
        Some(value) => each(value, &path, rest, check),
        None if rest.is_empty() => check(None, &path),
        None => None,
    }
}

impl Demand {
    fn unmet_by(self, value: Option<&Value>, path: &str) -> Option<String> {
        let is_empty = |value: &Value| match value {
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        if matches!(self, Self::Required) {
            let state = value.map_or(Some("not there"), |value| is_empty(value).then_some("empty"));
            return state.map(|state| format!("`{path}` is {state}, and it is required"));
        }
        // Probes without anything in them are refused too.
        let value = value.filter(|value| !is_empty(value) || value.is_object())?;
        let shown = || value.as_str().map_or_else(|| value.to_string(), |text| format!("`{text}`"));
        match self {
            Self::Required => None,
            Self::OneOf(words) => {
                let word = value.as_str()?;
                (!words.contains(&word)).then(|| format!("`{path}` is {}, not {}", shown(), either(words)))
            }
            Self::Within(from, to) => {
                let is_wrong = !value.is_string() && value.as_i64().is_none_or(|number| !(from..=to).contains(&number));
                let range =
                    if to >= i64::from(i32::MAX) { format!("at least {from}") } else { format!("from {from} to {to}") };
                is_wrong.then(|| format!("`{path}` is {}, not {range}", shown()))
            }
            Self::Is(form) => {
                (!form.is_met_by(value)).then(|| format!("`{path}` is {}, not {}", shown(), form.words()))
            }
            Self::Keys(form) => {
                let wrong = value.as_object()?.keys().find(|key| !form.is_met_by(&(*key).clone().into()))?;
                Some(format!("`{path}` has the key `{wrong}`, not {}", form.words()))
            }
            Self::OneAmong(names) => {
                let is_there = |name: &&str| value.get(name).is_some_and(|value| !value.is_null());
                (!names.iter().any(is_there)).then(|| format!("`{path}` needs {}", either(names)))
            }
            Self::Fields(rules) => unmet(rules, value, path),
            Self::Holds(check) => check(value).map(|why| format!("`{path}`: {why}")),
        }
    }
}

/// Words as a sentence has them: `a`, `b` or `c`.
fn either(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

impl Form {
    fn is_met_by(self, value: &Value) -> bool {
        let is_text = |check: &dyn Fn(&str) -> bool| value.as_str().is_some_and(check);
        let number = value.as_i64();
        match self {
            Self::Label => is_text(&is_label),
            Self::Label1035 => is_text(&|text| is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())),
            Self::Subdomain => is_text(&is_subdomain),
            Self::Host => is_text(&|text| {
                let is_address = text.parse::<std::net::IpAddr>().is_ok();
                !is_address && is_subdomain(text.strip_prefix("*.").unwrap_or(text))
            }),
            Self::PathSegment => is_text(&|text| !matches!(text, "." | "..") && !text.contains(['/', '%'])),
            Self::DataKey => {
                is_text(&|text| text.len() <= 253 && !matches!(text, "" | "." | "..") && text.bytes().all(is_of_key))
            }
            Self::LabelKey => is_text(&|text| {
                let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
                prefix.is_none_or(is_subdomain) && !name.is_empty() && is_label_value(name)
            }),
            Self::LabelValue => is_text(&is_label_value),
            Self::Port => number.is_some_and(|number| (1..=65535).contains(&number)) || is_text(&is_port_name),
            Self::PortName => is_text(&is_port_name),
            Self::Share => {
                let is_share = |text: &str| text.strip_suffix('%').is_some_and(|share| share.parse::<u32>().is_ok());
                number.is_some_and(|number| number >= 0) || is_text(&is_share)
            }
            Self::Quantity => value.is_number() || is_text(&is_quantity),
            Self::Schedule => is_text(&|text| text.starts_with('@') || text.split_whitespace().count() == 5),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Label => {
                "a DNS label: at most 63 lower-case letters, digits and `-`, with a letter or digit at both ends"
            }
            Self::Label1035 => "a DNS label that begins with a letter: at most 63 lower-case letters, digits and `-`",
            Self::Subdomain => {
                "a DNS name: lower-case letters, digits, `-` and `.`, with a letter or digit at both ends"
            }
            Self::Host => "the DNS name of a host, such as `todo.local` or `*.todo.local`",
            Self::PathSegment => "a name without `/` and `%`",
            Self::DataKey => "a key of letters, digits, `-`, `_` and `.`",
            Self::LabelKey => "the key of a label, such as `app.kubernetes.io/name`",
            Self::LabelValue => {
                "the value of a label: at most 63 letters, digits, `-`, `_` and `.`, none of these at its ends"
            }
            Self::Port => {
                "a port: a number from 1 to 65535, or a name of at most 15 lower-case letters, digits and `-`"
            }
            Self::PortName => {
                "the name of a port: at most 15 lower-case letters, digits and `-`, with at least one letter"
            }
            Self::Share => "a number of at least 0 or a share such as `25%`",
            Self::Quantity => "an amount as Kubernetes writes it, such as `250m`, `512Mi` or `1G`",
            Self::Schedule => "a schedule of five fields, such as `*/5 * * * *`, or one such as `@daily`",
        }
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn has_ends(text: &str, fits: fn(u8) -> bool) -> bool {
    [text.bytes().next(), text.bytes().last()].iter().all(|end| end.is_some_and(fits))
}

/// Whether it is a part of a DNS name, of any length.
fn is_part(text: &str) -> bool {
    has_ends(text, is_plain) && text.bytes().all(|byte| is_plain(byte) || byte == b'-')
}

fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_part(text)
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_part)
}

fn is_label_value(text: &str) -> bool {
    let is_end = |byte: u8| byte.is_ascii_alphanumeric();
    text.is_empty() || text.len() <= 63 && has_ends(text, is_end) && text.bytes().all(is_of_key)
}

fn is_port_name(text: &str) -> bool {
    text.len() <= 15 && is_part(text) && !text.contains("--") && text.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// Says which of a selector's labels the pods of `template` do not have.
pub(super) fn unselected(spec: &Value) -> Option<String> {
    let wanted = spec.pointer("/selector/matchLabels").and_then(Value::as_object)?;
    let none = Map::new();
    let labels = spec.pointer("/template/metadata/labels").and_then(Value::as_object).unwrap_or(&none);
    let (key, value) = wanted.iter().find(|(key, value)| labels.get(*key) != Some(value))?;
    let value = value.as_str().unwrap_or_default();
    Some(format!("`selector` wants the label `{key}: {value}`, which `template.metadata.labels` does not have"))
}
