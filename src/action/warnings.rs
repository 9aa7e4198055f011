//! [`Warnings`]: what the programs of a step warn of, for the step's output.

use std::sync::{Mutex, PoisonError};

use crate::model::Output;
use crate::redact::Redactor;

/// Most warnings that an output has.
const MAX_WARNINGS: usize = 4;

/// Most characters of each of them.
const MAX_WARNING: usize = 300;

/// What the programs of a step have warned of, each warning once.
#[derive(Debug, Default)]
pub(super) struct Warnings(Mutex<Vec<String>>);

impl Warnings {
    /// Keeps a warning, with secrets masked.
    pub(super) fn add(&self, warning: &str, redactor: &Redactor) {
        // Masked before it is cut: half a secret would not be known any more.
        let warning: String = redactor.text(warning).chars().take(MAX_WARNING).collect();
        let mut warnings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Returns `output` with the warnings, if there are any.
    pub(super) fn add_to(&self, output: Output) -> Output {
        let warnings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if warnings.is_empty() {
            return output;
        }
        let (shown, more) = warnings.split_at(warnings.len().min(MAX_WARNINGS));
        let more = if more.is_empty() { String::new() } else { format!("; {} more in the step's log", more.len()) };
        output.with(Output::WARNINGS, shown.join("; ") + &more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_is_kept_once_without_secrets_and_of_many_the_first_ones() {
        let (warnings, redactor) = (Warnings::default(), Redactor::new());
        assert_eq!(warnings.add_to(Output::new()), Output::new());
        redactor.register("hunter2222");
        for warning in ["the driver is old", "hunter2222 is weak", "the driver is old"] {
            warnings.add(warning, &redactor);
        }
        let text = |warnings: &Warnings| warnings.add_to(Output::new()).get(Output::WARNINGS).map(str::to_owned);
        assert_eq!(text(&warnings).as_deref(), Some("the driver is old; *** is weak"));
        (0..5).for_each(|n| warnings.add(&format!("{n}{}", "x".repeat(1000)), &redactor));
        let text = text(&warnings).unwrap();
        assert!(text.ends_with("x; 3 more in the step's log") && text.len() < 1000, "{text}");
    }
}
