//! [`Github`]: lines for the log of GitHub Actions: the output of each step is a group, failures and notes are
//! annotations.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};

use crate::event::{Event, EventKind, StepFinished};
use crate::model::{Outcome, StepId};
use crate::report::choice::Verbosity;
use crate::report::reporter::Reporter;
use crate::report::run::lines::Lines;
use crate::report::run::row::StepRow;
use crate::report::run::summary::NextCommands;
use crate::report::style::{Theme, duration};
use crate::report::text;

/// Maximum number of output lines in a group; the step's log has all of them.
const MAX_KEPT: usize = 1000;

/// Writes lines and workflow commands.
#[derive(Debug)]
pub(crate) struct Github<W> {
    lines: Lines<Guarded<W>>,
    kept: HashMap<StepId, VecDeque<String>>,
}

impl<W: Write> Github<W> {
    /// Creates a reporter that writes to `out`.
    pub(crate) fn new(out: W, theme: Theme, verbosity: Verbosity, next: NextCommands) -> Self {
        // Output lines are written in groups, so `Lines` must not write them too.
        let verbosity = verbosity.min(Verbosity::Normal);
        let out = Guarded { out, line: Vec::new() };
        Self { lines: Lines::new(out, theme, verbosity, next), kept: HashMap::new() }
    }

    fn keep(&mut self, step: &StepId, line: &str) {
        let kept = self.kept.entry(step.clone()).or_default();
        if kept.len() == MAX_KEPT {
            kept.pop_front();
        }
        kept.push_back(self.lines.theme.sanitize(line));
    }

    /// Writes the output of a step as a group.
    fn write_group(&mut self, step: &StepId, ending: &str) -> io::Result<()> {
        let Some(kept) = self.kept.remove(step) else {
            return Ok(());
        };
        self.command(&format!("::group::{}", data(&format!("{step} {ending}"))))?;
        let gutter = self.lines.theme.gutter().trim_end();
        for line in kept {
            // The gutter also keeps the output from being read as a workflow command.
            writeln!(self.lines.out, "{gutter} {line}")?;
        }
        self.command("::endgroup::")
    }

    fn annotate(&mut self, level: &str, title: &str, message: &str) -> io::Result<()> {
        let title = data(title).replace(':', "%3A").replace(',', "%2C");
        let message = data(message);
        self.command(&format!("::{level} title={title}::{message}"))
    }

    fn command(&mut self, command: &str) -> io::Result<()> {
        writeln!(self.lines.out.out, "{command}")
    }

    fn on_finished(&mut self, finished: &StepFinished) -> io::Result<()> {
        let word = finished.outcome.word();
        self.write_group(&finished.step, &format!("{word} after {}", duration(finished.duration)))?;
        if let (Outcome::Failed | Outcome::Fallback | Outcome::Blocked, Some(failure)) =
            (finished.outcome, &finished.failure)
        {
            let row = self.lines.view.step(&finished.step);
            let label = row.map(StepRow::label);
            // The run may succeed without an optional step.
            let is_optional = row.is_some_and(|row| row.is_optional);
            let level = if finished.outcome == Outcome::Failed && !is_optional { "error" } else { "warning" };
            let parts: Vec<&str> =
                std::iter::once(&failure.message).chain(&failure.causes).map(String::as_str).collect();
            let message = parts.join("\ncaused by: ");
            self.annotate(level, &label.unwrap_or_default(), &message)?;
        }
        // The step that others wait for has an annotation of its own.
        if let Some(note) = &finished.note
            && finished.outcome != Outcome::Blocked
        {
            self.annotate("notice", finished.step.as_str(), note)?;
        }
        Ok(())
    }
}

impl<W: Write> Reporter for Github<W> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        match &event.kind {
            EventKind::RunStarted(started) => {
                for warning in &started.warnings {
                    self.annotate("warning", "provision", warning)?;
                }
            }
            EventKind::StepLine { step, line } => self.keep(step, line),
            EventKind::StepFinished(finished) => self.on_finished(finished)?,
            EventKind::RunFinished(finished) => {
                for problem in &finished.problems {
                    let title = problem.step.as_ref().map_or("provision", StepId::as_str);
                    self.annotate("error", title, &problem.text)?;
                }
            }
            _ => {}
        }
        self.lines.on_event(event)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.lines.finish()
    }
}

