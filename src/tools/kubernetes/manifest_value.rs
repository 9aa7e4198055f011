//! [`ManifestValue`]: a value of a manifest, with its keys as helm and kubectl read them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A value of a manifest. Plain words and numbers are those of YAML 1.1 in keys as in values: the key of `no: x` is
/// `false`, that of `0x10: x` is `16`, and that of `"no": x` is `no`.
pub(super) struct ManifestValue(pub(super) Value);

impl<'de> Deserialize<'de> for ManifestValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a manifest")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(ManifestValue(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((Key(key), ManifestValue(value))) = fields.next_entry()? {
            map.insert(key, value);
        }
        Ok(map.into())
    }
}

/// A key, as text.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(ValueVisitor)? {
            Value::String(text) => Ok(Self(text)),
            Value::Number(number) if number.is_f64() => Ok(Self(number.as_f64().unwrap_or_default().to_string())),
            key @ (Value::Bool(_) | Value::Number(_)) => Ok(Self(key.to_string())),
            _ => Err(D::Error::custom("a key is neither a word nor a number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_what_helm_makes_of_them() {
        let read = |text: &str| {
            let options = serde_saphyr::options! { legacy_octal_numbers: true };
            serde_saphyr::from_str_with_options::<ManifestValue>(text, options).map(|value| value.0)
        };
        let found =
            read("{no: 1, 'n': 2, on: [y, {Y: ~}], \"yes\": 3, 0x10: 4, 010: 5, 1.50: 6, -7: 8, a b: 9}").unwrap();
        let expected = json!({
            "false": 1, "n": 2, "true": [true, {"true": null}], "yes": 3, "16": 4, "8": 5, "1.5": 6, "-7": 8, "a b": 9
        });
        assert_eq!(found, expected);
        assert!(read("[a]: 1").is_err());
    }
}
