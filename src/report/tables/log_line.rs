//! What `logs --format json` prints: an object for each line. docs/agents.md describes it.

use std::io::{self, Write};

use serde::Serialize;

use crate::model::{RunId, StepId};
use crate::report::text::tame_json;

/// The version of the objects. Fields may be added without another one.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct LogLine<'a> {
    /// [`VERSION`].
    v: u32,
    step: &'a str,
    /// The run in which the step has printed it.
    run: &'a str,
    /// The line without its end. Bytes that are no UTF-8 are replaced.
    text: &'a str,
}

/// Writes a line of the log of `step` in `run`.
pub(crate) fn write_log_line_json(out: &mut dyn Write, step: &StepId, run: &RunId, line: &[u8]) -> io::Result<()> {
    let text = String::from_utf8_lossy(line);
    let line = LogLine { v: VERSION, step: step.as_str(), run: run.as_str(), text: &text };
    writeln!(out, "{}", tame_json(serde_json::to_string(&line)?))
}