/// Escapes the text of a workflow command: one line, and nothing that ends it.
fn data(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(text::plain).collect();
    lines.join("\n").replace('%', "%25").replace('\n', "%0A")
}

/// Passes on whole lines, but no workflow commands: a tool's output must not set variables.
#[derive(Debug)]
struct Guarded<W> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> Write for Guarded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.line.split_off(end + 1);
            let lines = std::mem::replace(&mut self.line, rest);
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                // `::` is recognized at the start of a line, the older `##[` anywhere in it.
                let line = String::from_utf8_lossy(line).replace("##[", "## [");
                let begins_one = line.trim_start().starts_with("::");
                let line = if begins_one { line.replacen("::", ": :", 1) } else { line };
                self.out.write_all(line.as_bytes())?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use crate::fingerprint::StaleReason;
    use crate::report::testing::runs::{failing, succeeding};
    use crate::report::testing::script::{Script, finished, written};

    fn github(events: &[Event]) -> String {
        written(events, |out| Github::new(out, Theme::PLAIN, Verbosity::Verbose, NextCommands::default()))
    }

    #[test]
    fn output_is_grouped_and_a_failure_is_annotated() {
        insta::assert_snapshot!(github(&failing()), @r"
        [   0.0s] run 20261121-113512-4f2a: todo-chatbot, 6 steps
        [   0.0s] prereq.docker  fresh (0.0s)
        [   0.0s] prereq.minikube  started: never run
        [   1.2s] prereq.minikube  succeeded after 1.2s
        [   1.5s] build.backend  started: changed: context
        [   1.5s] build.frontend  started: never run
        [   4.0s] build.frontend  attempt 1 of 2 failed, retrying in 5.0s: registry.test.here: connection reset
        [   9.0s] build.frontend  started: never run
        ::group::build.backend succeeded after 12.8s
        | Collecting fastapi
        ::endgroup::
        [  14.3s] build.backend  succeeded after 12.8s: image=todo-backend:3f9a, size=187 MB
        ::group::build.frontend failed after 1m 04s
        | added 1203 packages
        | npm ERR! code ECONNRESET
        ::endgroup::
        ::error title=build.frontend (Build the frontend)::the image could not be built%0Acaused by: `npm ci` exited with 1
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
    fn a_note_is_a_notice() {
        let text = github(&succeeding());
        assert!(text.contains("::notice title=build.backend::the context changed while it was built\n"), "{text}");
    }

    #[test]
    fn the_failure_of_an_optional_step_is_a_warning() {
        let mut run = Script::new(&[("a", "A", &[("b", "B")])]);
        if let EventKind::RunStarted(started) = &mut run.events[0].kind {
            started.outline.stages[0].steps[0].optional = true;
        }
        run.start("a.b", StaleReason::NeverRun);
        run.finish(StepFinished { failure: Some(Failure::failed("no")), ..finished("a.b", Outcome::Failed, 1) });
        let text = github(&run.events);
        assert!(text.contains("::warning title=a.b (B)::no\n") && !text.contains("::error"), "{text}");
    }

    #[test]
    fn output_is_never_a_workflow_command() {
        let mut run = Script::new(&[("a", "A", &[("b", "B: c, d")])]);
        run.start("a.b", StaleReason::NeverRun);
        run.line("a.b", "::set-env name=PATH::/evil").line("a.b", "x ##[error]y");
        run.finish(StepFinished {
            failure: Some(Failure::failed("100 % broken\n::stop-commands::x").detail(" ::add-mask::e")),
            ..finished("a.b", Outcome::Failed, 1)
        });
        let text = github(&run.events);
        let commands: Vec<&str> =
            text.lines().filter(|line| line.trim_start().starts_with("::") || line.contains("##[")).collect();
        insta::assert_snapshot!(commands.join("\n"), @r"
        ::group::a.b failed after 0.0s
        ::endgroup::
        ::error title=a.b (B%3A c%2C d)::100 %25 broken%0A::stop-commands::x
        ");
    }
}
