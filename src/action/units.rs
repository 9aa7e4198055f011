//! Quantities in a step's settings.

use std::borrow::Cow;
use std::time::Duration;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A length of time: `"30s"`, `"2m 30s"`, `"500ms"`, or a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Time;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a length of time like \"30s\", or a number of seconds")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
        text.parse::<SignedDuration>()
            .ok()
            .and_then(|time| Duration::try_from(time).ok())
            .map(Time)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Time, E> {
        u64::try_from(seconds)
            .map(|seconds| Time(Duration::from_secs(seconds)))
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(seconds), &self))
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Time, E> {
        Ok(Time(Duration::from_secs(seconds)))
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "integer"], "minimum": 0, "examples": ["30s", "2m 30s"]})
    }
}

/// A size in bytes: `300MB`, `1.5 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Size(pub u64);

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let size = text.parse().map(|bytesize::ByteSize(bytes)| Self(bytes));
        size.map_err(|_| format!("`{text}` is not a size: write it as `300MB` or `1.5GB`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let cases = [("300MB", 300_000_000), ("1.5 GB", 1_500_000_000), ("10MiB", 10 << 20), ("42", 42)];
        for (text, bytes) in cases {
            assert_eq!(Size::try_from(text.to_owned()), Ok(Size(bytes)), "{text}");
        }
        for bad in ["", "MB", "1.2.3MB", "-5MB", "5 parsecs"] {
            assert!(Size::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[derive(Debug, Deserialize)]
    struct Settings {
        time: Time,
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let cases = [("\"30s\"", 30_000), ("\"2m 30s\"", 150_000), ("\"500ms\"", 500), ("7", 7000), ("0", 0)];
        for (text, milliseconds) in cases {
            let settings: Settings = toml::from_str(&format!("time = {text}")).unwrap();
            assert_eq!(settings.time.0, Duration::from_millis(milliseconds), "{text}");
        }
        for bad in ["\"\"", "\"soon\"", "\"-3s\"", "-1", "1.5", "true"] {
            assert!(toml::from_str::<Settings>(&format!("time = {bad}")).is_err(), "{bad}");
        }
    }
}
