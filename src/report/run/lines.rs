//! [`Lines`]: a line for each event, for files, pipes and terminals without cursor movement.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use crate::error::MAX_DETAILS;
use crate::event::{Event, EventKind, StepFinished};
use crate::model::{Outcome, Output, StepId};
use crate::report::choice::Verbosity;
use crate::report::reporter::Reporter;
use crate::report::run::interruption::interruption;
use crate::report::run::summary::{Failures, NextCommands, write_step_failure, write_summary};
use crate::report::run::view::View;
use crate::report::style::{BUSY, DIM, STRONG, Theme, WARN, count, duration, outcome_style};
use crate::report::text;

/// Minimum time between two lines about a step's progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// Writes lines.
#[derive(Debug)]
pub(crate) struct Lines<W> {
    pub(crate) out: W,
    pub(crate) theme: Theme,
    pub(crate) view: View,
    verbosity: Verbosity,
    next: NextCommands,
    progress_shown: HashMap<StepId, Duration>,
}

impl<W: Write> Lines<W> {
    /// Creates a reporter that writes to `out`.
    pub(crate) fn new(out: W, theme: Theme, verbosity: Verbosity, next: NextCommands) -> Self {
        Self { out, theme, view: View::new(), verbosity, next, progress_shown: HashMap::new() }
    }

    /// Writes a line about the run itself.
    fn write_run_line(&mut self, text: &str) -> io::Result<()> {
        let clock = self.theme.paint(DIM, &clock(self.view.elapsed));
        writeln!(self.out, "{clock} {text}")
    }

    /// Writes a line about a step.
    fn write_step_line(&mut self, step: &StepId, text: &str) -> io::Result<()> {
        let step = self.theme.paint(STRONG, step.as_str());
        self.write_run_line(&format!("{step}  {text}"))
    }

    fn on_finished(&mut self, finished: &StepFinished) -> io::Result<()> {
        self.progress_shown.remove(&finished.step);
        let text = ending(self.theme, finished);
        self.write_step_line(&finished.step, &text)?;
        if finished.is_failure() { self.show_failure(&finished.step) } else { Ok(()) }
    }

    fn show_failure(&mut self, step: &StepId) -> io::Result<()> {
        match self.view.step(step) {
            Some(row) => write_step_failure(&mut self.out, self.theme, row, MAX_DETAILS),
            None => Ok(()),
        }
    }

    /// Returns whether it is time for a line about a step's progress.
    fn progress_is_due(&mut self, step: &StepId) -> bool {
        let now = self.view.elapsed;
        let Some(started) = self.view.step(step).and_then(|row| row.started) else {
            return false;
        };
        let last = self.progress_shown.entry(step.clone()).or_insert(started);
        let is_due = now.saturating_sub(*last) >= PROGRESS_INTERVAL;
        if is_due {
            *last = now;
        }
        is_due
    }
}

