//! [`Prefetch`]: speculative checks. While nothing has been changed in a run, every step that was proven before can be
//! checked at once, and a run with nothing to do takes as long as its slowest check, not as all of them one after the
//! other.
//!
//! The first step that starts and may change what others probe ends this: whatever was checked and not used yet is
//! dropped and checked again in its turn. A verification changes nothing, but one that has waited for something ends
//! this too.

use std::collections::VecDeque;
use std::iter;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

use super::messages::CheckResult;
use super::tasks::{Check, Checker, Companions};
use crate::journal::History;
use crate::model::Outcome;
use crate::plan::{Candidate, Graph, Plan};
use crate::threads::in_halves;
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
    /// Begins the checks of `candidates`, which `cancel` stops. Most have a result at once, as those of steps without
    /// files: they need no task and no message. The others become tasks.
    pub(super) fn start(
        candidates: Vec<Candidate>,
        graph: &Graph,
        plan: &Plan,
        checker: &Checker,
        cancel: Cancel,
    ) -> Self {
        let runtime = Handle::current();
        let (first, second) = in_halves(candidates, |candidates| {
            let _entered = runtime.enter();
            Begun::of(
                candidates.into_iter().filter_map(|one| speculative(one, graph, plan, &checker.history)),
                checker,
                &cancel,
            )
        });
        let mut checks: Vec<Option<State>> = graph.steps.iter().map(|_| None).collect();
        let (mut in_flight, mut queue) = (Vec::new(), VecDeque::new());
        for begun in iter::once(first).chain(second) {
            for (number, state) in begun.states {
                checks[number] = Some(state);
            }
            in_flight.extend(begun.in_flight);
            queue.extend(begun.queue);
        }
        let queue = Arc::new(Mutex::new(queue));
        for check in in_flight {
            let (queue, checker, cancel) = (Arc::clone(&queue), checker.clone(), cancel.clone());
            tokio::spawn(async move {
                checker.tell(check.await, true);
                check_all(&queue, &checker, &cancel).await;
            });
        }
        Self { checks, cancel }
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

/// Checks that have begun.
struct Begun {
    /// Each with the number of its step.
    states: Vec<(usize, State)>,
    in_flight: Vec<BoxFuture<'static, CheckResult>>,
    /// Those that begin when one in flight has ended.
    queue: VecDeque<Check>,
}

impl Begun {
    fn of(checks: impl Iterator<Item = Check>, checker: &Checker, cancel: &Cancel) -> Self {
        // Every check counts references to these and makes children of them: the two threads do not share them.
        let own = Arc::new((checker.clone(), cancel.child()));
        let mut begun = Self {
            states: Vec::with_capacity(checks.size_hint().1.unwrap_or(0)),
            in_flight: Vec::new(),
            queue: VecDeque::new(),
        };
        for check in checks {
            let number = check.number;
            // There may be as many of the other half.
            let state = if begun.in_flight.len() == MAX_IN_FLIGHT / 2 {
                begun.queue.push_back(check);
                State::InFlight
            } else {
                let own = Arc::clone(&own);
                let mut check = async move { own.0.check(check, &own.1).await }.boxed();
                match check.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(result) => State::Done(Box::new(result)),
                    Poll::Pending => {
                        begun.in_flight.push(check);
                        State::InFlight
                    }
                }
            };
            begun.states.push((number, state));
        }
        begun
    }
}

/// Returns the check of a step before its turn, if its last end may still hold, by itself.
fn speculative(candidate: Candidate, graph: &Graph, plan: &Plan, history: &History) -> Option<Check> {
    let Candidate { number, step, action, outputs, is_standby } = candidate;
    let is_alone = !is_standby && graph.steps[number].chain.is_none();
    let action = action.filter(|action| is_alone && !plan.forced[number] && !action.always_runs())?;
    let last = history.step(&step.id)?.standing()?;
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
