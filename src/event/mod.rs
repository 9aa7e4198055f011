//! The events of a run. Execution sends them, reporters receive them, and neither knows the other.
//!
//! Lifecycle events are never lost. [`EventKind::StepProgress`] and [`EventKind::StepLine`] may be dropped when a
//! reporter is slow: the first is replaced by the next one, the second is a copy of what the step's log holds.

mod sink;
mod step_log;

use std::time::Duration;

use crate::error::{ErrorObject, Failure};
use crate::fingerprint::StaleReason;
use crate::model::{Outcome, Outline, Output, Progress, RunId, StageId, StepId};

pub use sink::{EventSink, Events, event_channel};
pub use step_log::{LOG_DEPTH, StepLog, log_folder, log_path};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Time since the start of the run, by the monotonic clock.
    pub elapsed: Duration,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// Always the first event: the whole plan.
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
        /// From the check of its first step to the end of its last step.
        duration: Duration,
    },
    /// Its inputs are being compared and its result is being probed.
    StepChecking {
        /// The step.
        step: StepId,
    },
    /// It is fresh, and has ended.
    StepFresh {
        /// The step.
        step: StepId,
        /// The output of its last success.
        output: Output,
        /// The duration of the check.
        duration: Duration,
        /// What may be wrong with it all the same: a pattern of its inputs matches nothing any more.
        note: Option<String>,
    },
    /// Its intent is durable, and the action starts.
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
        /// The number of attempts.
        attempts: u32,
        /// Time until the next attempt.
        delay: Duration,
        /// Why it failed, in one line.
        reason: String,
        /// The same for programs.
        error: Box<ErrorObject>,
    },
    /// Its progress. May be dropped.
    StepProgress {
        /// The step.
        step: StepId,
        /// The progress.
        progress: Progress,
    },
    /// It waits for an answer of the person at the terminal: reporters show the question and leave the terminal alone.
    StepAsking {
        /// The step.
        step: StepId,
        /// The question, in one line.
        question: String,
    },
    /// Its question was answered or taken back.
    StepAnswered {
        /// The step.
        step: StepId,
    },
    /// A line of its output with secrets masked, without the line end. May be dropped.
    StepLine {
        /// The step.
        step: StepId,
        /// The line.
        line: String,
    },
    /// It has ended, and that is durable.
    StepFinished(Box<StepFinished>),
    /// A signal stops the run.
    RunInterrupted {
        /// `SIGINT`, `SIGTERM`, `SIGHUP` or `SIGQUIT`.
        signal: &'static str,
        /// Whether running steps are killed; otherwise they are terminated.
        kill: bool,
    },
    /// Always the last event.
    RunFinished(RunFinished),
}

/// The payload of [`EventKind::RunStarted`].
#[derive(Clone, Debug, PartialEq)]
pub struct RunStarted {
    /// The run.
    pub run: RunId,
    /// The whole pipeline.
    pub outline: Outline,
    /// The selected steps, in the order of the file.
    pub selected: Vec<StepId>,
    /// Warnings at the start: a torn record was dropped, processes left by a killed run were stopped.
    pub warnings: Vec<String>,
}

/// The payload of [`EventKind::StepFinished`].
#[derive(Clone, Debug, PartialEq)]
pub struct StepFinished {
    /// The step.
    pub step: StepId,
    /// Its outcome: anything but [`Outcome::Fresh`].
    pub outcome: Outcome,
    /// From its start to its end, including attempts and delays; zero if it never started.
    pub duration: Duration,
    /// Its output.
    pub output: Output,
    /// Why it did not succeed.
    pub failure: Option<Failure>,
    /// The path of its log, relative to the project; `None` if there is none.
    pub log: Option<String>,
    /// A note on a success: processes left behind, an input that changed during the run.
    pub note: Option<String>,
}

impl StepFinished {
    /// Whether a person has to be reported why: it failed, or it waits for somebody who is not there. What is blocked
    /// by another step's failure has none of its own.
    pub fn is_failure(&self) -> bool {
        self.outcome == Outcome::Failed || self.outcome == Outcome::Blocked && self.failure.is_some()
    }
}

/// The payload of [`EventKind::RunFinished`].
#[derive(Clone, Debug, PartialEq)]
pub struct RunFinished {
    /// The worst outcome: succeeded (also if all steps were fresh), failed or interrupted.
    pub outcome: Outcome,
    /// From the first event to this one.
    pub duration: Duration,
    /// The chain of steps that determined the duration of the run, first to last, with their durations.
    pub critical_path: Vec<(StepId, Duration)>,
    /// Warnings at the end: processes left behind were stopped.
    pub warnings: Vec<String>,
    /// Why it failed, beyond the failures of its steps.
    pub problems: Vec<Problem>,
    /// Why it did not succeed, for programs: the first failure that counts, or what stopped it.
    pub error: Option<Box<ErrorObject>>,
}

/// Why a run failed although no step of it did that matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The step that it is about, if it is about one.
    pub step: Option<StepId>,
    /// What is wrong, in a line.
    pub text: String,
}

impl EventKind {
    /// Returns whether it may be dropped for a slow reporter.
    pub fn may_drop(&self) -> bool {
        matches!(self, Self::StepProgress { .. } | Self::StepLine { .. })
    }

    /// Returns the step that it is about, if it is about one.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::StepChecking { step }
            | Self::StepFresh { step, .. }
            | Self::StepStarted { step, .. }
            | Self::StepRetrying { step, .. }
            | Self::StepAsking { step, .. }
            | Self::StepAnswered { step }
            | Self::StepProgress { step, .. }
            | Self::StepLine { step, .. } => Some(step),
            Self::StepFinished(finished) => Some(&finished.step),
            _ => None,
        }
    }
}
