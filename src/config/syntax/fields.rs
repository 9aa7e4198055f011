//! [`Fields`]: takes known keys with values of the expected types out of a table, and reports everything else.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use jiff::SignedDuration;
use toml::Spanned;

use super::diagnostic::{Diagnostic, Report};
use super::node::{Entry, Node, Table, Value, decimal};
use crate::suggest::suggest;

/// A string with its place.
pub(crate) type SpannedString = Spanned<String>;

/// A table of the file with its place.
pub(crate) type SpannedTable = (Range<usize>, Table);

/// Longest duration of a setting: a longer one is a typing error.
const MAX_DURATION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Capacity for the known keys: most tables have fewer.
const KEY_CAPACITY: usize = 12;

/// Maximum number of entries in a table whose keys the user chooses.
const MAX_NAMES: usize = 1000;

/// A table that is being read.
pub(crate) struct Fields<'a> {
    report: &'a Report,
    /// What the table is: `a stage`, `[pipeline]`.
    what: &'static str,
    span: Range<usize>,
    table: Table,
    /// The known keys, and whether the table had them.
    known: Vec<(&'static str, bool)>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(report: &'a Report, what: &'static str, span: Range<usize>, table: Table) -> Self {
        Self { report, what, span, table, known: Vec::new() }
    }

    /// Returns the place of the table: its header.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Takes the value of `key`, of any type.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.take_entry(key).map(|entry| entry.node)
    }

    fn take_entry(&mut self, key: &'static str) -> Option<Entry> {
        // Reserved here and not in `new`: all tables of a list exist before the first one is read.
        if self.known.is_empty() {
            self.known.reserve(KEY_CAPACITY);
        }
        let entry = self.table.take(key);
        self.known.push((key, entry.is_some()));
        entry
    }

    /// Returns whether the table has no `key`.
    pub(crate) fn is_missing(&self, key: &str) -> bool {
        !self.known.contains(&(key, true))
    }

    /// Moves the entries with `keys` to another table.
    pub(crate) fn move_to(&mut self, table: &mut Table, keys: &[&'static str]) {
        for key in keys {
            table.0.extend(self.take_entry(key));
        }
    }

    /// Reports that the value of `key` has the wrong type.
    fn wrong_type(&self, key: &str, node: &Node, expected: &str) {
        let message = format!("`{key}` must be {expected}, not {}", node.kind());
        self.report.error(node.span.clone(), format!("expected {expected}"), message);
    }

    pub(crate) fn string(&mut self, key: &'static str) -> Option<SpannedString> {
        let node = self.take(key)?;
        if let Value::String(string) = node.value {
            return Some(SpannedString::new(node.span, string));
        }
        self.wrong_type(key, &node, "a string");
        None
    }

    /// Takes a required string.
    pub(crate) fn required_string(&mut self, key: &'static str) -> Option<SpannedString> {
        let string = self.string(key);
        if self.is_missing(key) {
            self.missing(key);
        }
        string
    }

    /// Reports that `key` is missing.
    pub(crate) fn missing(&self, key: &str) {
        let message = format!("{} needs `{key}`", self.what);
        self.report.error(self.span(), format!("no `{key}` here"), message);
    }

    pub(crate) fn strings(&mut self, key: &'static str) -> Option<Vec<SpannedString>> {
        let node = self.take(key)?;
        let Value::Array(items) = node.value else {
            self.wrong_type(key, &node, "an array of strings");
            return None;
        };
        let mut strings = Vec::new();
        for item in items {
            if let Value::String(string) = item.value {
                strings.push(SpannedString::new(item.span, string));
            } else {
                self.wrong_type(key, &item, "an array of strings");
            }
        }
        Some(strings)
    }

    pub(crate) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let node = self.take(key)?;
        if let Value::Boolean(boolean) = node.value {
            return Some(boolean);
        }
        self.wrong_type(key, &node, "`true` or `false`");
        None
    }

    pub(crate) fn integer(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let node = self.take(key)?;
        let Value::Integer(number) = &node.value else {
            self.wrong_type(key, &node, "an integer");
            return None;
        };
        let number = decimal(number).parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let expected = format!("between {} and {}", range.start(), range.end());
            self.report.error(node.span, &expected, format!("`{key}` must be {expected}"));
        }
        number
    }

    /// Takes a duration: `"10m"`, `"1h 30m"`, or a number of seconds; not shorter than `min`.
    pub(crate) fn duration(&mut self, key: &'static str, min: Duration) -> Option<Duration> {
        let node = self.take(key)?;
        let duration = match &node.value {
            Value::String(text) => {
                text.parse::<SignedDuration>().ok().and_then(|signed| Duration::try_from(signed).ok())
            }
            Value::Integer(number) => decimal(number).parse().ok().map(Duration::from_secs),
            _ => {
                self.wrong_type(key, &node, "a duration");
                return None;
            }
        };
        let valid = duration.filter(|duration| (min..=MAX_DURATION).contains(duration));
        if valid.is_none() {
            let message = match duration {
                None => format!("`{key}` is not a duration"),
                Some(duration) if duration < min => format!("`{key}` is too short"),
                Some(_) => format!("`{key}` is longer than a week"),
            };
            self.report.add(
                Diagnostic::error(message)
                    .at(self.report.source(), node.span, "")
                    .help("write it as `\"90s\"`, `\"10m\"`, `\"1h 30m\"`, or as a number of seconds"),
            );
        }
        valid
    }

    /// Takes a table; `what` names it in messages.
    pub(crate) fn table(&mut self, key: &'static str, what: &'static str) -> Option<Fields<'a>> {
        let node = self.take(key)?;
        if let Value::Table(table) = node.value {
            return Some(Fields::new(self.report, what, node.span, table));
        }
        self.wrong_type(key, &node, "a table");
        None
    }

    /// Takes a table that is read later, with its place.
    pub(crate) fn spanned_table(&mut self, key: &'static str) -> Option<SpannedTable> {
        self.table(key, "a table").map(Fields::into_spanned_table)
    }

    /// Takes a table whose keys the user chooses.
    pub(crate) fn names(&mut self, key: &'static str) -> Table {
        let Some(mut fields) = self.table(key, "a table") else {
            return Table::default();
        };
        if let Some(first) = fields.table.0.get(MAX_NAMES) {
            let message = format!("`{key}` has more than {MAX_NAMES} entries");
            self.report.error(first.key_span.clone(), "", message);
            fields.table.0.truncate(MAX_NAMES);
        }
        fields.table
    }

    /// Takes an array of tables: `[[key]]`; `what` names one of them in messages.
    pub(crate) fn tables(&mut self, key: &'static str, what: &'static str) -> Vec<Fields<'a>> {
        let Some(node) = self.take(key) else {
            return Vec::new();
        };
        let items = match node.value {
            Value::Array(items) => items,
            other => {
                let node = Node { value: other, ..node };
                let message = format!("`{key}` must be an array of tables, not {}", node.kind());
                self.report.add(
                    Diagnostic::error(message)
                        .at(self.report.source(), node.span, "")
                        .help("each table starts with a header in double brackets: `[[stage]]`, `[[stage.step]]`"),
                );
                return Vec::new();
            }
        };
        let mut tables = Vec::with_capacity(items.len());
        for item in items {
            if let Value::Table(table) = item.value {
                tables.push(Fields::new(self.report, what, item.span, table));
            } else {
                self.wrong_type(key, &item, "an array of tables");
            }
        }
        tables
    }

    /// Returns the table with its place, to be read later.
    pub(crate) fn into_spanned_table(self) -> SpannedTable {
        (self.span, self.table)
    }

    /// Returns the entries that were not taken.
    pub(crate) fn rest(self) -> Table {
        self.table
    }

    /// Reports every entry that was not taken as an unknown key.
    pub(crate) fn finish(self) {
        for entry in &self.table.0 {
            if self.report.is_full() {
                return;
            }
            let names = self.known.iter().filter(|(_, is_given)| !is_given).map(|(name, _)| *name);
            self.report.add(
                Diagnostic::error(format!("unknown key `{}` in {}", entry.key, self.what))
                    .at(self.report.source(), entry.key_span.clone(), "not known here")
                    .maybe_help(suggest(&entry.key, names)),
            );
        }
    }
}
