//! Tables of steps: what is known of each ([`write_status`]), and what a run would do ([`write_forecast`]).

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::checklist::timestamp;
use super::style::{BUSY, DIM, Look, PLAIN, STRONG, Spans, Symbol, WARN, count, duration, outcome_look};
use super::text;
use crate::fingerprint::StaleReason;
use crate::model::{Outcome, StepId};

/// What is known of a step without looking at the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepStatus {
    /// The step.
    pub step: StepId,
    /// Its title.
    pub title: Arc<str>,
    /// What it did last.
    pub last: LastState,
}

/// What a step did last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastState {
    /// There is no record of it.
    NeverRun,
    /// A run that is still going on has started it.
    Running {
        /// How long ago.
        since: Duration,
    },
    /// It was started, and the run is gone.
    InDoubt {
        /// When it was started, in milliseconds since the Unix epoch.
        started_ms: i64,
    },
    /// It ended.
    Ended {
        /// How.
        outcome: Outcome,
        /// When, in milliseconds since the Unix epoch.
        finished_ms: i64,
        /// How long it took.
        duration: Duration,
        /// The first line of its failure.
        message: Option<String>,
    },
}

/// What a run would do with a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepForecast {
    /// The step.
    pub step: StepId,
    /// Its title.
    pub title: Arc<str>,
    /// Why it would run; `None` when it is fresh.
    pub reason: Option<StaleReason>,
    /// How long it took the last time.
    pub estimate: Option<Duration>,
}

/// Writes the last known state of every step, by stage. `columns` is how wide a line may be; `None` for any.
pub fn write_status(out: &mut dyn Write, look: Look, steps: &[StepStatus], columns: Option<usize>) -> io::Result<()> {
    let ids = steps.iter().map(|status| &status.step);
    let mut table = Table::new(look, columns, ids);
    for status in steps {
        let (symbol, style, word, clock) = match &status.last {
            LastState::NeverRun => (Symbol::Waiting, DIM, "never run".to_owned(), None),
            LastState::Running { since } => (Symbol::Busy, BUSY, "running".to_owned(), Some(*since)),
            LastState::InDoubt { started_ms } => {
                let text = format!("in doubt since {}", timestamp(*started_ms));
                (Symbol::Again, WARN, text, None)
            }
            LastState::Ended { outcome, finished_ms, duration, .. } => {
                let (symbol, style) = outcome_look(*outcome);
                let text = format!("{} {}", outcome.word(), timestamp(*finished_ms));
                (symbol, style, text, Some(*duration))
            }
        };
        let mut right = Spans::new();
        right.push(style, word);
        right.push(DIM, format!(" {:>7}", clock.map_or_else(String::new, duration)));
        let remark = match &status.last {
            LastState::Ended { message, .. } => message.as_deref(),
            _ => None,
        };
        let remark = remark.map(|text| (style, text.to_owned()));
        table.row(out, &status.step, &status.title, (symbol, style), remark, &right)?;
    }
    let proven = |status: &&StepStatus| matches!(&status.last, LastState::Ended { outcome, .. } if outcome.is_proof());
    let n_proven = steps.iter().filter(proven).count();
    writeln!(out, "{n_proven} of {} proven at the last look", count(steps.len(), "step"))
}

/// Writes what a run would do with each step, by stage, and how long that takes by the last times. `columns` is how wide
/// a line may be; `None` for any.
pub fn write_forecast(
    out: &mut dyn Write,
    look: Look,
    steps: &[StepForecast],
    columns: Option<usize>,
) -> io::Result<()> {
    let ids = steps.iter().map(|forecast| &forecast.step);
    let mut table = Table::new(look, columns, ids);
    for forecast in steps {
        let mut right = Spans::new();
        let (symbol, style, remark) = match &forecast.reason {
            None => {
                right.push(DIM, "fresh").push(PLAIN, " ".repeat(9));
                (Symbol::Good, DIM, None)
            }
            Some(reason) => {
                right.push(BUSY, "run");
                let estimate = forecast.estimate.map_or_else(String::new, |time| format!("~{}", duration(time)));
                right.push(DIM, format!(" {estimate:>8}"));
                (Symbol::Busy, BUSY, Some((PLAIN, reason.to_string())))
            }
        };
        table.row(out, &forecast.step, &forecast.title, (symbol, style), remark, &right)?;
    }
    let stale: Vec<&StepForecast> = steps.iter().filter(|forecast| forecast.reason.is_some()).collect();
    if stale.is_empty() {
        return writeln!(out, "nothing to do: {} proven", count_are(steps.len()));
    }
    let known: Duration = stale.iter().filter_map(|forecast| forecast.estimate).sum();
    let n_unknown = stale.iter().filter(|forecast| forecast.estimate.is_none()).count();
    let fresh = steps.len() - stale.len();
    write!(out, "{} to run, {fresh} fresh", count(stale.len(), "step"))?;
    if known > Duration::ZERO {
        write!(out, "; {} of work by the last times", duration(known))?;
    }
    if n_unknown > 0 && n_unknown < stale.len() {
        write!(out, ", {n_unknown} of unknown length")?;
    }
    writeln!(out)
}

