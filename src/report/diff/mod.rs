//! What has changed between two runs, in the formats of `provision report diff`. A format is one file with a `FORMAT`,
//! and one line in [`DIFF_FORMATS`].

mod changes;
mod format;
mod json;
mod markdown;
mod text;

pub(crate) use changes::{Diff, KnownRun};
pub(crate) use format::DiffFormat;

/// All formats, the default one first.
pub(crate) const DIFF_FORMATS: &[DiffFormat] = &[text::FORMAT, markdown::FORMAT, json::FORMAT];
