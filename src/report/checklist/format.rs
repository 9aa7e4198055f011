//! [`Format`]: a way to write the checklist, and what it is made from.

use std::io::{self, Write};

use crate::error::ErrorObject;
use crate::model::{Checklist, Evidence, ItemStatus, StepId};
use crate::report::style::Theme;
use crate::report::timeline::Timeline;

/// What a report shows.
pub(crate) struct ChecklistReport<'a> {
    /// The pipeline's name.
    pub(crate) pipeline: &'a str,
    /// The items with their evidence.
    pub(crate) checklist: &'a Checklist,
    /// When it was generated, in milliseconds since the Unix epoch.
    pub(crate) generated_ms: i64,
    /// For text.
    pub(crate) theme: Theme,
    /// The last run; `None` if there was none.
    pub(crate) timeline: Option<Timeline<'a>>,
    /// Returns the last lines of a log, by its path relative to the project; `None` if it is gone.
    pub(crate) log: &'a dyn Fn(&str) -> Option<String>,
    /// Returns why a step failed, if its last end is in this run and was no success.
    pub(crate) error: &'a dyn Fn(&Evidence) -> Option<ErrorObject>,
}

impl ChecklistReport<'_> {
    /// Returns why the steps failed that cover an item, as far as that is on record.
    pub(super) fn errors<'b>(&self, status: &'b ItemStatus) -> Vec<(&'b StepId, ErrorObject)> {
        status.evidence.iter().filter_map(|evidence| Some((&evidence.step, (self.error)(evidence)?))).collect()
    }
}

/// A format of the report.
pub(crate) struct Format {
    /// What `--format` calls it.
    pub(crate) name: &'static str,
    /// Writes the report.
    pub(crate) write: fn(&mut dyn Write, &ChecklistReport) -> io::Result<()>,
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
