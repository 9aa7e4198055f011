//! [`parse`] and [`text`]: a record as JSON with its kind: `{"kind":"child-ended","pid":7}`.
//!
//! serde reads an internally tagged enum into a tree first and then makes the record of the tree, because the tag may
//! stand anywhere. Here the record is read from the text: its kind stands first, or is searched for.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, VariantAccess, Visitor};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};
use serde_json::Error as JsonError;

/// What stands before the kind.
const START: &str = "{\"kind\":\"";

/// Returns the text of `record`, an enum of structs.
pub(super) fn text(record: &impl Serialize) -> Result<String, JsonError> {
    // serde writes `{"child-ended":{"pid":7}}`.
    let text = serde_json::to_string(record)?;
    let parts = text.strip_prefix("{\"").and_then(|text| text.strip_suffix("}}")?.split_once("\":{"));
    let (kind, fields) = parts.ok_or_else(|| JsonError::custom("a record is a struct"))?;
    Ok(format!("{START}{kind}\",{fields}}}"))
}

/// Returns the record that `text` is.
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, JsonError> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        kind: &'a str,
    }
    let kind = match text.strip_prefix(START).and_then(|text| text.split_once('"')) {
        Some((kind, _)) => kind,
        None => serde_json::from_str::<Kind<'_>>(text)?.kind,
    };
    T::deserialize(Tagged { kind, text })
}

/// A record's text, as a deserializer of an enum of structs.
struct Tagged<'a> {
    kind: &'a str,
    text: &'a str,
}

impl<'de> Deserializer<'de> for Tagged<'de> {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Tagged<'de> {
    type Error = JsonError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), JsonError> {
        Ok((seed.deserialize(StrDeserializer::<JsonError>::new(self.kind))?, self))
    }
}

impl<'de> VariantAccess<'de> for Tagged<'de> {
    type Error = JsonError;

    fn unit_variant(self) -> Result<(), JsonError> {
        Err(JsonError::custom("a record has fields"))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, JsonError> {
        Err(JsonError::custom("a record is a struct"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, JsonError> {
        Err(JsonError::custom("a record is a struct"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, JsonError> {
        // The kind is a field that the record does not know.
        let mut json = serde_json::Deserializer::from_str(self.text);
        let record = json.deserialize_map(visitor)?;
        json.end()?;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Sample {
        TwoWords { text: String, list: Vec<u8> },
        Other { n: Option<u8> },
    }

    #[test]
    fn a_record_reads_back() {
        let quoted = Sample::TwoWords { text: "\":{ }}\u{1}".into(), list: vec![1] };
        for (record, is) in [
            (quoted, r#"{"kind":"two-words","text":"\":{ }}\u0001","list":[1]}"#),
            (Sample::Other { n: None }, r#"{"kind":"other","n":null}"#),
        ] {
            assert_eq!(text(&record).unwrap(), is);
            assert_eq!(parse::<Sample>(is).unwrap(), record);
        }
        for text in [r#"{"kind":"other","newer":{"a":[]}}"#, r#"{"newer":{"kind":"a"},"n":null,"kind":"other"}"#] {
            assert_eq!(parse::<Sample>(text).unwrap(), Sample::Other { n: None });
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "{}",
            r#"{"n":1}"#,
            r#"{"kind":"oth"#,
            r#"{"kind":"unknown","n":1}"#,
            r#"{"kind":"other","n":1}}"#,
            r#"{"kind":"other","n":"1"}"#,
            r#"{"kind":"two-words","text":"a"}"#,
        ] {
            assert!(parse::<Sample>(text).is_err(), "{text}");
        }
    }
}
