//! The progress of a running step.

use std::fmt;

/// The unit of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes; shown with a decimal prefix.
    Bytes,
    /// Things: build steps, layers, pods.
    Items,
}

/// The progress of a running step. May be dropped: a later one replaces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Done so far.
    pub current: u64,
    /// The total, if it is known.
    pub total: Option<u64>,
    /// The unit of both.
    pub unit: Unit,
    /// What is being done.
    pub message: String,
}

impl Progress {
    /// `current` of `total` bytes.
    pub fn bytes(current: u64, total: Option<u64>, message: impl Into<String>) -> Self {
        Self { current, total, unit: Unit::Bytes, message: message.into() }
    }

    /// `current` of `total` things.
    pub fn items(current: u64, total: Option<u64>, message: impl Into<String>) -> Self {
        Self { current, total, unit: Unit::Items, message: message.into() }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |n: u64| match self.unit {
            Unit::Bytes => human_bytes(n),
            Unit::Items => n.to_string(),
        };
        match self.total {
            Some(total) => write!(f, "{}/{}", count(self.current), count(total))?,
            None => f.write_str(&count(self.current))?,
        }
        if !self.message.is_empty() {
            write!(f, " {}", self.message)?;
        }
        Ok(())
    }
}

/// Formats `n` bytes with one decimal and a decimal prefix, as Docker does: `187.4 MB`.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(crate) fn human_bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if n < 1000 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_docker_shows_them() {
        let cases = [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (187_400_000, "187.4 MB"), (999_960_000, "1.0 GB")];
        for (n, text) in cases {
            assert_eq!(human_bytes(n), text);
        }
    }

    #[test]
    fn progress_reads_as_current_of_total() {
        assert_eq!(Progress::items(3, Some(12), "RUN make").to_string(), "3/12 RUN make");
        assert_eq!(Progress::bytes(1500, None, "").to_string(), "1.5 kB");
    }
}
