//! [`Prefetch`]: speculative checks. While nothing has been changed in a run, every step that was proven before can be
//! checked at once, and a run with nothing to do takes as long as its slowest check, not as all of them one after the
//! other.
//!
//! The first step that starts and may change what others probe ends this: whatever was checked and not used yet is
//! dropped and checked again in its turn. A verification changes nothing, but one that has waited for something ends
//! this too.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::messages::CheckResult;
use super::tasks::{Check, Checker, Companions};
use crate::journal::History;
use crate::model::Outcome;
use crate::plan::{Candidate, Graph, Plan};
use crate::tools::Cancel;

/// How many checks may be in flight at once: each takes memory as long as it is, and what they wait for is not sooner
/// there for more of them.
pub(super) const MAX_IN_FLIGHT: usize = 128;

/// The speculative checks of a run.
pub(super) struct Prefetch {
    /// By the number of the step.
    checks: Vec<Option<State>>,
    cancel: Cancel,
}

/// The state of a speculative check.
enum State {
    InFlight,
    /// In flight, and the step's turn has come.
    Awaited,
    Done(Box<CheckResult>),
}

/// What there is for a step whose turn has come.
pub(super) enum Prefetched {
    /// The result.
    Ready(Box<CheckResult>),
    /// The check is in flight; its message will come.
    Pending,
    /// Nothing: the step has to be checked now.
    Absent,
}

impl Prefetch {
    /// Begins `checks`, which `cancel` stops. Most have a result at once, as those of steps without files: they need no
    /// task and no message. The others become tasks.
    pub(super) fn start(
        checks: impl Iterator<Item = Check>,
        n_steps: usize,
        checker: &Checker,
        cancel: Cancel,
    ) -> Self {
        let mut states: Vec<Option<State>> = (0..n_steps).map(|_| None).collect();
        let (mut begun, mut queue) = (Vec::new(), VecDeque::new());
        for check in checks {
            let number = check.number;
            if begun.len() == MAX_IN_FLIGHT {
                queue.push_back(check);
                states[number] = Some(State::InFlight);
                continue;
            }
            let (checker, cancel) = (checker.clone(), cancel.clone());
            let mut work = Box::pin(async move { checker.check(check, &cancel).await });
            states[number] = Some(match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => State::Done(Box::new(result)),
                Poll::Pending => {
                    begun.push(work);
                    State::InFlight
                }
            });
        }
        let queue = Arc::new(Mutex::new(queue));
        for work in begun {
            let (queue, checker, cancel) = (Arc::clone(&queue), checker.clone(), cancel.clone());
            tokio::spawn(async move {
                checker.tell(work.await, true);
                check_all(&queue, &checker, &cancel).await;
            });
        }
        Self { checks: states, cancel }
    }

    /// Takes what there is for a step whose turn has come.
    pub(super) fn take(&mut self, number: usize) -> Prefetched {
        match self.checks[number].take() {
            None => Prefetched::Absent,
            Some(State::Done(result)) => Prefetched::Ready(result),
            Some(State::InFlight | State::Awaited) => {
                self.checks[number] = Some(State::Awaited);
                Prefetched::Pending
            }
        }
    }

    /// Takes in the result of a check. Returns what there is for the step if it waits for that.
    pub(super) fn completed(&mut self, result: Box<CheckResult>) -> Option<Prefetched> {
        let number = result.number;
        match self.checks[number].take() {
            // Dropped meanwhile.
            None => None,
            Some(State::Awaited) if self.cancel.is_cancelled() => Some(Prefetched::Absent),
            Some(State::Awaited) => Some(Prefetched::Ready(result)),
            Some(State::InFlight | State::Done(_)) => {
                self.checks[number] = Some(State::Done(result));
                None
            }
        }
    }

    /// Drops all results: a step is about to change the world.
    pub(super) fn stop(&mut self) {
        self.cancel.wind_down();
        for check in self.checks.iter_mut().filter(|check| !matches!(check, Some(State::Awaited))) {
            *check = None;
        }
    }
}

/// Returns the check of a step before its turn, if its last end may still hold, by itself.
pub(super) fn speculative(candidate: Candidate, graph: &Graph, plan: &Plan, history: &History) -> Option<Check> {
    let Candidate { number, step, action, outputs, is_standby } = candidate;
    let is_alone = !is_standby && graph.steps[number].chain.is_none();
    let action = action.filter(|action| is_alone && !plan.forced[number] && !action.always_runs())?;
    let last = history.step(&step.id)?.last.as_ref()?;
    let check = Check { number, step, action, outputs, imposed: None, companions: Companions::default() };
    (last.outcome == Outcome::Succeeded).then_some(check)
}

/// Does one check of the queue after the other.
async fn check_all(queue: &Mutex<VecDeque<Check>>, checker: &Checker, cancel: &Cancel) {
    loop {
        // So that the loop takes results in meanwhile, and they do not accumulate.
        tokio::task::yield_now().await;
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(check) = next else { return };
        checker.tell(checker.check(check, cancel).await, true);
    }
}
