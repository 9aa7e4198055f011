//! The checklist in the formats of `provision report`. A format is one file with a `FORMAT`, and one line in [`FORMATS`].

mod ctrf;
mod evidence;
mod html;
mod json;
mod junit;
mod markdown;
mod text;

use std::io::{self, Write};

use super::style::Theme;
use super::timeline::Timeline;
use crate::model::{Checklist, ItemStatus, Verdict};

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

/// All formats, the default one first.
pub(crate) const FORMATS: &[Format] =
    &[text::FORMAT, markdown::FORMAT, json::FORMAT, html::FORMAT, junit::FORMAT, ctrf::FORMAT];

/// Returns whether all items are proven or dropped, and no line only looks like one, which is what `--check` checks.
pub(crate) fn is_complete(checklist: &Checklist) -> bool {
    let passes = |status: &ItemStatus| status.verdict.is_ticked() || status.verdict == Verdict::Dropped;
    checklist.near.is_empty() && checklist.items.iter().all(passes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::runs::{checklist, near};

    #[test]
    fn a_checklist_is_complete_if_all_items_are_proven() {
        let mut list = checklist();
        assert!(!is_complete(&list));
        list.items.retain(|status| status.verdict.is_ticked());
        assert_eq!((list.items.len(), is_complete(&list)), (2, true));
        list.items[1].verdict = Verdict::Dropped;
        assert!(is_complete(&list));
        list.near.push(near());
        assert!(!is_complete(&list));
    }
}
