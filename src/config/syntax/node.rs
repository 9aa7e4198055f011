//! [`Node`]: a value of the file with its place. Unlike toml's own type it borrows nothing, keeps the order of the
//! file, and can be modified: this is where the values of expressions are filled in.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// A value and its place in the file.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) value: Value,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    String(String),
    /// In TOML syntax.
    Integer(String),
    /// In TOML syntax.
    Float(String),
    Boolean(bool),
    Datetime(toml::value::Datetime),
    Array(Vec<Node>),
    Table(Table),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Cow<'static, str>,
    pub(crate) key_span: Range<usize>,
    pub(crate) node: Node,
}

/// A table, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table(pub(crate) Vec<Entry>);

impl Value {
    /// Returns a number or a boolean as text; `None` for other values.
    pub(crate) fn number_text(&self) -> Option<String> {
        match self {
            Self::Integer(number) => Some(decimal(number)),
            Self::Float(number) => Some(number.clone()),
            Self::Boolean(flag) => Some(flag.to_string()),
            Self::String(_) | Self::Datetime(_) | Self::Array(_) | Self::Table(_) => None,
        }
    }
}

impl Node {
    fn from_toml(value: Spanned<DeValue<'_>>) -> Self {
        let span = value.span();
        let value = match value.into_inner() {
            DeValue::String(text) => Value::String(text.into_owned()),
            DeValue::Integer(number) => Value::Integer(number.to_string()),
            DeValue::Float(number) => Value::Float(number.as_str().to_owned()),
            DeValue::Boolean(flag) => Value::Boolean(flag),
            DeValue::Datetime(time) => Value::Datetime(time),
            DeValue::Array(items) => Value::Array(items.into_iter().map(Self::from_toml).collect()),
            DeValue::Table(table) => Value::Table(Table::from_toml(table)),
        };
        Self { span, value }
    }

    fn to_toml(&self) -> Spanned<DeValue<'_>> {
        let value = match &self.value {
            Value::String(text) => DeValue::String(Cow::Borrowed(text)),
            Value::Integer(number) | Value::Float(number) => {
                DeValue::parse(number).map_or_else(|_| DeValue::String(Cow::Borrowed(number)), Spanned::into_inner)
            }
            Value::Boolean(flag) => DeValue::Boolean(*flag),
            Value::Datetime(time) => DeValue::Datetime(*time),
            Value::Array(items) => DeValue::Array(items.iter().map(Self::to_toml).collect::<DeArray<'_>>()),
            Value::Table(table) => DeValue::Table(table.to_toml()),
        };
        Spanned::new(self.span.clone(), value)
    }

    /// Its type with an article, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::String(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Boolean(_) => "a boolean",
            Value::Datetime(_) => "a date-time",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }

    /// Calls `each` with every value in it that is no array and no table; `each` may replace it.
    fn for_each_scalar(&mut self, each: &mut dyn FnMut(&Range<usize>, &mut Value)) {
        match &mut self.value {
            Value::Array(items) => items.iter_mut().for_each(|item| item.for_each_scalar(each)),
            Value::Table(table) => table.for_each_scalar(each),
            value => each(&self.span, value),
        }
    }

    /// Calls `each` with every string in it; `each` may replace the value.
    pub(crate) fn for_each_string(&mut self, each: &mut dyn FnMut(&Range<usize>, &mut Value)) {
        self.for_each_scalar(&mut |span, value| {
            if matches!(value, Value::String(_)) {
                each(span, value);
            }
        });
    }

    /// A canonical form: the same for equal values, however they are written. `string` returns what represents the
    /// string at a place.
    pub(crate) fn canonical<'a>(&self, string: &dyn Fn(&Range<usize>) -> Option<&'a str>) -> String {
        // Most are short, and one that is not grows.
        let mut out = String::with_capacity(64);
        self.write_canonical(&mut out, string);
        out
    }

    fn write_canonical<'a>(&self, out: &mut String, string: &dyn Fn(&Range<usize>) -> Option<&'a str>) {
        match &self.value {
            Value::String(value) => {
                let text = string(&self.span).unwrap_or(value);
                // What `{:?}` leaves as it is, without the formatter: most strings of a file are so.
                if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
                    out.extend(["\"", text, "\""]);
                } else {
                    let _ = write!(out, "{text:?}");
                }
            }
            Value::Integer(number) => out.push_str(&decimal(number)),
            Value::Float(number) => out.push_str(number),
            Value::Boolean(flag) => {
                let _ = write!(out, "{flag}");
            }
            Value::Datetime(time) => {
                let _ = write!(out, "{time}");
            }
            Value::Array(items) => {
                out.push('[');
                for item in items {
                    item.write_canonical(out, string);
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
                    entry.node.write_canonical(out, string);
                    out.push(',');
                }
                out.push('}');
            }
        }
    }
}