impl<W: Write> Reporter for Lines<W> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        self.view.apply(event);
        if self.verbosity == Verbosity::Quiet {
            return match &event.kind {
                EventKind::StepFinished(finished) if finished.is_failure() => {
                    self.show_failure(&finished.step)?;
                    self.out.flush()
                }
                _ => Ok(()),
            };
        }
        let theme = self.theme;
        match &event.kind {
            EventKind::RunStarted(started) => {
                let steps = count(self.view.counts.total, "step");
                let pipeline = theme.paint(STRONG, &text::plain(&self.view.pipeline));
                self.write_run_line(&format!("run {}: {pipeline}, {steps}", started.run))?;
                for warning in &started.warnings {
                    writeln!(self.out, "{} {}", theme.paint(WARN, "warning:"), text::plain(warning))?;
                }
                Ok(())
            }
            EventKind::StepFresh { step, duration: took, .. } => {
                let text = theme.paint(DIM, &format!("fresh ({})", duration(*took)));
                self.write_step_line(step, &text)
            }
            EventKind::StepStarted { step, reason } => {
                let reason = reason.to_string();
                let text = format!("{}: {}", theme.paint(BUSY, "started"), text::plain(&reason));
                self.write_step_line(step, &text)
            }
            EventKind::StepRetrying { step, attempt, attempts, delay, reason, .. } => {
                let failed = theme.paint(WARN, &format!("attempt {attempt} of {attempts} failed"));
                let (reason, delay) = (text::plain(reason), duration(*delay));
                self.write_step_line(step, &format!("{failed}, retrying in {delay}: {reason}"))
            }
            EventKind::StepProgress { step, progress } => {
                if !self.progress_is_due(step) {
                    return Ok(());
                }
                let progress = progress.to_string();
                self.write_step_line(step, &theme.paint(DIM, &text::plain(&progress)))
            }
            EventKind::StepAsking { step, question } => {
                let question = theme.paint(STRONG, &text::plain(question));
                self.write_step_line(step, &question)
            }
            EventKind::StepLine { step, line } if self.verbosity == Verbosity::Verbose => {
                let gutter = theme.paint(DIM, theme.gutter().trim_end());
                let text = format!("{gutter} {}", theme.sanitize(line));
                self.write_step_line(step, text.trim_end())
            }
            EventKind::StepFinished(finished) => self.on_finished(finished),
            EventKind::RunInterrupted { signal, kill } => {
                self.write_run_line(&theme.paint(WARN, &format!("{signal}: {}", interruption(*kill))))
            }
            EventKind::StageFinished { .. }
            | EventKind::StageStarted { .. }
            | EventKind::StepChecking { .. }
            | EventKind::StepAnswered { .. }
            | EventKind::StepLine { .. }
            | EventKind::RunFinished(_) => Ok(()),
        }?;
        // Readers of a file or a pipe should see each event when it happens.
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.view.run.is_some() {
            write_summary(&mut self.out, self.theme, &self.view, Failures::Brief, &self.next)?;
        }
        self.out.flush()
    }
}

/// `[  12.3s]`.
fn clock(elapsed: Duration) -> String {
    format!("[{:>7}]", duration(elapsed))
}

/// Returns how a step ended: `succeeded after 8.1s: image=todo-backend:3f9a`.
fn ending(theme: Theme, finished: &StepFinished) -> String {
    let (_, style) = outcome_style(finished.outcome);
    let word = theme.paint(style, finished.outcome.word());
    let time = match finished.duration {
        Duration::ZERO => String::new(),
        time => format!(" after {}", duration(time)),
    };
    let why = match (&finished.failure, finished.outcome) {
        // The block of a failed step follows, and an interruption needs no explanation.
        (None, _) | (Some(_), Outcome::Failed | Outcome::Blocked | Outcome::Interrupted) => facts(&finished.output),
        (Some(failure), _) => {
            let first = failure.message.lines().next().unwrap_or_default();
            format!(": {}", text::plain(first))
        }
    };
    let note = finished
        .note
        .as_ref()
        .map_or_else(String::new, |note| theme.paint(WARN, &format!(" (note: {})", text::plain(note))));
    format!("{word}{time}{why}{note}")
}

