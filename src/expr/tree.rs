//! [`Tree`]: a value of a document, in which each part knows its line.

use serde_json::{Map, Value};

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// The line it stands in, counted from 1: that of its key, where it has one. `None` if it stands nowhere.
    pub line: Option<usize>,
    /// Whether no message may show it.
    pub is_hidden: bool,
    /// What it is.
    pub content: Content,
}

/// What a [`Tree`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A string, a number, a boolean or null.
    Scalar(Value),
    /// A list.
    List(Vec<Tree>),
    /// A table, in the order of the document; each key stands in it once.
    Table(Vec<(String, Tree)>),
}

impl Tree {
    /// A value at a line.
    pub fn new(line: Option<usize>, content: Content) -> Self {
        Self { line, is_hidden: false, content }
    }

    /// A string, a number, a boolean or null at a line.
    pub fn scalar(line: Option<usize>, value: impl Into<Value>) -> Self {
        Self::new(line, Content::Scalar(value.into()))
    }

    /// A list at a line.
    pub fn list(line: Option<usize>, items: impl IntoIterator<Item = Self>) -> Self {
        Self::new(line, Content::List(items.into_iter().collect()))
    }

    /// A table at a line.
    pub fn table<K: Into<String>>(line: Option<usize>, entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::new(line, Content::Table(entries.into_iter().map(|(key, value)| (key.into(), value)).collect()))
    }

    /// The values that a step gives to its assertions; `None` if there are none.
    pub fn given(values: &toml::Table) -> Result<Option<Self>, String> {
        let json = serde_json::to_value(values).map_err(|error| format!("`given` can't be read: {error}"))?;
        Ok((!values.is_empty()).then(|| Self::from(json)))
    }

    /// The value at `key` of a table.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.content {
            Content::Table(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(value) => value.as_str(),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// The keys of a table.
    pub fn keys(&self) -> impl Iterator<Item = &str> + Clone {
        let entries = match &self.content {
            Content::Table(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(key, _)| key.as_str())
    }

    /// Whether any part of it must not be shown.
    pub(super) fn hides_something(&self) -> bool {
        self.is_hidden
            || match &self.content {
                Content::Scalar(_) => false,
                Content::List(items) => items.iter().any(Self::hides_something),
                Content::Table(entries) => entries.iter().any(|(_, value)| value.hides_something()),
            }
    }

    /// Hides every string, number and boolean in it; the keys stay.
    pub fn hide(&mut self) {
        match &mut self.content {
            Content::Scalar(_) => self.is_hidden = true,
            Content::List(items) => items.iter_mut().for_each(Self::hide),
            Content::Table(entries) => entries.iter_mut().for_each(|(_, value)| value.hide()),
        }
    }

    /// The value at `key` of a table, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.content {
            Content::Table(entries) => entries.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Its value as the expression language has it.
    pub(super) fn to_value(&self) -> minijinja::Value {
        use minijinja::Value as Made;
        match &self.content {
            Content::Scalar(Value::Null) => Made::from(()),
            Content::Scalar(Value::Bool(flag)) => Made::from(*flag),
            Content::Scalar(Value::String(text)) => Made::from(text.as_str()),
            Content::Scalar(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Made::from(number),
                (None, Some(number)) => Made::from(number),
                (None, None) => Made::from(number.as_f64().unwrap_or(f64::NAN)),
            },
            Content::List(items) => items.iter().map(Self::to_value).collect(),
            Content::Table(entries) => {
                Made::from_pairs(entries.iter().map(|(key, value)| (key.as_str(), value.to_value())))
            }
        }
    }

    /// Its value without the lines.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Table(entries) => {
                entries.iter().map(|(key, value)| (key.clone(), value.to_json())).collect::<Map<_, _>>().into()
            }
        }
    }
}

/// A value that stands in no line.
impl From<Value> for Tree {
    fn from(value: Value) -> Self {
        match value {
            Value::Array(items) => Self::list(None, items.into_iter().map(Self::from)),
            Value::Object(entries) => {
                Self::table(None, entries.into_iter().map(|(key, value)| (key, Self::from(value))))
            }
            scalar => Self::scalar(None, scalar),
        }
    }
}
