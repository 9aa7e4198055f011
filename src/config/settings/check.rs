//! [`check`]: all errors in the settings of a step or of `[cluster]`. serde stops at the first one, so the entry that
//! it complains about is removed and the rest is parsed again.

use std::ops::Range;

use super::explain::{explain, missing, missing_name};
use super::parser::SettingsParser;
use crate::config::syntax::diagnostic::Report;
use crate::config::syntax::node::Table;
use crate::suggest::nearest;

/// Maximum number of errors that are reported for one table.
const MAX_ERRORS: usize = 20;

/// The result of checking settings.
pub(super) enum Checked<T> {
    /// They are valid.
    Valid(T),
    /// There is no error in the known values; the others decide.
    Unknown,
    /// Errors have been reported.
    Invalid,
}

/// Reports all errors in `settings`; `unknown` are the places of strings whose values are not known yet.
pub(super) fn check<P: SettingsParser>(
    report: &Report,
    parser: &P,
    settings: &Table,
    unknown: &[Range<usize>],
) -> Checked<P::Parsed> {
    match parser.parse(settings) {
        Ok(parsed) => Checked::Valid(parsed),
        Err(error) => {
            let mut search =
                ErrorSearch { report, parser, settings: settings.clone(), unknown, removed: Vec::new(), n_errors: 0 };
            search.run(error);
            if search.n_errors == 0 { Checked::Unknown } else { Checked::Invalid }
        }
    }
}

/// A search for all errors, starting with the first.
struct ErrorSearch<'a, P> {
    report: &'a Report,
    parser: &'a P,
    /// The settings without what has been removed.
    settings: Table,
    unknown: &'a [Range<usize>],
    /// The keys that have been removed: errors that follow from that are not reported.
    removed: Vec<String>,
    n_errors: usize,
}

impl<P: SettingsParser> ErrorSearch<'_, P> {
    fn run(&mut self, first: toml::de::Error) {
        let mut error = first;
        for _ in 0..MAX_ERRORS {
            let Some(span) = error.span() else {
                return self.on_validation_error(&error);
            };
            let missing = missing_name(&error);
            if span == *self.parser.place() && missing.is_some() {
                return self.report_missing();
            }
            let is_consequence = missing.is_some_and(|name| self.was_removed(name));
            if !is_consequence && !self.contains_unknown(&span) {
                self.report_error(&error);
            }
            let Some(key) = self.settings.remove_at(&span) else { return };
            self.removed.push(key);
            match self.parser.parse(&self.settings) {
                Ok(_) => return,
                Err(next) => error = next,
            }
        }
    }

    fn report_error(&mut self, error: &toml::de::Error) {
        self.report.add(explain(self.parser, &self.settings, error, self.report.source()));
        self.n_errors += 1;
    }

    /// The parser's own validation knows no places. It only applies to complete settings with known values.
    fn on_validation_error(&mut self, error: &toml::de::Error) {
        if self.n_errors == 0 && self.removed.is_empty() && self.unknown.is_empty() {
            self.report_error(error);
        }
    }

    /// Reports all missing settings: serde only names the first one.
    fn report_missing(&mut self) {
        for name in self.parser.required() {
            if self.settings.get(&name).is_none() && !self.was_removed(&name) {
                self.report.add(missing(self.parser, &name, self.report.source()));
                self.n_errors += 1;
            }
        }
    }

    /// Returns whether the setting `name`, or one with a similar name, has been removed.
    fn was_removed(&self, name: &str) -> bool {
        self.removed.iter().any(|key| key == name || nearest(key, [name]).is_some())
    }

    fn contains_unknown(&self, span: &Range<usize>) -> bool {
        self.unknown.iter().any(|unknown| span.start <= unknown.start && unknown.end <= span.end)
    }
}
