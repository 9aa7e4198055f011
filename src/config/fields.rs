//! [`Fields`]: takes known keys with their types out of a table, and says what is wrong with the rest.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use jiff::SignedDuration;
use toml::Spanned;

use super::diagnostic::{Diagnostic, Report};
use super::nearest::suggest;
use super::node::{Node, Table, Value, decimal};

/// A text with its place.
pub(super) type Text = Spanned<String>;

/// A table of the file with its place.
pub(super) type SpannedTable = (Range<usize>, Table);

/// Longest time that a setting may give: what is longer is a slip.
const MAX_TIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// More keys than most tables know.
const MANY: usize = 12;

/// Most names that a table of the user's names may have.
const MAX_NAMES: usize = 1000;

/// A table that is being read.
pub(super) struct Fields<'a> {
    report: &'a Report,
    /// What the table is: `a stage`, `[pipeline]`.
    what: &'static str,
    span: Range<usize>,
    table: Table,
    known: Vec<&'static str>,
    /// Which of them were there.
    given: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(report: &'a Report, what: &'static str, span: Range<usize>, table: Table) -> Self {
        Self { report, what, span, table, known: Vec::new(), given: Vec::new() }
    }

    /// The place of the table: its header.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Takes whatever `key` has.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.know(key);
        let entry = self.table.take(key)?;
        self.given.push(key);
        Some(entry.node)
    }

    fn know(&mut self, key: &'static str) {
        // Not before the table's turn: where there are many tables, all wait together.
        if self.known.is_empty() {
            self.known.reserve(MANY);
        }
        self.known.push(key);
    }

    /// Whether `key` was taken, and was not there.
    pub(super) fn is_missing(&self, key: &str) -> bool {
        !self.given.contains(&key)
    }

    /// Moves `keys` to a table of their own.
    pub(super) fn move_to(&mut self, table: &mut Table, keys: &[&'static str]) {
        for key in keys {
            self.know(key);
            if let Some(entry) = self.table.take(key) {
                self.given.push(key);
                table.0.push(entry);
            }
        }
    }

    /// Reports that `node` is not what `key` takes.
    fn wrong(&self, key: &str, node: &Node, expected: &str) {
        let message = format!("`{key}` has to be {expected}, not {}", node.kind());
        self.report.error(node.span.clone(), format!("expected {expected}"), message);
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<Text> {
        let node = self.take(key)?;
        if let Value::Text(text) = node.value {
            return Some(Text::new(node.span, text));
        }
        self.wrong(key, &node, "a text");
        None
    }

    /// A text that has to be there.
    pub(super) fn required_text(&mut self, key: &'static str) -> Option<Text> {
        let text = self.text(key);
        if self.is_missing(key) {
            self.missing(key);
        }
        text
    }

    /// Reports that `key` is not there.
    pub(super) fn missing(&self, key: &str) {
        let message = format!("{} needs `{key}`", self.what);
        self.report.error(self.span(), format!("no `{key}` here"), message);
    }

    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<Text>> {
        let node = self.take(key)?;
        let Value::List(items) = node.value else {
            self.wrong(key, &node, "a list of texts");
            return None;
        };
        let mut texts = Vec::new();
        for item in items {
            if let Value::Text(text) = item.value {
                texts.push(Text::new(item.span, text));
            } else {
                self.wrong(key, &item, "a list of texts");
            }
        }
        Some(texts)
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let node = self.take(key)?;
        if let Value::Flag(flag) = node.value {
            return Some(flag);
        }
        self.wrong(key, &node, "`true` or `false`");
        None
    }

    pub(super) fn whole(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let node = self.take(key)?;
        let Value::Integer(number) = &node.value else {
            self.wrong(key, &node, "a whole number");
            return None;
        };
        let number = decimal(number).parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let expected = format!("between {} and {}", range.start(), range.end());
            self.report.error(node.span, &expected, format!("`{key}` has to be {expected}"));
        }
        number
    }

    /// A time: `"10m"`, `"1h 30m"`, or a number of seconds. `least` is the shortest that makes sense.
    pub(super) fn time(&mut self, key: &'static str, least: Duration) -> Option<Duration> {
        let node = self.take(key)?;
        let time = match &node.value {
            Value::Text(text) => text.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok()),
            Value::Integer(number) => decimal(number).parse().ok().map(Duration::from_secs),
            _ => {
                self.wrong(key, &node, "a time");
                return None;
            }
        };
        let fits = time.filter(|time| (least..=MAX_TIME).contains(time));
        if fits.is_none() {
            let message = match time {
                None => format!("`{key}` is not a time"),
                Some(time) if time < least => format!("`{key}` is too short"),
                Some(_) => format!("`{key}` is longer than a week"),
            };
            self.report.add(
                Diagnostic::error(message)
                    .at(self.report.source(), node.span, "")
                    .help("write it as `\"90s\"`, `\"10m\"`, `\"1h 30m\"`, or as a number of seconds"),
            );
        }
        fits
    }

    /// A table of its own.
    pub(super) fn table(&mut self, key: &'static str, what: &'static str) -> Option<Fields<'a>> {
        let node = self.take(key)?;
        if let Value::Table(table) = node.value {
            return Some(Fields::new(self.report, what, node.span, table));
        }
        self.wrong(key, &node, "a table");
        None
    }

    /// A table that is read later, with its place.
    pub(super) fn spanned_table(&mut self, key: &'static str) -> Option<SpannedTable> {
        let table = self.table(key, "a table")?;
        Some((table.span(), table.rest()))
    }

    /// A table whose keys are names of the user's choice.
    pub(super) fn names(&mut self, key: &'static str) -> Table {
        let Some(mut fields) = self.table(key, "a table") else {
            return Table::default();
        };
        if let Some(first) = fields.table.0.get(MAX_NAMES) {
            let message = format!("`{key}` has more than {MAX_NAMES} names");
            self.report.error(first.key_span.clone(), "", message);
            fields.table.0.truncate(MAX_NAMES);
        }
        fields.table
    }

    /// A list of tables: `[[key]]`. `what` is one of them.
    pub(super) fn tables(&mut self, key: &'static str, what: &'static str) -> Vec<Fields<'a>> {
        let Some(node) = self.take(key) else {
            return Vec::new();
        };
        let items = match node.value {
            Value::List(items) => items,
            other => {
                let node = Node { value: other, ..node };
                let message = format!("`{key}` has to be a list of tables, not {}", node.kind());
                self.report.add(
                    Diagnostic::error(message)
                        .at(self.report.source(), node.span, "")
                        .help("each begins with a header in two brackets: `[[stage]]`, `[[stage.step]]`"),
                );
                return Vec::new();
            }
        };
        let mut tables = Vec::new();
        for item in items {
            if let Value::Table(table) = item.value {
                tables.push(Fields::new(self.report, what, item.span, table));
            } else {
                self.wrong(key, &item, "a list of tables");
            }
        }
        tables
    }

    /// What was not taken.
    pub(super) fn rest(self) -> Table {
        self.table
    }

    /// Reports what was not taken.
    pub(super) fn finish(self) {
        for entry in &self.table.0 {
            if self.report.is_full() {
                return;
            }
            let names = self.known.iter().copied().filter(|name| !self.given.contains(name));
            self.report.add(
                Diagnostic::error(format!("unknown key `{}` in {}", entry.key, self.what))
                    .at(self.report.source(), entry.key_span.clone(), "not known here")
                    .maybe_help(suggest(&entry.key, names)),
            );
        }
    }
}
