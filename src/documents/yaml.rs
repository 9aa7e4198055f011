//! YAML, one document or many, as helm and the API server read it: words and numbers are those of YAML 1.1, and the
//! last one of doubled keys wins, which is noted.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::document::Document;
use super::object::flattened;
use crate::expr::{Content, Tree};
use crate::tools::kubernetes::{with_left_lines, yaml_documents};

pub(super) fn read(text: &str) -> Result<Document, String> {
    let mut trees = Vec::new();
    let mut notes = Vec::new();
    for part in yaml_documents(text) {
        let (tree, doubled) = tree(&part.text, part.line)?;
        if tree.content != Content::Scalar(Value::Null) {
            trees.push(tree);
        }
        notes.extend(doubled);
    }
    Ok(Document { notes, ..documents(trees) })
}

/// The documents of a file: the only one is the root, and all are `documents`.
pub(super) fn documents(trees: Vec<Tree>) -> Document {
    let trees = flattened(trees);
    let list = Tree::list(None, trees.iter().cloned());
    let root = match <[Tree; 1]>::try_from(trees) {
        Ok([only]) => only,
        Err(_) => Tree::table(None, [("documents", list.clone())]),
    };
    Document { extras: vec![("documents", list)], ..Document::new(root) }
}

/// Reads one document that begins after `start` lines. Returns it with what is to be said of it.
pub(super) fn tree(text: &str, start: usize) -> Result<(Tree, Vec<String>), String> {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        legacy_octal_numbers: true,
        // A few anchors may be used everywhere; how much they become together has a limit of its own.
        budget: serde_saphyr::budget! { enforce_alias_anchor_ratio: false },
    };
    let read: Result<Option<Spanned<Part>>, _> =
        with_left_lines(text, |text| serde_saphyr::from_str_with_options(text, options.clone()));
    let read = read.map_err(|error| {
        let line = error.location().and_then(|location| usize::try_from(location.line()).ok());
        let message = error.without_snippet().to_string();
        let why = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
        // Its line is that of the document, and the file may have several.
        let why = why.split_once(" at line ").map_or(why, |(why, _)| why);
        line.map_or_else(|| why.to_owned(), |line| format!("line {}: {why}", start + line))
    })?;
    let mut doubled = Vec::new();
    let tree = match read {
        Some(part) => part.value.placed(line_of(&part.referenced), start, &mut doubled),
        None => Tree::scalar(None, Value::Null),
    };
    let notes = doubled.into_iter().map(|(line, key)| {
        format!("line {}: the key `{key}` stands there a second time, and this one counts", start + line)
    });
    Ok((tree, notes.collect()))
}

fn line_of(location: &serde_saphyr::Location) -> Option<usize> {
    usize::try_from(location.line()).ok().filter(|line| *line > 0)
}

/// A value whose own line its owner knows.
enum Part {
    Scalar(Value),
    List(Vec<Spanned<Part>>),
    /// Each key with its line, and the keys that stand there again.
    Table(Vec<Entry>, Vec<(usize, String)>),
}

type Entry = (String, Option<usize>, Spanned<Part>);

impl Part {
    /// The value at `line` of a document that begins after `start` lines. Adds to `doubled` the keys that it has twice.
    fn placed(self, line: Option<usize>, start: usize, doubled: &mut Vec<(usize, String)>) -> Tree {
        let content = match self {
            Self::Scalar(value) => Content::Scalar(value),
            Self::List(items) => {
                let items = items.into_iter();
                Content::List(items.map(|item| item.value.placed(line_of(&item.referenced), start, doubled)).collect())
            }
            Self::Table(entries, again) => {
                doubled.extend(again);
                let entries = entries.into_iter().map(|(key, line, value)| {
                    let line = line.or(line_of(&value.referenced));
                    (key, value.value.placed(line, start, doubled))
                });
                Content::Table(entries.collect())
            }
        };
        Tree::new(line.map(|line| start + line), content)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Part, E> {
        Ok(Part::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Part, E> {
        Ok(Part::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Part, E> {
        Ok(Part::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Part, E> {
        Ok(Part::Scalar(serde_json::Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Part, E> {
        Ok(Part::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Part, E> {
        Ok(Part::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Part, E> {
        Ok(Part::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Part, D::Error> {
        Part::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Part, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Part::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
        let (mut entries, mut again): (Vec<Entry>, _) = (Vec::new(), Vec::new());
        while let Some(key) = map.next_key::<Spanned<Key>>()? {
            let line = line_of(&key.referenced);
            let (key, value) = (key.value.0, map.next_value()?);
            if let Some(entry) = entries.iter_mut().find(|(other, ..)| *other == key) {
                again.push((line.unwrap_or_default(), key.clone()));
                *entry = (key, line, value);
            } else {
                entries.push((key, line, value));
            }
        }
        Ok(Part::Table(entries, again))
    }
}

/// A key: whatever it is, as text.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Part::deserialize(deserializer)? {
            Part::Scalar(Value::String(text)) => Ok(Self(text)),
            Part::Scalar(scalar) => Ok(Self(scalar.to_string())),
            _ => Err(de::Error::custom("a list or a table can't be a key")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_goes_on_where_it_likes() {
        let found = read("a:\n  b: 'x\n  y'\n").unwrap();
        assert_eq!(found.root.to_json(), serde_json::json!({"a": {"b": "x y"}}));
    }

    #[test]
    fn an_anchor_may_be_used_everywhere_and_what_grows_without_end_is_refused() {
        let services: Vec<String> = (0..150).map(|n| format!("  s{n}: *common")).collect();
        let many = format!("x: &common {{restart: always}}\nservices:\n{}\n", services.join("\n"));
        assert!(read(&many).is_ok());
        let line = |n: usize| format!("a{n}: &a{n} [{}]", vec![format!("*a{}", n - 1); 40].join(", "));
        let grows: Vec<String> = (1..9).map(line).collect();
        assert!(read(&format!("a0: &a0 [x]\n{}\n", grows.join("\n"))).is_err());
    }
}
