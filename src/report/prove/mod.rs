//! What `provision prove` found, as text and as JSON.

mod json;
mod text;

use std::io::{self, Write};

use crate::model::Trials;
use crate::report::style::Theme;

/// A form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ProveFormat {
    /// For people.
    Text,
    /// For programs: docs/prove.md has its fields.
    Json,
}

/// Writes what was found of the pipeline `pipeline`.
pub(crate) fn write_trials(
    out: &mut dyn Write,
    theme: Theme,
    format: ProveFormat,
    pipeline: &str,
    trials: &Trials,
) -> io::Result<()> {
    match format {
        ProveFormat::Text => text::write(out, theme, trials),
        ProveFormat::Json => json::write(out, pipeline, trials),
    }
}
