//! Looks ahead: while nothing has been changed in this run, every step that was proven before can be looked at at once,
//! and a run with nothing to do takes as long as its slowest look, not as all of them one after the other.
//!
//! The first step that starts ends this: whatever was seen ahead and not used yet is forgotten and looked at anew in its
//! turn, because the step may change what others see.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::engine::Engine;
use super::step::CheckTask;
use crate::action::StepContext;
use crate::error::Failure;
use crate::model::Outcome;
use crate::pipeline::Outputs;
use crate::plan::{Checked, nothing_to_look_at};
use crate::tools::Cancel;

/// How many looks may be out at once: each takes memory as long as it is, and what they ask answers no sooner for more.
const AT_ONCE: usize = 128;

/// What was seen of steps before their turn.
pub(super) struct Ahead {
    looks: HashMap<usize, Look>,
    cancel: Cancel,
}

/// A look before a step's turn.
enum Look {
    /// Not back yet.
    Out,
    /// Not back yet, and the step's turn has come.
    Awaited,
    /// Back.
    Back(Box<Seen>),
}

/// What a look came back with.
pub(super) struct Seen {
    pub(super) cx: Box<StepContext>,
    /// The outputs of other steps that it went by.
    pub(super) outputs: Outputs,
    pub(super) result: Result<Checked, Failure>,
    pub(super) took: Duration,
}

/// What there is of a look ahead when the step's turn comes.
pub(super) enum Turn {
    /// Its result.
    Seen(Box<Seen>),
    /// It is still out; its message will come.
    Wait,
    /// Nothing: it has to be looked at now.
    Look,
}

impl Ahead {
    /// Nothing was looked at yet; `cancel` stops looks that are out.
    pub(super) fn new(cancel: Cancel) -> Self {
        Self { looks: HashMap::new(), cancel }
    }

    /// The step's turn has come.
    pub(super) fn turn(&mut self, number: usize) -> Turn {
        match self.looks.remove(&number) {
            None => Turn::Look,
            Some(Look::Back(seen)) => Turn::Seen(seen),
            Some(Look::Out | Look::Awaited) => {
                self.looks.insert(number, Look::Awaited);
                Turn::Wait
            }
        }
    }

    /// A look is back. Answers it if the step waits for it and it still counts.
    pub(super) fn back(&mut self, number: usize, seen: Box<Seen>) -> Option<Turn> {
        match self.looks.remove(&number) {
            // Nobody counts on it any more.
            None => None,
            Some(Look::Awaited) if self.cancel.is_cancelled() => Some(Turn::Look),
            Some(Look::Awaited) => Some(Turn::Seen(seen)),
            Some(Look::Out | Look::Back(_)) => {
                self.looks.insert(number, Look::Back(seen));
                None
            }
        }
    }

    /// A step is about to change the world: what was seen before counts no more.
    pub(super) fn end(&mut self) {
        self.cancel.wind_down();
        self.looks.retain(|_, look| matches!(look, Look::Awaited));
    }
}

impl Engine<'_> {
    /// Whether what was seen ahead still counts: it went by the outputs that there are now, and it came to an answer. A
    /// step that was skipped or failed meanwhile has handed on something else than the last time.
    pub(super) fn still_counts(&self, number: usize, seen: &Seen) -> bool {
        seen.result.is_ok() && seen.outputs == self.schedule.used_outputs(number)
    }

    /// Looks at every selected step that was proven before, as if the steps before it were all fresh.
    pub(super) fn look_ahead(&mut self) {
        let mut open = VecDeque::new();
        for number in 0..self.graph.steps.len() {
            let step = &self.graph.steps[number].step;
            if !self.plan.selected[number] || self.plan.forced[number] || self.plan.reserve[number] {
                continue;
            }
            let uses = step.binding.uses().iter();
            let outputs: Outputs =
                uses.filter_map(|(id, _)| Some((id.clone(), self.run.history.output(id)?.clone()))).collect();
            let Ok(action) = step.binding.action(&outputs) else { continue };
            if action.always_runs() || nothing_to_look_at(step, &action) {
                continue;
            }
            let known = self.run.history.step(&step.id).and_then(|known| known.last.as_ref());
            if known.is_none_or(|end| end.outcome != Outcome::Succeeded) {
                continue;
            }
            self.ahead.looks.insert(number, Look::Out);
            open.push_back((number, Arc::clone(step), action, outputs));
        }
        let n_lookers = open.len().min(AT_ONCE);
        let open = Arc::new(Mutex::new(open));
        for _ in 0..n_lookers {
            let (open, contexts, history) = (Arc::clone(&open), self.contexts.clone(), Arc::clone(&self.run.history));
            let (cancel, sender) = (self.ahead.cancel.clone(), self.sender.clone());
            tokio::spawn(async move {
                loop {
                    let next = open.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some((number, step, action, outputs)) = next else { return };
                    let cx = Box::new(contexts.of(&step.id, &cancel));
                    let history = Arc::clone(&history);
                    let check = CheckTask { number, step, action, outputs, forced: false, ahead: true, history, cx };
                    check.look(&sender).await;
                    // What was found is taken in meanwhile, and does not pile up.
                    tokio::task::yield_now().await;
                }
            });
        }
    }
}
