//! [`Script`]: a script of a pipeline, apart from the values that it uses.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::place::Place;

/// The variable of the first value is this with a 1.
const VARIABLE: &str = "PROVISION_VALUE_";

/// A script and the values that it uses. A value is a variable of the shell's environment, and the text has a reference
/// to it: so no shell ever reads it as a part of the script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    text: String,
    /// The text with the values in their places, for messages.
    shown: String,
    values: Vec<String>,
}

impl Script {
    /// The key of the table in which a script reaches its action together with its values. A script without values is
    /// a string.
    pub const PARTS: &str = "\0script";

    /// A script without values.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), shown: text.to_owned(), values: Vec::new() }
    }

    /// Adds a part of the text.
    pub fn push_text(&mut self, text: &str) {
        self.text.push_str(text);
        self.shown.push_str(text);
    }

    /// Adds a value that stands at `place`.
    pub fn push_value(&mut self, place: Place, value: &str) {
        self.values.push(value.to_owned());
        self.text.push_str(&place.reference(&variable(self.values.len())));
        self.shown.push_str(value);
    }

    /// Returns it as strings: what the table has under [`Script::PARTS`].
    pub fn into_parts(self) -> Vec<String> {
        [self.text, self.shown].into_iter().chain(self.values).collect()
    }

    /// The text for the shell.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text for a person.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The variables with its values.
    pub(super) fn variables(&self) -> impl Iterator<Item = (String, &str)> {
        (1..).map(variable).zip(self.values.iter().map(String::as_str))
    }
}

fn variable(n: usize) -> String {
    format!("{VARIABLE}{n}")
}

impl<'de> Deserialize<'de> for Script {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScriptVisitor)
    }
}

struct ScriptVisitor;

impl<'de> Visitor<'de> for ScriptVisitor {
    type Value = Script;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Script, E> {
        Ok(Script::new(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Script, A::Error> {
        let parts = match map.next_entry::<String, Vec<String>>()? {
            Some((key, parts)) if key == Script::PARTS => parts,
            _ => return Err(Error::custom("a script is a string")),
        };
        let mut parts = parts.into_iter();
        let (text, shown) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        Ok(Script { text, shown, values: parts.collect() })
    }
}

impl JsonSchema for Script {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Script".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}
