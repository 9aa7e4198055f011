//! [`Quantity`] and [`Version`]: values that are compared by what they mean, and shown as they are written.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Object, ObjectRepr};

/// An amount as Kubernetes writes it: `250m`, `512Mi`, `1.5`, `1e3`.
#[derive(Clone, Debug)]
pub(super) struct Quantity {
    text: String,
    /// In billionths, which is the finest that Kubernetes knows.
    amount: i128,
}

const SUFFIXES: [(&str, i128); 15] = [
    ("", 1_000_000_000),
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("k", 1_000_000_000_000),
    ("M", 1_000_000_000_000_000),
    ("G", 1_000_000_000_000_000_000),
    ("T", 1_000_000_000_000_000_000_000),
    ("P", 1_000_000_000_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000_000_000_000),
    ("Ki", 1_000_000_000 << 10),
    ("Mi", 1_000_000_000 << 20),
    ("Gi", 1_000_000_000 << 30),
    ("Ti", 1_000_000_000 << 40),
    ("Pi", 1_000_000_000 << 50),
];

impl Quantity {
    /// Reads an amount; `None` if `text` is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
        let (number, suffix) = digits.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + fraction.len() == 0 || fraction.contains('.') {
            return None;
        }
        let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
        let scaled = mantissa.checked_mul(multiplier(suffix)?)?;
        // Kubernetes rounds what is finer up, too.
        let divisor = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let amount = scaled / divisor + i128::from(scaled % divisor != 0);
        Some(Self { text: text.to_owned(), amount: if negative { -amount } else { amount } })
    }
}

fn multiplier(suffix: &str) -> Option<i128> {
    if suffix == "Ei" {
        return Some(1_000_000_000 << 60);
    }
    if let Some((_, multiplier)) = SUFFIXES.iter().find(|(name, _)| *name == suffix) {
        return Some(*multiplier);
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    10_i128.checked_pow(u32::try_from(exponent.checked_add(9)?).ok()?)
}

/// Returns whether `text` is an amount as Kubernetes writes it.
pub fn is_quantity(text: &str) -> bool {
    Quantity::parse(text).is_some()
}

/// A version: `1.2.3`, `v1.2`, `1.2.3-rc.1`.
#[derive(Clone, Debug)]
pub(super) struct Version {
    text: String,
    pub(super) version: semver::Version,
}

impl Version {
    /// Reads a version; numbers that are left out count as 0. `None` if `text` is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let plain = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let end = plain.find(['-', '+']).unwrap_or(plain.len());
        let (numbers, rest) = plain.split_at(end);
        let missing = 3_usize.checked_sub(numbers.split('.').count())?;
        let version = semver::Version::parse(&format!("{numbers}{}{rest}", ".0".repeat(missing))).ok()?;
        Some(Self { text: text.to_owned(), version })
    }
}

impl Object for Quantity {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.amount.cmp(&other.downcast_ref::<Self>()?.amount))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Object for Version {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.version.cmp_precedence(&other.downcast_ref::<Self>()?.version))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_compared_by_what_they_mean() {
        let amount = |text: &str| Quantity::parse(text).unwrap().amount;
        for (a, b) in [
            ("250m", "0.25"),
            ("1", "1000m"),
            ("512Mi", "536870912"),
            ("0.5Gi", "512Mi"),
            ("1e3", "1k"),
            ("1E3", "1000"),
            ("1Ei", "1024Pi"),
            ("-1", "-1000m"),
            ("100u", "100000n"),
        ] {
            assert_eq!(amount(a), amount(b), "{a} {b}");
        }
        assert!(amount("128Mi") < amount("256Mi") && amount("1G") < amount("1Gi"));
        for text in ["", "m", "1x", "1.2.3", "250 m", "1KB", "1ee3"] {
            assert!(Quantity::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn versions_are_compared_number_by_number() {
        let version = |text: &str| Version::parse(text).unwrap().version;
        assert!(version("1.10") > version("1.9.9") && version("v2") > version("1.99.0"));
        assert!(version("1.2.0-rc.1") < version("1.2"));
        for text in ["", "latest", "1.2.3.4", "1..2"] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }
}
