//! [`ObjectName`]: an object of a YAML file by its kind and name.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::expr::{Complaint, Content, Tree, no_object};

/// An object by its kind and name: `Deployment/backend`; of a kind of which there is one, by its kind alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    /// `Deployment`.
    pub kind: String,
    /// Its name; `None` for the only one of its kind.
    pub name: Option<String>,
}

impl ObjectName {
    /// As it is written.
    pub fn text(&self) -> String {
        self.name.as_ref().map_or_else(|| self.kind.clone(), |name| format!("{}/{name}", self.kind))
    }

    /// Whether `tree` is such an object.
    pub fn is(&self, tree: &Tree) -> bool {
        let (kind, name) = names_of(tree);
        kind == self.kind && self.name.as_deref().is_none_or(|wanted| wanted == name)
    }

    /// The object among `all`, or that it is not there.
    pub(super) fn find<'a>(&self, all: &'a [Tree]) -> Result<&'a Tree, Complaint> {
        let complain = |text: String| Err(Complaint { line: None, text });
        let found: Vec<&Tree> = all.iter().filter(|tree| self.is(tree)).collect();
        match found.as_slice() {
            [only] => Ok(only),
            [] => {
                let names: Vec<String> = all.iter().map(shown).collect();
                complain(no_object(&self.text(), &names))
            }
            many => complain(format!("there are {} objects {}: name the one that is meant", many.len(), self.text())),
        }
    }
}

/// The objects of a document, each by kind and name.
pub fn named_objects(objects: &[Tree]) -> impl Iterator<Item = (String, &Tree)> {
    objects.iter().map(|tree| (shown(tree), tree))
}

fn names_of(tree: &Tree) -> (&str, &str) {
    let kind = tree.get("kind").and_then(Tree::text).unwrap_or_default();
    let name = tree.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Tree::text);
    (kind, name.unwrap_or_default())
}

fn shown(tree: &Tree) -> String {
    match names_of(tree) {
        ("", _) => "a document without a kind".into(),
        (kind, "") => kind.into(),
        (kind, name) => format!("{kind}/{name}"),
    }
}

/// The documents with the items of a `List` in its place, and without the values of Secrets: no message shows them.
pub(super) fn flattened(trees: Vec<Tree>) -> Vec<Tree> {
    let mut flat = Vec::new();
    for mut tree in trees {
        let (kind, _) = names_of(&tree);
        let (is_secret, is_list) = (kind == "Secret", kind == "List");
        if is_secret {
            for key in ["data", "stringData"] {
                if let Some(values) = tree.get_mut(key) {
                    values.hide();
                }
            }
        }
        match tree.get_mut("items").map(|items| &mut items.content) {
            Some(Content::List(items)) if is_list => flat.extend(flattened(std::mem::take(items))),
            _ => flat.push(tree),
        }
    }
    flat
}

impl<'de> Deserialize<'de> for ObjectName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ObjectNameVisitor)
    }
}

/// Reads a name inside of the deserializer, which then adds the place of the string to an error.
struct ObjectNameVisitor;

impl de::Visitor<'_> for ObjectNameVisitor {
    type Value = ObjectName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ObjectName, E> {
        let (kind, name) = text.split_once('/').map_or((text, None), |(kind, name)| (kind, Some(name)));
        let is_kind = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.chars().all(char::is_alphanumeric);
        if !is_kind || name.is_some_and(|name| name.is_empty() || name.contains('/')) {
            return Err(E::custom(format!("`{text}` is not of the form `Deployment/backend`")));
        }
        Ok(ObjectName { kind: kind.to_owned(), name: name.map(str::to_owned) })
    }
}

impl JsonSchema for ObjectName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ObjectName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "examples": ["Deployment/backend"]})
    }
}
