//! What is known of steps, runs and processes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::ErrorObject;
use crate::fingerprint::Inputs;
use crate::model::{Attempt, Change, Outcome, Output, ProofKind, RunId, StepId, StepState};

/// What is known of a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepHistory {
    /// How it last ended; `None` while it runs, or when its run died.
    pub last: Option<Arc<StepEnd>>,
    /// The run that last started it.
    pub started_in: Option<RunId>,
    /// When it was last started, in milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// Its last success, also when it has been started since: for its output and its duration, not for freshness.
    pub last_success: Option<Arc<StepEnd>>,
    /// That `down` has taken down since what it had made: what it has proven counts no more.
    pub down: Option<Down>,
    /// Whether the run that last started it is on; known to readers alone.
    pub is_on: bool,
    /// Where it is in its life in the run that last started it.
    pub(super) state: StepState,
    /// How many records stand before the last one of it.
    pub(super) at: u64,
}

impl StepHistory {
    /// How it last ended, unless what it had made was taken down since, whole or in part: what may still count.
    pub fn standing(&self) -> Option<&Arc<StepEnd>> {
        self.last.as_ref().filter(|_| self.down.is_none())
    }

    /// Whether `run` is the one that last started it.
    pub(super) fn is_of(&self, run: &RunId) -> bool {
        self.started_in.as_ref() == Some(run)
    }

    /// Since when it is in doubt, where its start is on record no more: since it was last known.
    pub(super) fn date_doubt(&mut self) {
        let known = self.last.as_ref().or(self.last_success.as_ref()).map(|end| end.at_ms);
        if let Some(known) = known.filter(|_| self.started_ms == 0) {
            self.started_ms = known;
        }
    }

    /// What it has made is taken down; `run` is the one that last started it. Of a killed one this record may be all
    /// that is left of it, once the file was compacted.
    pub(super) fn take_down(&mut self, run: RunId, down: Down) {
        if self.last.is_none() {
            self.state = StepState::Running;
        }
        self.started_in = Some(run);
        self.down = Some(down);
    }

    /// Its action is about to begin in `run`.
    pub(super) fn start(&mut self, run: RunId, at_ms: i64) {
        (self.last, self.down) = (None, None);
        // A life of its own in each run, also after a doubt that was recorded in the name of the last one.
        self.state = StepState::Waiting.advance(Change::Start).unwrap_or_default();
        self.started_in = Some(run);
        self.started_ms = at_ms;
    }
}

/// That what a step had made was taken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Down {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Whether it is gone; else it may be gone in part.
    pub is_done: bool,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq)]
pub struct StepEnd {
    /// How.
    pub outcome: Outcome,
    /// In which run.
    pub run: RunId,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// From its start, in milliseconds.
    pub duration_ms: u64,
    /// The inputs as they were before its action began.
    pub inputs: Inputs,
    /// The labels of those that changed while it ran.
    pub changed: Vec<String>,
    /// Its outputs.
    pub output: Output,
    /// The checklist items that it covered, each with the digest of its text.
    pub items: Inputs,
    /// The fallback that stood in for it.
    pub proven_by: Option<StepId>,
    /// Where its output is, relative to the project.
    pub log: Option<String>,
    /// The attempts that failed before the last one.
    pub attempts: Vec<Attempt>,
    /// What can be seen of its success later on; `None` in records of older versions.
    pub proof: Option<ProofKind>,
    /// Why it failed, in a line.
    pub message: Option<String>,
    /// Why it failed, for programs; `None` in records of older versions.
    pub error: Option<Box<ErrorObject>>,
}

impl StepEnd {
    /// Whether `fallback` proved the step in its place.
    pub fn is_by(&self, fallback: &StepId) -> bool {
        self.outcome == Outcome::Fallback && self.proven_by.as_ref() == Some(fallback)
    }
}

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// When its first step started, or it failed before that, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The process.
    pub pid: u32,
    /// What was typed.
    pub command: String,
    /// The commit that was checked out.
    pub commit: Option<String>,
    /// The state folder that the run wrote to; `None` in records of older versions.
    pub(super) folder: Option<String>,
    /// The checklist items that each step covered, with the digests of their texts; empty in records of older versions.
    pub items: BTreeMap<StepId, Inputs>,
    /// How it ended; `None` while it goes on, or when it died.
    pub outcome: Option<Outcome>,
    /// Why it failed, with the step that did, if one did; `None` in records of older versions.
    pub error: Option<(Option<StepId>, Box<ErrorObject>)>,
}

/// A child process that has not been seen to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// The step that started it.
    pub step: StepId,
    /// Its process id, which is its group's too.
    pub pid: u32,
    /// When it started, in clock ticks since boot: with the pid, it names one process for good.
    pub start: u64,
    /// The boot in which that was.
    pub boot: String,
}
