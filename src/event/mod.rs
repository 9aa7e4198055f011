//! What happens in a run, as values: execution says it here, reporters read it from here, and neither knows the other.
//!
//! Lifecycle events are never lost. [`EventKind::StepProgress`] and [`EventKind::StepLine`] may be dropped when a
//! reporter is slow: the first is replaced by the next one, the second is a copy of what the step's log holds.

mod sink;
mod step_log;

use std::time::Duration;

use crate::error::Failure;
use crate::fingerprint::StaleReason;
use crate::model::{Outcome, Outline, Output, Progress, RunId, StageId, StepId};

pub use sink::{EventSink, Events, event_channel};
pub use step_log::{StepLog, log_folder, log_path};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Since the run began, by the monotonic clock.
    pub elapsed: Duration,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// Always the first: all that is going to happen.
    RunStarted(RunStarted),
    /// The first step of a stage is about to be checked.
    StageStarted {
        /// The stage.
        stage: StageId,
    },
    /// The last selected step of a stage has ended.
    StageFinished {
        /// The stage.
        stage: StageId,
        /// The worst of its steps' outcomes.
        outcome: Outcome,
        /// From its first step's check to its last step's end.
        duration: Duration,
    },
    /// Inputs are compared and the world is probed.
    StepChecking {
        /// The step.
        step: StepId,
    },
    /// It need not run. The step has ended.
    StepFresh {
        /// The step.
        step: StepId,
        /// The facts of its last success.
        output: Output,
        /// How long the look took.
        duration: Duration,
    },
    /// Its intent is durable; the action begins.
    StepStarted {
        /// The step.
        step: StepId,
        /// Why it runs.
        reason: StaleReason,
    },
    /// An attempt failed, the next one follows.
    StepRetrying {
        /// The step.
        step: StepId,
        /// The attempt that failed, counted from 1.
        attempt: u32,
        /// How many attempts there are.
        attempts: u32,
        /// Until the next attempt.
        delay: Duration,
        /// Why it failed, in a line.
        reason: String,
    },
    /// How far it is. May be dropped.
    StepProgress {
        /// The step.
        step: StepId,
        /// How far.
        progress: Progress,
    },
    /// A line of its output, redacted, without line end. May be dropped.
    StepLine {
        /// The step.
        step: StepId,
        /// The line.
        line: String,
    },
    /// It has ended, and that is durable.
    StepFinished(Box<StepFinished>),
    /// A signal asked to stop.
    RunInterrupted {
        /// `SIGINT`, `SIGTERM`, `SIGHUP` or `SIGQUIT`.
        signal: &'static str,
        /// Whether what runs is killed now; else it is asked to end first.
        kill: bool,
    },
    /// Always the last.
    RunFinished(RunFinished),
}

/// The payload of [`EventKind::RunStarted`].
#[derive(Clone, Debug, PartialEq)]
pub struct RunStarted {
    /// The run.
    pub run: RunId,
    /// The whole pipeline.
    pub outline: Outline,
    /// The steps of it that this run is about, in the order of the file.
    pub selected: Vec<StepId>,
    /// What a reader should know at once: a torn record dropped, survivors of a killed run stopped.
    pub warnings: Vec<String>,
}

/// The payload of [`EventKind::StepFinished`].
#[derive(Clone, Debug, PartialEq)]
pub struct StepFinished {
    /// The step.
    pub step: StepId,
    /// How it ended: anything but [`Outcome::Fresh`].
    pub outcome: Outcome,
    /// From its start to its end, attempts and delays included; zero when it never started.
    pub duration: Duration,
    /// The outputs of the step.
    pub output: Output,
    /// Why, unless it succeeded.
    pub failure: Option<Failure>,
    /// Where its output is, relative to the project; `None` when there is none.
    pub log: Option<String>,
    /// A remark on a success: processes left behind, an input that changed meanwhile.
    pub note: Option<String>,
}

/// The payload of [`EventKind::RunFinished`].
#[derive(Clone, Debug, PartialEq)]
pub struct RunFinished {
    /// The worst outcome: succeeded (also when all was fresh), failed or interrupted.
    pub outcome: Outcome,
    /// From the first event to this one.
    pub duration: Duration,
    /// The chain of steps that decided how long the run took, first to last, with each step's time.
    pub critical_path: Vec<(StepId, Duration)>,
    /// What a reader should know at the end: processes left behind that were stopped.
    pub warnings: Vec<String>,
}

impl EventKind {
    /// Whether a slow reporter may miss it.
    pub fn may_drop(&self) -> bool {
        matches!(self, Self::StepProgress { .. } | Self::StepLine { .. })
    }

    /// The step it is about, where it is about one.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::StepChecking { step }
            | Self::StepFresh { step, .. }
            | Self::StepStarted { step, .. }
            | Self::StepRetrying { step, .. }
            | Self::StepProgress { step, .. }
            | Self::StepLine { step, .. } => Some(step),
            Self::StepFinished(finished) => Some(&finished.step),
            _ => None,
        }
    }
}
