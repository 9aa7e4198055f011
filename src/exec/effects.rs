//! [`Effect`]: what a decision asks for, and [`make_durable`], which turns it into something that may be carried out.

use super::schedule::Propagation;
use crate::action::StepContext;
use crate::error::{ErrorObject, Failure, FailureKind};
use crate::event::{EventKind, StepFinished};
use crate::fingerprint::{Inputs, StaleReason};
use crate::journal::{Entry, Journal};
use crate::model::{Outcome, Output, RunId, StepId};

/// What a decision asks the loop to do.
pub(super) enum Effect {
    /// Record something that nothing waits for.
    Record(Entry),
    /// Record the intent, then begin the step's action.
    Start(Box<Start>),
    /// Record the end, where it needs a record, then announce it.
    End(Box<End>),
}

/// The start of a step's action.
pub(super) struct Start {
    pub(super) number: usize,
    pub(super) step: StepId,
    pub(super) cx: Box<StepContext>,
    pub(super) inputs: Inputs,
    pub(super) reason: StaleReason,
}

/// The end of a step.
pub(super) struct End {
    pub(super) number: usize,
    /// None for an end that changes nothing on record: fresh, skipped, failed or stopped before it started.
    record: Option<Entry>,
    pub(super) event: EventKind,
    pub(super) outcome: Outcome,
    pub(super) output: Output,
    pub(super) propagation: Propagation,
    /// Whether the step still holds its slot.
    pub(super) holds_slot: bool,
}

impl End {
    /// The end of a fresh step.
    pub(super) fn fresh(number: usize, event: EventKind, output: Output) -> Self {
        let (outcome, propagation) = (Outcome::Fresh, Propagation::Passed);
        Self { number, record: None, event, outcome, output, propagation, holds_slot: true }
    }

    /// The end of a step that ran, or that could not begin.
    pub(super) fn of(number: usize, record: Option<Entry>, finished: StepFinished, holds_slot: bool) -> Self {
        let (outcome, output) = (finished.outcome, finished.output.clone());
        let propagation = match outcome {
            Outcome::Failed => Propagation::Failed,
            Outcome::Interrupted => Propagation::Stopped,
            Outcome::Blocked => Propagation::Open,
            _ => Propagation::Passed,
        };
        let event = EventKind::StepFinished(Box::new(finished));
        Self { number, record, event, outcome, output, propagation, holds_slot }
    }

    /// What a failed step makes of its run: the kind of its failure, and that for programs. Its own time limit is a
    /// failure, not an interruption.
    pub(super) fn failure(&self) -> (FailureKind, Option<Box<ErrorObject>>) {
        let EventKind::StepFinished(finished) = &self.event else { return (FailureKind::Failed, None) };
        let failure = finished.failure.as_ref();
        let kind = failure.map(|failure| failure.kind).filter(|kind| *kind != FailureKind::Interrupted);
        let error = failure.map(|failure| Box::new(failure.object(Some(finished.step.as_str()))));
        (kind.unwrap_or(FailureKind::Failed), error)
    }
}

impl From<Start> for Effect {
    fn from(start: Start) -> Self {
        Self::Start(Box::new(start))
    }
}

impl From<End> for Effect {
    fn from(end: End) -> Self {
        Self::End(Box::new(end))
    }
}

/// Something whose record is on the disk, or that needs none. Only [`make_durable`] makes one: that is I1 and I2.
pub(super) struct Durable<T>(Box<T>);

impl<T> Durable<T> {
    /// Takes it out, to carry it out.
    pub(super) fn into_inner(self) -> T {
        *self.0
    }
}

/// What is left to do once everything is recorded.
pub(super) enum Recorded {
    Start(Durable<Start>),
    End(Durable<End>),
}

/// Records what `effects` have to record, with one write and one sync. Returns what may be carried out now, in their
/// order.
pub(super) fn make_durable(journal: &mut Journal, run: &RunId, effects: Vec<Effect>) -> Result<Vec<Recorded>, Failure> {
    let mut entries = Vec::new();
    let mut recorded = Vec::with_capacity(effects.len());
    for effect in effects {
        match effect {
            Effect::Record(entry) => entries.push(entry),
            Effect::Start(start) => {
                let (step, inputs) = (start.step.clone(), start.inputs.clone());
                entries.push(Entry::StepStarted { run: run.clone(), step, inputs });
                recorded.push(Recorded::Start(Durable(start)));
            }
            Effect::End(mut end) => {
                entries.extend(end.record.take());
                recorded.push(Recorded::End(Durable(end)));
            }
        }
    }
    if !entries.is_empty() {
        journal.append(&entries).map_err(|failure| not_recorded(failure, &entries))?;
    }
    Ok(recorded)
}

/// The journal's failure with what it could not take: it was not announced, and the next run checks it again.
fn not_recorded(mut failure: Failure, entries: &[Entry]) -> Failure {
    for entry in entries {
        if let Entry::StepFinished { step, end } = entry {
            failure.details.push(format!("not recorded: {step} {}", end.outcome.word()));
        }
    }
    failure
}
