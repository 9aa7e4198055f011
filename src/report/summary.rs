//! [`write_summary`]: the end of a run, on one screen: what came of it, what failed, and what to do next.

use std::io::{self, Write};

use super::failure::{Around, MAX_DETAILS, write_failure};
use super::row::StepRow;
use super::style::{BAD, DIM, GOOD, Look, STRONG, Symbol, WARN, count, duration};
use super::text;
use super::view::View;
use crate::fingerprint::StaleReason;
use crate::model::Outcome;

/// Most failures that are told in full; of further ones the name alone.
const MAX_FAILURES: usize = 5;

/// The commands that the end of a run points to: as they have to be typed, with the options of this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextCommands {
    /// Carries on after a failure or an interruption: `provision up`.
    pub resume: String,
    /// A look at what there is after a success: `provision report`. `None` where there is nothing to look at.
    pub after: Option<String>,
}

impl Default for NextCommands {
    fn default() -> Self {
        Self { resume: "provision up".into(), after: None }
    }
}

/// How much of each failure the summary tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failures {
    /// All: message, causes, evidence, log, hints.
    Full,
    /// What failed and how: the rest was written when it happened.
    Brief,
}

/// Writes the end of a run.
pub fn write_summary(
    out: &mut dyn Write,
    look: Look,
    view: &View,
    failures: Failures,
    next: &NextCommands,
) -> io::Result<()> {
    write_failures(out, look, view, failures)?;
    let Some(finished) = &view.finished else {
        // The run's thread is gone without a word: a bug, of which `cli` knows more.
        return writeln!(out, "{}", look.paint(BAD, "the run ended without a result"));
    };
    let (symbol, style, word) = match finished.outcome {
        Outcome::Failed | Outcome::Blocked => (Symbol::Bad, BAD, "failed"),
        Outcome::Interrupted => (Symbol::Bad, WARN, "interrupted"),
        _ => (Symbol::Good, GOOD, "succeeded"),
    };
    let well = word == "succeeded";
    let symbol = look.paint(style, look.symbol(symbol));
    let time = duration(finished.duration);
    let n_steps = view.counts.total;
    let n_looked = looked_again(view);
    let n_idle = n_looked + view.counts.of(Outcome::Fresh) + view.counts.of(Outcome::Skipped);
    if well && n_steps > 0 && n_idle == n_steps {
        let n_skipped = view.counts.of(Outcome::Skipped);
        let proven = match n_steps - n_skipped {
            0 => "no step applies".to_owned(),
            1 if n_steps == 1 => "its one step is proven".to_owned(),
            1 => format!("1 step is proven, {n_skipped} skipped"),
            n_proven if n_skipped > 0 => format!("{n_proven} steps are proven, {n_skipped} skipped"),
            n_proven => format!("all {n_proven} steps are proven"),
        };
        let looked = if n_looked > 0 { format!(", {n_looked} of them anew") } else { String::new() };
        let text = format!("nothing to do: {proven}{looked}");
        writeln!(out, "{symbol} {} {}", look.paint(style, &text), look.paint(DIM, &format!("({time})")))?;
    } else {
        let pipeline = text::plain(&view.pipeline);
        writeln!(
            out,
            "{symbol} {} {} in {time}: {}",
            look.paint(STRONG, &pipeline),
            look.paint(style, word),
            counts(view)
        )?;
    }
    write_notes(out, look, view)?;
    for warning in &finished.warnings {
        writeln!(out, "  {} {}", look.paint(WARN, "note:"), text::plain(warning))?;
    }
    if finished.critical_path.len() > 1 {
        let arrow = if look.unicode { " → " } else { " > " };
        let path: Vec<String> =
            finished.critical_path.iter().map(|(step, time)| format!("{step} {}", duration(*time))).collect();
        writeln!(out, "  {}", look.paint(DIM, &format!("critical path: {}", path.join(arrow))))?;
    }
    if well {
        if let Some(after) = &next.after {
            writeln!(out, "  next: {}", look.paint(STRONG, after))?;
        }
    } else {
        writeln!(out, "  continue with: {}", look.paint(STRONG, &next.resume))?;
    }
    Ok(())
}

/// How many steps did nothing but what they do each time: look whether all is well.
fn looked_again(view: &View) -> usize {
    let looked =
        |row: &&StepRow| row.outcome() == Some(Outcome::Succeeded) && row.reason == Some(StaleReason::AlwaysRuns);
    view.steps.iter().filter(looked).count()
}

