//! [`write_summary`]: the end of a run on one screen: its result, its failures, and the next command.

use std::io::{self, Write};

use crate::error::MAX_DETAILS;
use crate::fingerprint::StaleReason;
use crate::model::{Outcome, Output, StepState};
use crate::report::run::failure::{FailureContext, write_failure};
use crate::report::run::row::StepRow;
use crate::report::run::view::View;
use crate::report::style::{BAD, DIM, GOOD, STRONG, Symbol, Theme, WARN, count, duration};
use crate::report::text;

/// Maximum number of failures that are shown; further ones are only named.
const MAX_FAILURES: usize = 5;

/// The commands that the summary suggests, with the options of this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NextCommands {
    /// Continues after a failure or an interruption: `provision up`.
    pub(crate) resume: String,
    /// Whether the command goes on by itself after a failure, as `watch` does: only what was stopped is continued.
    pub(crate) goes_on: bool,
    /// Shows the results after a success: `provision report`. `None` if there is nothing to show.
    pub(crate) after: Option<String>,
}

impl Default for NextCommands {
    fn default() -> Self {
        Self { resume: "provision up".into(), goes_on: false, after: None }
    }
}

/// How much of each failure the summary shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failures {
    /// Everything: message, causes, details, log, hints.
    Full,
    /// The message: the rest was written when it happened.
    Brief,
}

/// Writes the summary of a run.
pub(crate) fn write_summary(
    out: &mut dyn Write,
    theme: Theme,
    view: &View,
    failures: Failures,
    next: &NextCommands,
) -> io::Result<()> {
    write_failures(out, theme, view, failures)?;
    let Some(finished) = &view.finished else {
        // The run ended with an error or a panic, which `cli` shows.
        return writeln!(out, "{}", theme.paint(BAD, "the run ended without a result"));
    };
    for problem in &finished.problems {
        writeln!(out, "{} {}", theme.paint(BAD, "error:"), text::plain(&problem.text))?;
    }
    let word = outcome_word(finished.outcome);
    let (symbol, style) = match finished.outcome {
        Outcome::Failed | Outcome::Blocked => (Symbol::Bad, BAD),
        Outcome::Interrupted => (Symbol::Bad, WARN),
        _ => (Symbol::Good, GOOD),
    };
    let succeeded = word == SUCCEEDED;
    let symbol = theme.paint(style, theme.symbol(symbol));
    let time = duration(finished.duration);
    let n_steps = view.counts.total;
    let n_rechecked = count_rechecked(view);
    let n_idle = n_rechecked + view.counts.of(Outcome::Fresh) + view.counts.of(Outcome::Skipped);
    if succeeded && n_steps > 0 && n_idle == n_steps {
        let n_skipped = view.counts.of(Outcome::Skipped);
        let proven = match n_steps - n_skipped {
            0 => "no step applies".to_owned(),
            1 if n_steps == 1 => "the only step is proven".to_owned(),
            1 => format!("1 step is proven, {n_skipped} skipped"),
            n_proven if n_skipped > 0 => format!("{n_proven} steps are proven, {n_skipped} skipped"),
            n_proven => format!("all {n_proven} steps are proven"),
        };
        let rechecked = if n_rechecked > 0 { format!(", {n_rechecked} re-checked") } else { String::new() };
        let text = format!("nothing to do: {proven}{rechecked}");
        writeln!(out, "{symbol} {} {}", theme.paint(style, &text), theme.paint(DIM, &format!("({time})")))?;
    } else {
        let pipeline = text::plain(&view.pipeline);
        writeln!(
            out,
            "{symbol} {} {} in {time}: {}",
            theme.paint(STRONG, &pipeline),
            theme.paint(style, word),
            counts(view)
        )?;
    }
    write_notes(out, theme, view)?;
    for warning in &finished.warnings {
        writeln!(out, "  {} {}", theme.paint(WARN, "note:"), text::plain(warning))?;
    }
    if finished.critical_path.len() > 1 {
        let arrow = if theme.unicode { " → " } else { " > " };
        let path: Vec<String> =
            finished.critical_path.iter().map(|(step, time)| format!("{step} {}", duration(*time))).collect();
        writeln!(out, "  {}", theme.paint(DIM, &format!("critical path: {}", path.join(arrow))))?;
    }
    if succeeded {
        if let Some(after) = &next.after {
            writeln!(out, "  next: {}", theme.paint(STRONG, after))?;
        }
    } else if !next.goes_on || finished.outcome == Outcome::Interrupted {
        writeln!(out, "  continue with: {}", theme.paint(STRONG, &next.resume))?;
    }
    Ok(())
}

/// What is said of a run that has proven everything.
pub(super) const SUCCEEDED: &str = "succeeded";