/// The keys that most steps have.
const FREQUENT_KEYS: [&str; 8] = ["id", "action", "run", "needs", "title", "covers", "inputs", "outputs"];

/// Returns a key that outlives the file's text. Those that most steps have need no memory of their own: with that, a
/// thousand steps of three keys each are converted in 2.8 million instructions instead of 3.2.
fn kept(key: Cow<'_, str>) -> Cow<'static, str> {
    let frequent = FREQUENT_KEYS.into_iter().find(|frequent| *frequent == key);
    frequent.map_or_else(|| Cow::Owned(key.into_owned()), Cow::Borrowed)
}

impl Table {
    pub(crate) fn from_toml(table: DeTable<'_>) -> Self {
        let mut entries: Vec<Entry> = table
            .into_iter()
            .map(|(key, value)| Entry {
                key_span: key.span(),
                key: kept(key.into_inner()),
                node: Node::from_toml(value),
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_span.start);
        Self(entries)
    }

    /// Converts it to the type that toml's deserializer takes.
    pub(crate) fn to_toml(&self) -> DeTable<'_> {
        let mut table = DeTable::new();
        for entry in &self.0 {
            let key = Spanned::new(entry.key_span.clone(), Cow::Borrowed(&*entry.key));
            table.insert(key, entry.node.to_toml());
        }
        table
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<Entry> {
        let at = self.0.iter().position(|entry| entry.key == key)?;
        Some(self.0.remove(at))
    }

    /// See [`Node::for_each_scalar`].
    pub(crate) fn for_each_scalar(&mut self, each: &mut dyn FnMut(&Range<usize>, &mut Value)) {
        self.0.iter_mut().for_each(|entry| entry.node.for_each_scalar(each));
    }

    /// See [`Node::for_each_string`].
    pub(crate) fn for_each_string(&mut self, each: &mut dyn FnMut(&Range<usize>, &mut Value)) {
        self.0.iter_mut().for_each(|entry| entry.node.for_each_string(each));
    }

    /// Removes the entry or array item whose key or value is at `span`, at any depth. Returns its key; for an item,
    /// that of the array.
    pub(crate) fn remove_at(&mut self, span: &Range<usize>) -> Option<String> {
        if let Some(at) = (self.0.iter()).position(|entry| entry.key_span == *span || entry.node.span == *span) {
            return Some(self.0.remove(at).key.into_owned());
        }
        self.0.iter_mut().find_map(|entry| match &mut entry.node.value {
            Value::Table(table) => table.remove_at(span),
            Value::Array(items) => {
                if let Some(at) = items.iter().position(|item| item.span == *span) {
                    items.remove(at);
                    return Some(entry.key.clone().into_owned());
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

/// Converts an integer in TOML syntax to plain decimal digits.
pub(crate) fn decimal(number: &str) -> String {
    let (digits, radix) = match number.get(..2) {
        Some("0x") => (&number[2..], 16),
        Some("0o") => (&number[2..], 8),
        Some("0b") => (&number[2..], 2),
        _ => (number, 10),
    };
    i128::from_str_radix(&digits.replace('_', ""), radix).map_or_else(|_| number.to_owned(), |n| n.to_string())
}
