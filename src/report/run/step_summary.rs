//! [`StepSummary`]: a run in Markdown, for the page that GitHub Actions shows of a job.

use std::io::{self, Write};

use crate::event::Event;
use crate::report::markdown::{escaped, fenced, in_code};
use crate::report::reporter::Reporter;
use crate::report::run::row::StepRow;
use crate::report::run::summary::{SUCCEEDED, counts, end_word, outcome_word};
use crate::report::run::view::View;
use crate::report::style::duration;
use crate::report::text;

/// Most failures that are shown with their details, and most lines of each: GitHub takes 1 MiB for a step of a job.
const MAX_FAILURES: usize = 20;
const MAX_LINES: usize = 30;

/// Most rows of the table of steps.
const MAX_ROWS: usize = 500;

/// Most characters of a cell or a line.
const MAX_LENGTH: usize = 400;

/// Writes the summary when the run is over.
#[derive(Debug)]
pub(crate) struct StepSummary<W> {
    out: W,
    view: View,
}

impl<W: Write> StepSummary<W> {
    /// Creates a reporter that writes to `out`, behind what is there.
    pub(crate) fn new(out: W) -> Self {
        Self { out, view: View::new() }
    }
}

impl<W: Write> Reporter for StepSummary<W> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        self.view.apply(event);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.view.run.is_none() {
            return Ok(());
        }
        let mut text = Vec::new();
        write(&mut text, &self.view)?;
        self.out.write_all(&text)?;
        self.out.flush()
    }
}

fn write(out: &mut dyn Write, view: &View) -> io::Result<()> {
    let pipeline = escaped(&view.pipeline);
    let Some(finished) = &view.finished else {
        return writeln!(out, "## ✗ {pipeline}: the run ended without a result\n");
    };
    let word = outcome_word(finished.outcome);
    let symbol = if word == SUCCEEDED { "✓" } else { "✗" };
    writeln!(out, "## {symbol} {pipeline} {word} in {}\n\n{}\n", duration(finished.duration), counts(view))?;
    for problem in &finished.problems {
        writeln!(out, "- {}", escaped(&problem.text))?;
    }
    for row in view.failures().take(MAX_FAILURES) {
        write_failure(out, row)?;
    }
    write_steps(out, view)?;
    for warning in &finished.warnings {
        writeln!(out, "- note: {}", escaped(warning))?;
    }
    writeln!(out)
}

/// A failed step with its message and the last lines of its output, as they are.
fn write_failure(out: &mut dyn Write, row: &StepRow) -> io::Result<()> {
    let optional = if row.is_optional { ", optional" } else { "" };
    let Some(failure) = &row.failure else {
        return writeln!(out, "### {}{optional} failed\n", escaped(&row.label()));
    };
    writeln!(out, "### {}{optional}: {}\n", escaped(&row.label()), escaped(&failure.message))?;
    for cause in &failure.causes {
        writeln!(out, "- caused by: {}", escaped(cause))?;
    }
    for hint in &failure.hints {
        writeln!(out, "- help: {}", escaped(hint))?;
    }
    let lines = &failure.details[failure.details.len().saturating_sub(MAX_LINES)..];
    if !lines.is_empty() {
        write!(out, "\n{}", fenced("text", lines.iter().map(String::as_str)))?;
    }
    writeln!(out)
}

/// The steps that were selected, folded away.
fn write_steps(out: &mut dyn Write, view: &View) -> io::Result<()> {
    let selected = || view.steps.iter().filter(|row| row.is_selected);
    let n = selected().count();
    writeln!(out, "<details><summary>{n} steps</summary>\n\n| step | result | time | |\n|---|---|---|---|")?;
    for row in selected().take(MAX_ROWS) {
        let outcome = end_word(row);
        let facts: Vec<String> = row.output.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let note = row.note.clone().unwrap_or_else(|| facts.join(", "));
        let note = text::cut(&note, MAX_LENGTH, "…");
        let time = if row.duration.is_zero() { String::new() } else { duration(row.duration) };
        writeln!(out, "| `{}` | {outcome} | {time} | {} |", in_code(row.id.as_str()), escaped(&note))?;
    }
    if n > MAX_ROWS {
        writeln!(out, "\nand {} more", n - MAX_ROWS)?;
    }
    writeln!(out, "\n</details>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use crate::event::StepFinished;
    use crate::fingerprint::StaleReason;
    use crate::model::Outcome;
    use crate::report::testing::runs::{all_fresh, failing, interrupted};
    use crate::report::testing::script::{Script, finished, written};

    #[test]
    fn a_run_is_a_heading_its_failures_and_its_steps() {
        insta::assert_snapshot!(written(&failing(), StepSummary::new));
    }

    #[test]
    fn every_end_of_a_run_has_its_heading() {
        let heading = |events: &[Event]| written(events, StepSummary::new).lines().next().map(str::to_owned);
        assert_eq!(heading(&all_fresh()).as_deref(), Some("## ✓ todo-chatbot succeeded in 0.2s"));
        assert_eq!(heading(&interrupted()).as_deref(), Some("## ✗ todo-chatbot interrupted in 3.5s"));
        let cut_off = &failing()[..5];
        assert_eq!(heading(cut_off).as_deref(), Some("## ✗ todo-chatbot: the run ended without a result"));
        assert_eq!(heading(&[]), None);
    }

    #[test]
    fn what_a_tool_prints_is_text_and_the_whole_has_a_limit() {
        let mut run = Script::new(&[("a", "A", &[("b", "B | <script>")])]);
        run.start("a.b", StaleReason::NeverRun);
        let details = (0..10_000).map(|n| format!("```\n</details> \x1b[31m{n}"));
        run.finish(StepFinished {
            failure: Some(Failure::failed("<img> | `x`").details(details)),
            ..finished("a.b", Outcome::Failed, 1)
        });
        run.run_end(Outcome::Failed, &[]);
        let page = written(&run.events, StepSummary::new);
        assert!(page.contains("### a.b (B \\| \\<script\\>): \\<img\\> \\| \\`x\\`\n"), "{page}");
        assert!(page.contains("\n````text\n") && page.contains("\n``` </details> 9999\n````\n"), "{page}");
        assert!(!page.contains('\x1b'), "{page}");
        assert!(page.lines().count() < 60, "{page}");
    }
}
