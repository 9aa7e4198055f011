//! [`Node`]: a value of the file with its place. Unlike toml's own it borrows nothing, keeps the order of the file, and
//! can be changed: expressions are filled in here.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) value: Value,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// As TOML writes it.
    Integer(String),
    /// As TOML writes it.
    Float(String),
    Flag(bool),
    Time(toml::value::Datetime),
    List(Vec<Node>),
    Table(Table),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) node: Node,
}

/// A table, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(pub(super) Vec<Entry>);

impl Node {
    fn from_toml(value: Spanned<DeValue<'_>>) -> Self {
        let span = value.span();
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => Value::Integer(number.to_string()),
            DeValue::Float(number) => Value::Float(number.as_str().to_owned()),
            DeValue::Boolean(flag) => Value::Flag(flag),
            DeValue::Datetime(time) => Value::Time(time),
            DeValue::Array(items) => Value::List(items.into_iter().map(Self::from_toml).collect()),
            DeValue::Table(table) => Value::Table(Table::from_toml(table)),
        };
        Self { span, value }
    }

    fn to_toml(&self) -> Spanned<DeValue<'_>> {
        let value = match &self.value {
            Value::Text(text) => DeValue::String(Cow::Borrowed(text)),
            Value::Integer(number) | Value::Float(number) => {
                DeValue::parse(number).map_or_else(|_| DeValue::String(Cow::Borrowed(number)), Spanned::into_inner)
            }
            Value::Flag(flag) => DeValue::Boolean(*flag),
            Value::Time(time) => DeValue::Datetime(*time),
            Value::List(items) => DeValue::Array(items.iter().map(Self::to_toml).collect::<DeArray<'_>>()),
            Value::Table(table) => DeValue::Table(table.to_toml()),
        };
        Spanned::new(self.span.clone(), value)
    }

    /// What it is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a text",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a decimal number",
            Value::Flag(_) => "`true` or `false`",
            Value::Time(_) => "a date or time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// Calls `each` with every text in it, and what may be put in its place.
    pub(super) fn each_text(&mut self, each: &mut dyn FnMut(&Range<usize>, &mut Value)) {
        match &mut self.value {
            Value::Text(_) => each(&self.span, &mut self.value),
            Value::List(items) => items.iter_mut().for_each(|item| item.each_text(each)),
            Value::Table(table) => table.each_text(each),
            Value::Integer(_) | Value::Float(_) | Value::Flag(_) | Value::Time(_) => {}
        }
    }

    /// One text for equal values, however they are written; `text` gives what stands for a text at a place.
    pub(super) fn canonical(&self, text: &dyn Fn(&Range<usize>, &str) -> String) -> String {
        let mut out = String::new();
        self.write_canonical(&mut out, text);
        out
    }

    fn write_canonical(&self, out: &mut String, text: &dyn Fn(&Range<usize>, &str) -> String) {
        match &self.value {
            Value::Text(value) => {
                let _ = write!(out, "{:?}", text(&self.span, value));
            }
            Value::Integer(number) => out.push_str(&decimal(number)),
            Value::Float(number) => out.push_str(number),
            Value::Flag(flag) => {
                let _ = write!(out, "{flag}");
            }
            Value::Time(time) => {
                let _ = write!(out, "{time}");
            }
            Value::List(items) => {
                out.push('[');
                for item in items {
                    item.write_canonical(out, text);
                    out.push(',');
                }
                out.push(']');
            }
            Value::Table(table) => {
                let mut entries: Vec<&Entry> = table.0.iter().collect();
                entries.sort_by(|a, b| a.key.cmp(&b.key));
                out.push('{');
                for entry in entries {
                    let _ = write!(out, "{:?}:", entry.key);
                    entry.node.write_canonical(out, text);
                    out.push(',');
                }
                out.push('}');
            }
        }
    }
}

impl Table {
    pub(super) fn from_toml(table: DeTable<'_>) -> Self {
        let mut entries: Vec<Entry> = table
            .into_iter()
            .map(|(key, value)| Entry {
                key_span: key.span(),
                key: key.into_inner().into_owned(),
                node: Node::from_toml(value),
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_span.start);
        Self(entries)
    }

    /// The table as toml's deserializer takes it.
    pub(super) fn to_toml(&self) -> DeTable<'_> {
        let mut table = DeTable::new();
        for entry in &self.0 {
            let key = Spanned::new(entry.key_span.clone(), Cow::Borrowed(entry.key.as_str()));
            table.insert(key, entry.node.to_toml());
        }
        table
    }

    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Entry> {
        let at = self.0.iter().position(|entry| entry.key == key)?;
        Some(self.0.remove(at))
    }

    /// See [`Node::each_text`].
    pub(super) fn each_text(&mut self, each: &mut dyn FnMut(&Range<usize>, &mut Value)) {
        self.0.iter_mut().for_each(|entry| entry.node.each_text(each));
    }

    /// Takes out what has its key or its value at `span`, however deep. Answers its key; that of the list for an item.
    pub(super) fn remove_at(&mut self, span: &Range<usize>) -> Option<String> {
        if let Some(at) = (self.0.iter()).position(|entry| entry.key_span == *span || entry.node.span == *span) {
            return Some(self.0.remove(at).key);
        }
        self.0.iter_mut().find_map(|entry| match &mut entry.node.value {
            Value::Table(table) => table.remove_at(span),
            Value::List(items) => {
                if let Some(at) = items.iter().position(|item| item.span == *span) {
                    items.remove(at);
                    return Some(entry.key.clone());
                }
                items.iter_mut().find_map(|item| match &mut item.value {
                    Value::Table(table) => table.remove_at(span),
                    _ => None,
                })
            }
            _ => None,
        })
    }
}

/// A number in decimal digits, whatever its base was.
pub(super) fn decimal(number: &str) -> String {
    let (digits, radix) = match number.get(..2) {
        Some("0x") => (&number[2..], 16),
        Some("0o") => (&number[2..], 8),
        Some("0b") => (&number[2..], 2),
        _ => (number, 10),
    };
    i128::from_str_radix(&digits.replace('_', ""), radix).map_or_else(|_| number.to_owned(), |n| n.to_string())
}
