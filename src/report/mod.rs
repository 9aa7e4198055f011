//! What people and programs see of a run, of its history and of the checklist. Everything here is made from events and
//! from plain values.
//!
//! Execution sends events and continues; [`drive`] passes them to the reporters on a thread of its own. A reporter
//! can't fail a run: one that can't write is detached, and the others continue.

mod checklist;
mod choice;
mod diff;
mod doctor;
mod environments;
mod error_object;
mod errors;
mod facts;
mod fanout;
mod graph;
mod markdown;
mod prove;
mod reporter;
mod run;
mod style;
mod tables;
#[cfg(test)]
mod testing;
mod text;
mod timeline;

use std::io::Write;

pub(crate) use checklist::{ChecklistReport, FORMATS, Format as ChecklistFormat, is_complete};
pub(crate) use choice::{ColorChoice, Environment, Format, OutputChoice, Verbosity};
pub(crate) use diff::{DIFF_FORMATS, Diff, DiffFormat, KnownRun};
pub(crate) use doctor::{Checked, Diagnosis, Finding, Health, write_diagnosis, write_diagnosis_json};
pub(crate) use environments::{
    EnvironmentCluster, EnvironmentRun, EnvironmentState, Environments, ListedEnvironment, write_environments,
    write_environments_json,
};
pub(crate) use errors::{write_error_list, write_error_page, write_errors_json, write_last_error};
pub(crate) use fanout::{Fanout, drive};
pub(crate) use graph::{GraphFormat, GraphStage, GraphStep, PipelineGraph, write_graph};
pub(crate) use prove::{ProveFormat, write_trials};
pub(crate) use reporter::Reporter;
pub(crate) use run::failure::{FailureContext, write_failure};
pub(crate) use run::json::{Json, write_json_error};
pub(crate) use run::signals::{Bell, TaskbarProgress};
pub(crate) use run::step_summary::StepSummary;
pub(crate) use run::summary::NextCommands;
pub(crate) use run::trace::{Needs, Trace};
pub(crate) use run::tty::{Expected, Size, SizeOf};
pub(crate) use style::{DIM, Theme, count, lane_style, timestamp};
pub(crate) use tables::forecast::{ForecastGraph, StepForecast, write_forecast};
pub(crate) use tables::json::{write_explanation_json, write_forecast_json, write_status_json, write_status_line_json};
pub(crate) use tables::log_line::write_log_line_json;
pub(crate) use tables::removals::{
    Garbage, OldImage, OldLogs, Takedown, TakedownKept, TakedownRemoval, write_garbage_json, write_takedown_json,
};
pub(crate) use tables::status::{LastState, StepStatus, write_status};
pub(crate) use tables::status_view::{StatusView, WatchedRun, write_status_change};
pub(crate) use tables::why::{Explanation, InputChange, LastSuccess, write_explanation};
pub(crate) use text::{plain, write_document};
pub(crate) use timeline::{Timeline, TimelineStep};

use run::github::Github;
use run::lines::Lines;
use run::tty::Tty;

/// Returns the reporter for `format` that writes to `out`. Rows that change in place go to standard output, which `out`
/// then has to be; `size_of` returns its size, and `expected` how long a step took before. `-q` has no such rows.
pub(crate) fn reporter(
    format: Format,
    out: Box<dyn Write + Send>,
    size_of: SizeOf,
    expected: Expected,
    theme: Theme,
    verbosity: Verbosity,
    next: NextCommands,
) -> Box<dyn Reporter + Send> {
    match format {
        Format::Tty if verbosity > Verbosity::Quiet => {
            Box::new(Tty::stdout(out, size_of, expected, theme, verbosity, next))
        }
        Format::Tty | Format::Lines => Box::new(Lines::new(out, theme, verbosity, next)),
        Format::Json => Box::new(Json::new(out)),
        Format::Github => Box::new(Github::new(out, theme, verbosity, next)),
    }
}
