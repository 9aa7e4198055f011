//! The rows of a [`View`](super::View): what is known of a stage and of a step.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Failure;
use crate::fingerprint::StaleReason;
use crate::model::{Outcome, Output, Progress, StageId, StepId, StepState};

/// A stage's row.
#[derive(Debug)]
pub struct StageRow {
    /// Its id.
    pub id: StageId,
    /// Its title.
    pub title: String,
    /// The places of its steps.
    pub steps: Range<usize>,
    /// How many of its selected steps are in which state.
    pub counts: StateCounts,
    /// When it began.
    pub started: Option<Duration>,
    /// How it ended and how long it took.
    pub ended: Option<(Outcome, Duration)>,
}

/// A step's row.
#[derive(Debug)]
pub struct StepRow {
    /// Its id.
    pub id: StepId,
    /// Its title.
    pub title: Arc<str>,
    /// The place of its stage.
    pub stage: usize,
    /// Whether this run is about it.
    pub is_selected: bool,
    /// Whether the pipeline's success does not depend on it.
    pub is_optional: bool,
    /// Where it is in its life.
    pub state: StepState,
    /// Why it runs.
    pub reason: Option<StaleReason>,
    /// When its check began, or else its action.
    pub began: Option<Duration>,
    /// When its action began.
    pub started: Option<Duration>,
    /// How long it took, when it has ended.
    pub duration: Duration,
    /// How far it is.
    pub progress: Option<Progress>,
    /// Its last line of output.
    pub last_line: Option<String>,
    /// The attempt that failed last.
    pub retry: Option<Box<Retry>>,
    /// The facts it handed on.
    pub output: Output,
    /// Why it did not succeed.
    pub failure: Option<Box<Failure>>,
    /// Where its output is.
    pub log: Option<String>,
    /// A remark on its success.
    pub note: Option<String>,
}

/// A failed attempt with another one to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The attempt that failed, counted from 1.
    pub attempt: u32,
    /// How many there are.
    pub attempts: u32,
    /// When the next one begins.
    pub next: Duration,
    /// Why it failed.
    pub reason: String,
}

/// How many steps are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateCounts {
    /// Selected steps in all.
    pub total: usize,
    /// Not looked at yet.
    pub waiting: usize,
    /// Being checked, or running.
    pub active: usize,
    ended: [usize; Outcome::ALL.len()],
}

impl StateCounts {
    /// How many ended with `outcome`.
    pub fn of(&self, outcome: Outcome) -> usize {
        self.ended[outcome as usize]
    }

    /// How many ended.
    pub fn ended(&self) -> usize {
        self.ended.iter().sum()
    }

    pub(super) fn slot(&mut self, state: StepState) -> &mut usize {
        match state {
            StepState::Waiting => &mut self.waiting,
            StepState::Checking | StepState::Running => &mut self.active,
            StepState::Finished(outcome) => &mut self.ended[outcome as usize],
        }
    }
}

impl StepRow {
    pub(super) fn new(id: StepId, title: Arc<str>, stage: usize, is_optional: bool) -> Self {
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
            last_line: None,
            retry: None,
            output: Output::new(),
            failure: None,
            log: None,
            note: None,
        }
    }

    /// How it ended, when it has.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.state {
            StepState::Finished(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Its id and title: `build.backend (Build the backend)`.
    pub fn label(&self) -> String {
        if self.title.is_empty() || *self.title == *self.id.name() {
            self.id.to_string()
        } else {
            format!("{} ({})", self.id, self.title)
        }
    }
}
