//! [`write_status`]: the last known state of every step.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::table::Table;
use crate::error::ErrorObject;
use crate::model::{Outcome, StepId};
use crate::report::style::{BUSY, DIM, Spans, Symbol, Theme, WARN, count, duration, outcome_style, timestamp};

/// The last known state of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StepStatus {
    pub(crate) step: StepId,
    pub(crate) title: Arc<str>,
    /// The state.
    pub(crate) last: LastState,
    /// Why it did not succeed, for programs; `None` in records of older versions.
    pub(crate) error: Option<ErrorObject>,
}

/// The last known state of a step, from the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LastState {
    /// The journal has no record of it.
    NeverRun,
    /// A run that is still active has started it.
    Running {
        /// How long ago.
        since: Duration,
    },
    /// It was started and did not end, and its run is gone; or what it had made was being taken down.
    InDoubt {
        /// When that was, in milliseconds since the Unix epoch.
        started_ms: i64,
        /// Whether it is `down` that did not come to its end.
        by_down: bool,
    },
    /// `down` has removed what it had made.
    TakenDown {
        /// When, in milliseconds since the Unix epoch.
        at_ms: i64,
    },
    /// It succeeded, and what it rests on was taken down since.
    Unproven {
        /// When that was, in milliseconds since the Unix epoch.
        since_ms: i64,
        /// Which step that is of.
        why: String,
    },
    /// It ended.
    Ended {
        outcome: Outcome,
        /// When, in milliseconds since the Unix epoch.
        finished_ms: i64,
        duration: Duration,
        /// The first line of its failure.
        message: Option<String>,
    },
}

/// Writes the last known state of every step, by stage. `columns` is the maximum width; `None` if there is none.
pub(crate) fn write_status(
    out: &mut dyn Write,
    theme: Theme,
    steps: &[StepStatus],
    columns: Option<usize>,
) -> io::Result<()> {
    let mut table = Table::new(theme, columns, steps.iter().map(|status| &status.step));
    for status in steps {
        status.write(out, &mut table)?;
    }
    writeln!(out, "{} proven when last checked", proven_of(steps))
}

/// `2 of 4 steps`.
pub(super) fn proven_of(steps: &[StepStatus]) -> String {
    let n_proven = steps.iter().filter(|status| status.is_proven()).count();
    format!("{n_proven} of {}", count(steps.len(), "step"))
}

impl StepStatus {
    /// Whether it was proven when it last ended.
    pub(super) fn is_proven(&self) -> bool {
        matches!(&self.last, LastState::Ended { outcome, .. } if outcome.is_proof())
    }

    /// Writes its row.
    pub(super) fn write(&self, out: &mut dyn Write, table: &mut Table) -> io::Result<()> {
        let at = |ms: &i64| format!(" {}", timestamp(*ms));
        let since = |ms: &i64| format!(" since {}", timestamp(*ms));
        let (symbol, style, word, when, clock) = match &self.last {
            LastState::NeverRun => (Symbol::Waiting, DIM, "never run", String::new(), None),
            LastState::Running { since } => (Symbol::Busy, BUSY, "running", String::new(), Some(*since)),
            LastState::InDoubt { started_ms, .. } => (Symbol::Again, WARN, "in doubt", since(started_ms), None),
            LastState::TakenDown { at_ms } => (Symbol::Waiting, DIM, "taken down", at(at_ms), None),
            LastState::Unproven { since_ms, .. } => (Symbol::Waiting, DIM, "not proven", since(since_ms), None),
            LastState::Ended { outcome, finished_ms, duration, .. } => {
                let (symbol, style) = outcome_style(*outcome);
                (symbol, style, outcome.word(), at(finished_ms), Some(*duration))
            }
        };
        let mut right = Spans::new();
        right.push(style, format!("{word}{when}"));
        right.push(DIM, format!(" {:>7}", clock.map_or_else(String::new, duration)));
        if !table.fits(&right) {
            // Where there is no room for the time, the word says what the sign alone does not.
            right = Spans::new();
            right.push(style, word);
        }
        let remark = match &self.last {
            LastState::Ended { message, .. } => message.as_deref(),
            LastState::Unproven { why, .. } => Some(why.as_str()),
            _ => None,
        };
        let remark = remark.map(|text| (style, text.to_owned()));
        table.row(out, &self.step, &self.title, (symbol, style), remark, &right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::script::step;

    const THEME: Theme = Theme { color: false, unicode: true };

    fn status(id: &str, title: &str, last: LastState) -> StepStatus {
        StepStatus { step: step(id), title: title.into(), last, error: None }
    }

    #[test]
    fn the_last_state_of_every_step_is_a_row() {
        let ended = |outcome, message: Option<&str>| LastState::Ended {
            outcome,
            finished_ms: 1_795_260_912_345,
            duration: Duration::from_millis(8123),
            message: message.map(Into::into),
        };
        let started_ms = 1_795_260_912_345;
        let since = Duration::from_secs(65);
        let steps = [
            status("prereq.docker", "docker", ended(Outcome::Succeeded, None)),
            status("build.backend", "Build the backend", ended(Outcome::Fresh, None)),
            status(
                "build.frontend",
                "Build the frontend",
                ended(Outcome::Failed, Some("the image could not be built")),
            ),
            status("deploy.chart", "Install the chart", LastState::Running { since }),
            status("deploy.pods", "Wait for the pods", LastState::InDoubt { started_ms, by_down: false }),
            status("deploy.web", "The page", LastState::TakenDown { at_ms: started_ms }),
            status("verify.http", "The chat answers", LastState::NeverRun),
            status(
                "verify.port",
                "port",
                LastState::Unproven { since_ms: started_ms, why: "deploy.web is gone".into() },
            ),
        ];
        let mut out = Vec::new();
        write_status(&mut out, THEME, &steps, Some(80)).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        prereq
          ✓ docker                                succeeded 2026-11-21T11:35:12Z    8.1s
        build
          ✓ backend   Build the backend               fresh 2026-11-21T11:35:12Z    8.1s
          ✗ frontend  the image could not be built   failed 2026-11-21T11:35:12Z    8.1s
        deploy
          ● chart     Install the chart                                  running  1m 05s
          ↻ pods      Wait for the pods      in doubt since 2026-11-21T11:35:12Z
          ○ web       The page                   taken down 2026-11-21T11:35:12Z
        verify
          ○ http      The chat answers                                 never run
          ○ port      deploy.web is gone   not proven since 2026-11-21T11:35:12Z
        2 of 8 steps proven when last checked
        ");
        // Where the times have no room, the words have.
        let mut out = Vec::new();
        write_status(&mut out, THEME, &steps, Some(40)).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        prereq
          ✓ docker                     succeeded
        build
          ✓ backend   Build the backend    fresh
          ✗ frontend  the image could n…  failed
        deploy
          ● chart     Install …  running  1m 05s
          ↻ pods      Wait for the po…  in doubt
          ○ web       The page        taken down
        verify
          ○ http      The ch…  never run
          ○ port      deploy.web is…  not proven
        2 of 8 steps proven when last checked
        ");
    }
}