fn count_are(n: usize) -> String {
    if n == 1 { "1 step is".to_owned() } else { format!("all {n} steps are") }
}

/// Rows below a heading for each stage.
struct Table {
    look: Look,
    columns: usize,
    name_width: usize,
    stage: Option<String>,
}

impl Table {
    /// Wide enough for the names of all steps.
    fn new<'a>(look: Look, columns: Option<usize>, ids: impl Iterator<Item = &'a StepId>) -> Self {
        Self {
            look,
            columns: columns.unwrap_or(100),
            name_width: ids.map(|id| id.name().len()).max().unwrap_or(0),
            stage: None,
        }
    }

    fn row(
        &mut self,
        out: &mut dyn Write,
        step: &StepId,
        title: &str,
        (symbol, style): (Symbol, anstyle::Style),
        remark: Option<(anstyle::Style, String)>,
        right: &Spans,
    ) -> io::Result<()> {
        if self.stage.as_deref() != Some(step.stage()) {
            writeln!(out, "{}", self.look.paint(STRONG, step.stage()))?;
            self.stage = Some(step.stage().to_owned());
        }
        let mut left = Spans::new();
        left.push(PLAIN, "  ").push(style, self.look.symbol(symbol)).push(PLAIN, " ");
        left.push(PLAIN, text::pad(step.name(), self.name_width)).push(PLAIN, "  ");
        match remark {
            Some((style, remark)) => left.push(style, text::plain(&remark)),
            None if title == step.name() => &mut left,
            None => left.push(DIM, text::plain(title)),
        };
        let line = left.render(self.look, self.columns, right);
        writeln!(out, "{}", line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::step;
    use super::*;

    const LOOK: Look = Look { color: false, unicode: true };

    fn status(id: &str, title: &str, last: LastState) -> StepStatus {
        StepStatus { step: step(id), title: title.into(), last }
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
            status("deploy.pods", "Wait for the pods", LastState::InDoubt { started_ms }),
            status("verify.http", "The chat answers", LastState::NeverRun),
        ];
        let mut out = Vec::new();
        write_status(&mut out, LOOK, &steps, Some(80)).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        prereq
          ✓ docker                                succeeded 2026-11-21T11:35:12Z    8.1s
        build
          ✓ backend   Build the backend               fresh 2026-11-21T11:35:12Z    8.1s
          ✗ frontend  the image could not be built   failed 2026-11-21T11:35:12Z    8.1s
        deploy
          ● chart     Install the chart                                  running  1m 05s
          ↻ pods      Wait for the pods      in doubt since 2026-11-21T11:35:12Z
        verify
          ○ http      The chat answers                                 never run
        2 of 6 steps proven at the last look
        ");
    }

    #[test]
    fn a_forecast_says_what_would_run_and_why() {
        let forecast = |id: &str, title: &str, reason, estimate: Option<u64>| StepForecast {
            step: step(id),
            title: title.into(),
            reason,
            estimate: estimate.map(Duration::from_secs),
        };
        let changed = StaleReason::InputsChanged(vec!["context".into(), "settings.image".into()]);
        let mut steps = vec![
            forecast("prereq.docker", "docker", None, Some(1)),
            forecast("build.backend", "Build the backend", Some(changed), Some(42)),
            forecast(
                "deploy.chart",
                "Install the chart",
                Some(StaleReason::DependsOn(step("build.backend"))),
                Some(90),
            ),
            forecast("verify.http", "The chat answers", Some(StaleReason::NeverRun), None),
        ];
        let mut out = Vec::new();
        write_forecast(&mut out, LOOK, &steps, Some(80)).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        prereq
          ✓ docker                                                        fresh
        build
          ● backend  changed: context, settings.image                       run   ~42.0s
        deploy
          ● chart    depends on build.backend                               run  ~1m 30s
        verify
          ● http     never run                                              run
        3 steps to run, 1 fresh; 2m 12s of work by the last times, 1 of unknown length
        ");
        steps.truncate(1);
        let mut out = Vec::new();
        write_forecast(&mut out, Look::PLAIN, &steps, None).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        prereq
          + docker                                                                            fresh
        nothing to do: 1 step is proven
        ");
    }
}
