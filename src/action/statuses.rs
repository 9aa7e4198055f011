//! [`Statuses`]: the statuses that a response may have.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// One status, or several.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum Statuses {
    /// This one.
    One(#[schemars(range(min = 100, max = 599))] u16),
    /// One of these.
    Any(#[schemars(length(min = 1), inner(range(min = 100, max = 599)))] Vec<u16>),
}

/// The statuses that HTTP has.
const STATUSES: std::ops::RangeInclusive<u16> = 100..=599;

/// A status in a list.
struct Status(u16);

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneStatus).map(Self)
    }
}

struct OneStatus;

impl Visitor<'_> for OneStatus {
    type Value = u16;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status from 100 to 599")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u16, E> {
        let status = u16::try_from(number).ok().filter(|status| STATUSES.contains(status));
        status.ok_or_else(|| E::custom(format!("{number} is no status of HTTP, which go from 100 to 599")))
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Statuses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status from 100 to 599, or an array of them")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Statuses, E> {
                OneStatus.visit_i64(number).map(Statuses::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Statuses, A::Error> {
                let mut all = Vec::new();
                while let Some(Status(status)) = items.next_element()? {
                    all.push(status);
                }
                if all.is_empty() {
                    return Err(A::Error::custom("no status is in it, so no response could be right"));
                }
                Ok(Statuses::Any(all))
            }
        }

        deserializer.deserialize_any(OneOrMore)
    }
}

impl Default for Statuses {
    fn default() -> Self {
        Self::One(200)
    }
}

impl Statuses {
    /// Whether `status` is one of them.
    pub fn has(&self, status: u16) -> bool {
        self.all().contains(&status)
    }

    /// Returns each of them.
    pub fn all(&self) -> &[u16] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Any(any) => any,
        }
    }

    /// Returns them as words: "200 or 204".
    pub fn words(&self) -> String {
        match self {
            Self::One(one) => one.to_string(),
            Self::Any(any) => any.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Settings {
        status: Statuses,
    }

    #[test]
    fn one_or_several_are_read_and_what_is_no_status_is_refused_with_what_is_wrong() {
        let read = |value: &str| toml::from_str::<Settings>(&format!("status = {value}"));
        assert_eq!(read("200").unwrap().status.all(), [200]);
        assert_eq!(read("[200, 599]").unwrap().status.all(), [200, 599]);
        for (value, says) in [
            ("99", "99 is no status of HTTP, which go from 100 to 599"),
            ("70000", "70000 is no status"),
            ("[200, 600]", "600 is no status"),
            ("[]", "no status is in it"),
            ("[\"200\"]", "expected a status from 100 to 599"),
            ("\"2xx\"", "expected a status from 100 to 599, or an array of them"),
        ] {
            let error = read(value).unwrap_err().message().to_owned();
            assert!(error.contains(says), "{value}: {error}");
        }
    }
}