/// `: image=todo-backend:3f9a, size=187 MB`.
fn facts(output: &Output) -> String {
    let facts: Vec<String> =
        output.iter().map(|(name, value)| format!("{name}={}", text::cut(&text::plain(value), 80, "..."))).collect();
    if facts.is_empty() { String::new() } else { format!(": {}", facts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::StaleReason;
    use crate::model::Progress;
    use crate::report::testing::runs::{all_fresh, failing, interrupted, succeeding};
    use crate::report::testing::script::{Script, written};

    fn lines(events: &[Event], verbosity: Verbosity) -> String {
        written(events, |out| Lines::new(out, Theme::PLAIN, verbosity, NextCommands::default()))
    }

    #[test]
    fn each_event_is_a_line_and_a_failure_a_block() {
        insta::assert_snapshot!(lines(&failing(), Verbosity::Normal), @r"
        [   0.0s] run 20261121-113512-4f2a: todo-chatbot, 6 steps
        [   0.0s] prereq.docker  fresh (0.0s)
        [   0.0s] prereq.minikube  started: never run
        [   1.2s] prereq.minikube  succeeded after 1.2s
        [   1.5s] build.backend  started: changed: context
        [   1.5s] build.frontend  started: never run
        [   4.0s] build.frontend  attempt 1 of 2 failed, retrying in 5.0s: registry.test.here: connection reset
        [   9.0s] build.frontend  started: never run
        [  14.3s] build.backend  succeeded after 12.8s: image=todo-backend:3f9a, size=187 MB
        [ 1m 05s] build.frontend  failed after 1m 04s
        error: build.frontend (Build the frontend): the image could not be built
          caused by: `npm ci` exited with 1
          | npm ERR! code ECONNRESET
          | npm ERR! network
          log: .provision/logs/20261121-113512-4f2a/build.frontend.log
        help: `provision logs build.frontend` shows all of it
        [ 1m 05s] deploy.chart  blocked (note: needs build.frontend, which failed)
        [ 1m 05s] deploy.ready  blocked (note: needs build.frontend, which failed)
        x build.frontend: the image could not be built

        x todo-chatbot failed in 1m 05s: 2 ran, 1 fresh, 1 failed, 2 blocked
          critical path: prereq.minikube 1.2s > build.frontend 1m 04s
          continue with: provision up
        ");
    }

    #[test]
    fn quiet_is_failures_and_the_summary() {
        let text = lines(&failing(), Verbosity::Quiet);
        assert!(text.starts_with("error: build.frontend") && !text.contains('['), "{text}");
        assert!(text.ends_with("continue with: provision up\n"), "{text}");
        insta::assert_snapshot!(lines(&all_fresh(), Verbosity::Quiet), @"+ nothing to do: all 6 steps are proven (0.2s)");
    }

    #[test]
    fn verbose_has_the_output_with_its_step() {
        insta::assert_snapshot!(lines(&succeeding(), Verbosity::Verbose), @r"
        [   0.0s] run 20261121-113512-4f2a: todo-chatbot, 2 steps
        [   0.0s] build.frontend  fresh (0.0s)
        [   0.0s] build.backend  started: forced
        [   8.1s] build.backend  succeeded after 8.0s (note: the context changed while it was built)
        + todo-chatbot succeeded in 8.1s: 1 ran, 1 fresh
          note: build.backend: the context changed while it was built
        ");
        let text = lines(&failing(), Verbosity::Verbose);
        assert!(text.contains("build.frontend  | added 1203 packages\n"), "{text}");
        assert!(!text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn an_interruption_ends_with_the_command_to_continue() {
        insta::assert_snapshot!(lines(&interrupted(), Verbosity::Normal), @r"
        [   0.0s] run 20261121-113512-4f2a: todo-chatbot, 4 steps
        [   0.0s] build.backend  started: never run
        [   0.0s] build.frontend  fresh (0.0s)
        [   3.0s] SIGINT: stopping; repeat to kill running steps
        [   3.5s] SIGINT: killing running steps
        [   3.5s] build.backend  interrupted after 3.5s
        [   3.5s] deploy.chart  interrupted
        [   3.5s] deploy.ready  interrupted
        x todo-chatbot interrupted in 3.5s: 1 fresh, 3 interrupted
          continue with: provision up
        ");
    }

    #[test]
    fn progress_is_shown_every_ten_seconds() {
        let mut run = Script::new(&[("a", "A", &[("b", "B")])]);
        run.start("a.b", StaleReason::NeverRun);
        for second in 0..=35 {
            run.at(second * 1000).progress("a.b", Progress::items(second, Some(35), ""));
        }
        let text = lines(&run.events, Verbosity::Normal);
        let shown: Vec<&str> = text.lines().filter(|line| line.contains("/35")).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        [  10.0s] a.b  10/35
        [  20.0s] a.b  20/35
        [  30.0s] a.b  30/35
        ");
    }
}