/// `2 ran, 1 fresh, 1 failed, 2 blocked`, without the zeros.
fn counts(view: &View) -> String {
    let unfinished = view.counts.waiting + view.counts.active;
    let n_looked = looked_again(view);
    let parts = [
        (view.counts.of(Outcome::Succeeded) - n_looked, "ran"),
        (n_looked, "looked again"),
        (view.counts.of(Outcome::Fresh), "fresh"),
        (view.counts.of(Outcome::Fallback), "by fallback"),
        (view.counts.of(Outcome::Skipped), "skipped"),
        (view.counts.of(Outcome::Failed), "failed"),
        (view.counts.of(Outcome::Interrupted), "interrupted"),
        (view.counts.of(Outcome::Blocked), "blocked"),
        (unfinished, "not begun"),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if parts.is_empty() { count(view.counts.total, "step") } else { parts.join(", ") }
}

/// What is to be known of steps that went well.
fn write_notes(out: &mut dyn Write, look: Look, view: &View) -> io::Result<()> {
    // Why a step never ran is told where it is shown, and follows from the failure.
    let ran = |row: &&StepRow| {
        row.is_selected && !matches!(row.outcome(), Some(Outcome::Blocked | Outcome::Skipped | Outcome::Interrupted))
    };
    for row in view.steps.iter().filter(ran) {
        if let Some(note) = &row.note {
            writeln!(out, "  {} {}: {}", look.paint(WARN, "note:"), row.id, text::plain(note))?;
        } else if row.outcome() == Some(Outcome::Fallback)
            && let Some(failure) = &row.failure
        {
            let message = text::plain(&failure.message);
            writeln!(out, "  {} {}: by its fallback, as {message}", look.paint(WARN, "note:"), row.id)?;
        }
    }
    Ok(())
}

fn write_failures(out: &mut dyn Write, look: Look, view: &View, failures: Failures) -> io::Result<()> {
    let n_told = view.failed.len().min(MAX_FAILURES);
    for row in view.failures().take(n_told) {
        match failures {
            Failures::Full => write_step_failure(out, look, row, MAX_DETAILS / n_told)?,
            Failures::Brief => write_brief(out, look, row)?,
        }
    }
    let rest: Vec<&str> = view.failures().skip(n_told).map(|row| row.id.as_str()).collect();
    if !rest.is_empty() {
        // A hundred names are no help either.
        let more = rest.len().saturating_sub(20);
        let names = rest[..rest.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        writeln!(out, "{} also failed: {names}{more}", look.paint(BAD, "error:"))?;
    }
    if n_told > 0 {
        writeln!(out)?;
    }
    Ok(())
}

/// Writes the block of a failed step with at most `max_details` lines of evidence.
pub(super) fn write_step_failure(out: &mut dyn Write, look: Look, row: &StepRow, max_details: usize) -> io::Result<()> {
    let optional = if row.is_optional { ", optional" } else { "" };
    let subject = row.label() + optional;
    let around = Around { subject: Some(&subject), log: row.log.as_deref(), max_details, hints: max_details > 0 };
    match &row.failure {
        Some(failure) => write_failure(out, look, failure, around),
        None => writeln!(out, "{} {} failed", look.paint(BAD, "error:"), text::plain(&subject)),
    }
}

fn write_brief(out: &mut dyn Write, look: Look, row: &StepRow) -> io::Result<()> {
    let message = row.failure.as_ref().map_or("failed", |failure| &failure.message);
    let first = message.lines().next().unwrap_or_default();
    let optional = if row.is_optional { " (optional)" } else { "" };
    writeln!(
        out,
        "{} {}{optional}: {}",
        look.paint(BAD, look.symbol(Symbol::Bad)),
        look.paint(STRONG, row.id.as_str()),
        text::plain(first)
    )
}

#[cfg(test)]
mod tests {
    use super::super::runs::{all_fresh, failing, interrupted, succeeding};
    use super::super::script::{Script, finished};
    use super::*;
    use crate::error::Failure;
    use crate::event::{Event, StepFinished};

    fn summary(events: &[Event], failures: Failures) -> String {
        let mut view = View::new();
        for event in events {
            view.apply(event);
        }
        let next = NextCommands { after: Some("provision report".into()), ..NextCommands::default() };
        let look = Look { color: false, unicode: true };
        let mut out = Vec::new();
        write_summary(&mut out, look, &view, failures, &next).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_failure_is_told_in_full_with_the_way_on() {
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
    fn a_failure_that_was_told_is_named_again() {
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