/// Returns what is said of a run that has ended so.
pub(super) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Failed | Outcome::Blocked => "failed",
        Outcome::Interrupted => "interrupted",
        _ => SUCCEEDED,
    }
}

/// What is said of a step that has begun, and whose end could not be recorded.
const IN_DOUBT: &str = "in doubt";

/// What is said of a step that has not begun.
const NOT_STARTED: &str = "not started";

/// Returns how a step has ended, in a word.
pub(super) fn end_word(row: &StepRow) -> &'static str {
    let unfinished = if row.state == StepState::Running { IN_DOUBT } else { NOT_STARTED };
    row.outcome().map_or(unfinished, Outcome::word)
}

/// Returns the number of successful steps that are checks, which run every time.
fn count_rechecked(view: &View) -> usize {
    let is_rechecked =
        |row: &&StepRow| row.outcome() == Some(Outcome::Succeeded) && row.reason == Some(StaleReason::AlwaysRuns);
    view.steps.iter().filter(is_rechecked).count()
}

/// Returns `2 ran, 1 fresh, 1 failed, 2 blocked`, without zeros.
pub(super) fn counts(view: &View) -> String {
    let n_in_doubt = view.steps.iter().filter(|row| row.is_selected && row.state == StepState::Running).count();
    let unfinished = view.counts.waiting + view.counts.active - n_in_doubt;
    let n_rechecked = count_rechecked(view);
    let parts = [
        (view.counts.of(Outcome::Succeeded) - n_rechecked, "ran"),
        (n_rechecked, "re-checked"),
        (view.counts.of(Outcome::Fresh), "fresh"),
        (view.counts.of(Outcome::Fallback), "by fallback"),
        (view.counts.of(Outcome::Skipped), "skipped"),
        (view.counts.of(Outcome::Failed), "failed"),
        (view.counts.of(Outcome::Interrupted), "interrupted"),
        (view.counts.of(Outcome::Blocked), "blocked"),
        (n_in_doubt, IN_DOUBT),
        (unfinished, NOT_STARTED),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if parts.is_empty() { count(view.counts.total, "step") } else { parts.join(", ") }
}

/// Writes the notes of steps that did not fail, and what their tools warned of.
fn write_notes(out: &mut dyn Write, theme: Theme, view: &View) -> io::Result<()> {
    // Why a step never ran follows from the failures.
    let may_have_note = |row: &&StepRow| {
        row.is_selected && !matches!(row.outcome(), Some(Outcome::Blocked | Outcome::Skipped | Outcome::Interrupted))
    };
    // What stays of a step that was stopped.
    for row in view.steps.iter().filter(|row| row.outcome() == Some(Outcome::Interrupted)) {
        for left in row.failure.iter().flat_map(|failure| &failure.hints) {
            writeln!(out, "  {} {}: {}", theme.paint(WARN, "note:"), row.id, text::plain(left))?;
        }
    }
    for row in view.steps.iter().filter(may_have_note) {
        // A fresh step has the warnings of an earlier run.
        if row.outcome() != Some(Outcome::Fresh)
            && let Some(warnings) = row.output.get(Output::WARNINGS)
        {
            writeln!(out, "  {} {}: {}", theme.paint(WARN, "warning:"), row.id, text::plain(warnings))?;
        }
        if let Some(note) = &row.note {
            writeln!(out, "  {} {}: {}", theme.paint(WARN, "note:"), row.id, text::plain(note))?;
        } else if row.outcome() == Some(Outcome::Fallback)
            && let Some(failure) = &row.failure
        {
            let message = text::plain(&failure.message);
            writeln!(out, "  {} {}: proven by its fallback: {message}", theme.paint(WARN, "note:"), row.id)?;
        }
    }
    Ok(())
}

fn write_failures(out: &mut dyn Write, theme: Theme, view: &View, failures: Failures) -> io::Result<()> {
    let n_shown = view.failed.len().min(MAX_FAILURES);
    for row in view.failures().take(n_shown) {
        match failures {
            Failures::Full => write_step_failure(out, theme, row, MAX_DETAILS / n_shown)?,
            Failures::Brief => write_brief(out, theme, row)?,
        }
    }
    let rest: Vec<&str> = view.failures().skip(n_shown).map(|row| row.id.as_str()).collect();
    if !rest.is_empty() {
        // A hundred names are no help.
        let more = rest.len().saturating_sub(20);
        let names = rest[..rest.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        writeln!(out, "{} also failed: {names}{more}", theme.paint(BAD, "error:"))?;
    }
    if n_shown > 0 {
        writeln!(out)?;
    }
    Ok(())
}

/// Writes the block of a failed step with at most `max_details` detail lines.
pub(crate) fn write_step_failure(
    out: &mut dyn Write,
    theme: Theme,
    row: &StepRow,
    max_details: usize,
) -> io::Result<()> {
    let optional = if row.is_optional { ", optional" } else { "" };
    let subject = row.label() + optional;
    let context =
        FailureContext { subject: Some(&subject), log: row.log.as_deref(), max_details, hints: max_details > 0 };
    match &row.failure {
        Some(failure) => write_failure(out, theme, failure, context),
        None => writeln!(out, "{} {} failed", theme.paint(BAD, "error:"), text::plain(&subject)),
    }
}

fn write_brief(out: &mut dyn Write, theme: Theme, row: &StepRow) -> io::Result<()> {
    let message = row.failure.as_ref().map_or("failed", |failure| &failure.message);
    let first = message.lines().next().unwrap_or_default();
    let optional = if row.is_optional { " (optional)" } else { "" };
    writeln!(
        out,
        "{} {}{optional}: {}",
        theme.paint(BAD, theme.symbol(Symbol::Bad)),
        theme.paint(STRONG, row.id.as_str()),
        text::plain(first)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use crate::event::{Event, StepFinished};
    use crate::report::testing::runs::{all_fresh, failing, interrupted, succeeding};
    use crate::report::testing::script::{Script, finished};

    fn summary(events: &[Event], failures: Failures) -> String {
        let mut view = View::new();
        for event in events {
            view.apply(event);
        }
        let next = NextCommands { after: Some("provision report".into()), ..NextCommands::default() };
        let theme = Theme { color: false, unicode: true };
        let mut out = Vec::new();
        write_summary(&mut out, theme, &view, failures, &next).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_failure_is_shown_in_full_with_the_command_to_continue() {
        insta::assert_snapshot!(summary(&failing(), Failures::Full), @r"
        error: build.frontend (Build the frontend): the image could not be built
          caused by: `npm ci` exited with 1
          │ npm ERR! code ECONNRESET
          │ npm ERR! network
          log: .provision/logs/20261121-113512-4f2a/build.frontend.log
        help: `provision logs build.frontend` shows all of it

        ✗ todo-chatbot failed in 1m 05s: 2 ran, 1 fresh, 1 failed, 2 blocked
          critical path: prereq.minikube 1.2s → build.frontend 1m 04s
          continue with: provision up
        ");
    }

    #[test]
    fn a_failure_that_was_shown_is_named_again() {
        insta::assert_snapshot!(summary(&failing(), Failures::Brief), @r"
        ✗ build.frontend: the image could not be built

        ✗ todo-chatbot failed in 1m 05s: 2 ran, 1 fresh, 1 failed, 2 blocked
          critical path: prereq.minikube 1.2s → build.frontend 1m 04s
          continue with: provision up
        ");
    }

    #[test]
    fn fresh_and_successful_and_interrupted_runs_end_in_a_line_or_two() {
        insta::assert_snapshot!(summary(&all_fresh(), Failures::Full), @r"
        ✓ nothing to do: all 6 steps are proven (0.2s)
          next: provision report
        ");
        insta::assert_snapshot!(summary(&succeeding(), Failures::Full), @r"
        ✓ todo-chatbot succeeded in 8.1s: 1 ran, 1 fresh
          note: build.backend: the context changed while it was built
          next: provision report
        ");
        insta::assert_snapshot!(summary(&interrupted(), Failures::Full), @r"
        ✗ todo-chatbot interrupted in 3.5s: 1 fresh, 3 interrupted
          continue with: provision up
        ");
    }

    #[test]
    fn warnings_of_tools_are_in_the_summary_of_the_run_that_saw_them() {
        let warned = |outcome| {
            let mut run = Script::new(&[("a", "A", &[("b", "B")])]);
            run.start("a.b", StaleReason::NeverRun);
            let output = Output::new().with(Output::WARNINGS, "the driver is old");
            run.finish(StepFinished { output, ..finished("a.b", outcome, 1) });
            run.run_end(outcome, &[]);
            summary(&run.events, Failures::Brief)
        };
        assert!(
            warned(Outcome::Succeeded).contains("warning: a.b: the driver is old"),
            "{}",
            warned(Outcome::Succeeded)
        );
    }

    #[test]
    fn many_failures_stay_on_one_screen() {
        let names: Vec<String> = (0..40).map(|n| format!("s{n}")).collect();
        let steps: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        let mut run = Script::new(&[("a", "A", &steps)]);
        for name in &names {
            let id = format!("a.{name}");
            run.start(&id, StaleReason::NeverRun).finish(StepFinished {
                failure: Some(Failure::failed("no").details((0..100).map(|n| n.to_string()))),
                ..finished(&id, Outcome::Failed, 1)
            });
        }
        run.run_end(Outcome::Failed, &[]);
        let text = summary(&run.events, Failures::Full);
        assert!(text.lines().count() <= 48, "{text}");
        assert!(text.contains("also failed: a.s5, a.s6") && text.contains("and 15 more"), "{text}");
    }
}
