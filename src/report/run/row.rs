//! The rows of a view: the state of a stage and of a step.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Failure;
use crate::fingerprint::StaleReason;
use crate::model::{Outcome, Output, Progress, StepId, StepState};
use crate::report::run::rate::Rate;

/// A stage's row.
#[derive(Debug)]
pub(crate) struct StageRow {
    pub(crate) title: String,
    /// The indices of its steps.
    pub(crate) steps: Range<usize>,
    /// The number of its selected steps in each state.
    pub(crate) counts: StateCounts,
    /// When it started.
    pub(crate) started: Option<Duration>,
    /// Its outcome and its duration.
    pub(crate) ended: Option<(Outcome, Duration)>,
}

/// A step's row.
#[derive(Debug)]
pub(crate) struct StepRow {
    pub(crate) id: StepId,
    pub(crate) title: Arc<str>,
    /// The index of its stage.
    pub(crate) stage: usize,
    /// Whether it is selected for this run.
    pub(crate) is_selected: bool,
    /// Whether the run may succeed without it.
    pub(crate) is_optional: bool,
    /// Where it is in its life.
    pub(crate) state: StepState,
    /// Why it runs.
    pub(crate) reason: Option<StaleReason>,
    /// When its check started, or else its action.
    pub(crate) began: Option<Duration>,
    /// When its action started.
    pub(crate) started: Option<Duration>,
    /// Its duration, once it has ended.
    pub(crate) duration: Duration,
    /// How far it is.
    pub(crate) progress: Option<Progress>,
    /// How fast bytes are transferred, if they are.
    pub(crate) rate: Option<Box<Rate>>,
    /// How long it took the last time, if that is known.
    pub(crate) expected: Option<Duration>,
    /// Its last line of output.
    pub(crate) last_line: Option<String>,
    /// The last failed attempt, if another one follows.
    pub(crate) retry: Option<Box<Retry>>,
    pub(crate) output: Output,
    /// Why it did not succeed.
    pub(crate) failure: Option<Box<Failure>>,
    /// The path of its log.
    pub(crate) log: Option<String>,
    /// A note on its success.
    pub(crate) note: Option<String>,
}

/// A failed attempt with another one to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    /// The attempt that failed, counted from 1.
    pub(crate) attempt: u32,
    /// The number of attempts.
    pub(crate) attempts: u32,
    /// When the next attempt starts.
    pub(crate) next: Duration,
    /// Why it failed.
    pub(crate) reason: String,
}

/// The number of steps in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StateCounts {
    /// Selected steps in all.
    pub(crate) total: usize,
    /// Not checked yet.
    pub(crate) waiting: usize,
    /// Being checked, or running.
    pub(crate) active: usize,
    ended: [usize; Outcome::ALL.len()],
}

impl StateCounts {
    /// Returns the number of steps that ended with `outcome`.
    pub(crate) fn of(&self, outcome: Outcome) -> usize {
        self.ended[outcome as usize]
    }

    /// Returns the number of steps that ended.
    pub(crate) fn ended(&self) -> usize {
        self.ended.iter().sum()
    }

    pub(crate) fn slot(&mut self, state: StepState) -> &mut usize {
        match state {
            StepState::Waiting => &mut self.waiting,
            StepState::Checking | StepState::Running => &mut self.active,
            StepState::Finished(outcome) => &mut self.ended[outcome as usize],
        }
    }
}

impl StepRow {
    pub(crate) fn new(id: StepId, title: Arc<str>, stage: usize, is_optional: bool) -> Self {
        Self {
            id,
            title,
            stage,
            is_selected: false,
            is_optional,
            state: StepState::Waiting,
            reason: None,
            began: None,
            started: None,
            duration: Duration::ZERO,
            progress: None,
            rate: None,
            expected: None,
            last_line: None,
            retry: None,
            output: Output::new(),
            failure: None,
            log: None,
            note: None,
        }
    }

    /// Returns its outcome, once it has ended.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self.state {
            StepState::Finished(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Returns its id and title: `build.backend (Build the backend)`.
    pub(crate) fn label(&self) -> String {
        if self.title.is_empty() || *self.title == *self.id.name() {
            self.id.to_string()
        } else {
            format!("{} ({})", self.id, self.title)
        }
    }
}
