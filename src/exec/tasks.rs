//! The two tasks of a step: the check whether it has to run, and its action with all attempts.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::completion::redacted;
use super::contexts::Contexts;
use super::messages::{ActionResult, CheckResult, Message, Sender};
use crate::action::{Action, Presence, StepContext, standing, unconfirmed};
use crate::error::{Failure, FailureKind, ids};
use crate::event::{EventKind, EventSink};
use crate::failpoint;
use crate::fingerprint::{Inputs, StaleReason};
use crate::journal::{History, now_ms};
use crate::model::{Attempt, Output, ProofKind, StepId};
use crate::pipeline::{Outputs, Step};
use crate::plan::{Depth, check, inputs_of, torn};
use crate::tools::Cancel;
use crate::tools::process::pause::{self, Stopwatch};
use crate::tools::process::{GRACE, ProcessObserver};

/// A step to be checked.
pub(super) struct Check {
    pub(super) number: usize,
    pub(super) step: Arc<Step>,
    pub(super) action: Arc<dyn Action>,
    /// The outputs of other steps that its settings use.
    pub(super) outputs: Outputs,
    /// Why it has to run, whatever the check finds.
    pub(super) imposed: Option<StaleReason>,
    /// The steps that count only together with it.
    pub(super) companions: Companions,
}

/// The steps that count only together with another one, which is fresh only if they are.
#[derive(Default)]
pub(super) struct Companions {
    pub(super) steps: Vec<Companion>,
    /// Whether all must have been proven by the same run.
    pub(super) of_one_run: bool,
}

/// A step that counts only together with another one.
pub(super) struct Companion {
    pub(super) step: Arc<Step>,
    /// `None` when its settings use an output that there has never been.
    pub(super) action: Option<Arc<dyn Action>>,
    pub(super) outputs: Outputs,
    pub(super) forced: bool,
}

/// Checks whether steps have to run. Cheap to clone.
#[derive(Clone)]
pub(super) struct Checker {
    pub(super) contexts: Contexts,
    pub(super) history: Arc<History>,
    pub(super) sender: Sender,
}

impl Checker {
    /// Checks a step whose turn has come, in a task of its own.
    pub(super) fn spawn(&self, check: Check, cancel: &Cancel) {
        let (checker, cancel) = (self.clone(), cancel.clone());
        tokio::spawn(async move {
            let result = checker.check(check, &cancel).await;
            checker.tell(result, false);
        });
    }

    /// Tells the loop the result of a check; `prefetched`: before the step's turn.
    pub(super) fn tell(&self, result: CheckResult, prefetched: bool) {
        // The loop is gone only when the run is over.
        let _sent = self.sender.send(Message::Checked { prefetched, result: Box::new(result) });
    }

    /// Checks a step.
    pub(super) async fn check(&self, step: Check, cancel: &Cancel) -> CheckResult {
        let Check { number, step, action, outputs, imposed, companions } = step;
        let cx = Box::new(self.contexts.of(&step.id, cancel));
        let began = Stopwatch::start();
        let known = self.history.step(&step.id);
        // On the heap at once: it would be moved there later otherwise.
        let check = Box::pin(check(&step, &action, &outputs, known, imposed, Depth::Decide, &cx));
        let check = cx.unless_cancelled("checking the step", check);
        let mut result = caught(check, step.timeout).await;
        if let Ok(found) = &mut result
            && found.reasons.is_empty()
            && !companions.steps.is_empty()
            && let Some(other) = Box::pin(self.stale_companion(&step, &companions, cancel)).await
        {
            found.reasons.push(StaleReason::AgainWith(other));
        }
        CheckResult { number, cx, outputs, result, took: began.elapsed() }
    }
}

impl Checker {
    /// Returns a companion of `step` that is not fresh, if there is one.
    async fn stale_companion(&self, step: &Step, companions: &Companions, cancel: &Cancel) -> Option<StepId> {
        let ids = || companions.steps.iter().map(|companion| &companion.step.id);
        if companions.of_one_run
            && let Some(other) = torn(&self.history, &step.id, ids())
        {
            return Some(other.clone());
        }
        for Companion { step, action, outputs, forced } in &companions.steps {
            let fresh = async {
                let (known, imposed) = (self.history.step(&step.id), forced.then_some(StaleReason::Forced));
                let cx = self.contexts.looking(&step.id, cancel);
                let check = Box::pin(check(step, action.as_ref()?, outputs, known, imposed, Depth::Probe, &cx));
                let check = cx.unless_cancelled("checking the step", check);
                let reasons = caught(check, step.timeout).await.ok()?.reasons;
                // One that runs every time holds if its probe has just shown it, unless it is not seen by that.
                let holds = |reason: &StaleReason| {
                    *reason == StaleReason::AlwaysRuns
                        && !companions.of_one_run
                        && action.as_ref().is_some_and(|action| action.proof() == ProofKind::Check)
                };
                reasons.iter().all(holds).then_some(())
            };
            if fresh.await.is_none() {
                return Some(step.id.clone());
            }
        }
        None
    }
}

/// Runs a step's action, with its attempts.
pub(super) struct ActionTask {
    pub(super) number: usize,
    pub(super) step: Arc<Step>,
    pub(super) action: Arc<dyn Action>,
    pub(super) outputs: Outputs,
    pub(super) inputs: Inputs,
    pub(super) sink: EventSink,
    pub(super) cancel: Cancel,
    pub(super) cx: Box<StepContext>,
}

impl ActionTask {
    pub(super) fn spawn(mut self, sender: Sender) {
        tokio::spawn(async move {
            let began = Stopwatch::start();
            let mut attempts = Vec::new();
            let result = self.attempts(&mut attempts).await;
            let changed = if result.is_ok() { Box::pin(self.changed_inputs()).await } else { Vec::new() };
            let (proof, duration) = (self.action.proof(), began.elapsed());
            let Self { number, cx, inputs, .. } = self;
            let ran = ActionResult { number, cx, inputs, changed, result, attempts, proof, duration };
            // The loop is gone only when the run is over.
            let _sent = sender.send(Message::Ran(Box::new(ran)));
        });
    }

    /// Returns the result of the last attempt; `failed` gets those before it.
    async fn attempts(&mut self, failed: &mut Vec<Attempt>) -> Result<Output, Failure> {
        let retry = self.step.retry;
        let mut attempt = 1;
        loop {
            let began = Stopwatch::start();
            self.cx.set_cancel(self.cancel.child());
            let failure = match self.attempt().await {
                Ok(output) => return Ok(self.cx.with_warnings(output)),
                Err(failure) => failure,
            };
            if attempt >= retry.attempts || self.cancel.is_cancelled() {
                return Err(failure);
            }
            let gone = Attempt {
                at_ms: now_ms(),
                duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                message: failure.to_string(),
            };
            self.cx.line(&format!("attempt {attempt} of {} failed: {failure}", retry.attempts));
            let said = redacted(failure.clone(), self.cx.tools().redactor());
            self.sink.send(EventKind::StepRetrying {
                step: self.step.id.clone(),
                attempt,
                attempts: retry.attempts,
                delay: retry.delay,
                reason: self.cx.tools().redactor().text(&failure.to_string()),
                error: Box::new(said.object(Some(self.step.id.as_str()))),
            });
            tokio::select! {
                () = self.cancel.cancelled() => return Err(failure),
                () = pause::sleep(retry.delay) => {}
            }
            attempt += 1;
            failed.push(gone);
        }
    }

    /// One attempt, and then a probe: success is what the world shows, not what the action says. An action that only
    /// looks has just seen it.
    async fn attempt(&self) -> Result<Output, Failure> {
        let terminal = if self.step.tty { self.cx.take_terminal().await? } else { None };
        // A step may print what the cluster has.
        self.cx.unless_cancelled("reading the generated secrets", self.cx.learn_generated()).await?;
        failpoint::hit("action-begins");
        let output = self.within_timeout().await;
        if self.action.proof() != ProofKind::Check {
            self.cx.tools().forget_shared().await;
            let of = self.step.action_type;
            if of.makes_cluster || of.in_cluster || of.hands_cluster_on {
                self.cx.tools().cluster_may_be_back().await;
            }
        }
        let output = output?;
        drop(terminal);
        // An output is recorded, shown, and handed to other steps as it is.
        for (name, value) in output.all() {
            self.cx.refuse_secret(&format!("the output `{name}`"), value)?;
        }
        failpoint::hit("action-ended");
        if self.action.proof() == ProofKind::Check {
            return Ok(output);
        }
        let probe = self.cx.unless_cancelled("probing the result", standing(&*self.action, &self.cx, &output));
        match caught(probe, self.step.timeout).await? {
            Presence::Present => Ok(output),
            Presence::Missing(what) => Err(unconfirmed(what)),
        }
    }

    async fn within_timeout(&self) -> Result<Output, Failure> {
        let run = AssertUnwindSafe(self.action.run(&self.cx)).catch_unwind();
        tokio::pin!(run);
        tokio::select! {
            result = &mut run => return unwound(result),
            () = pause::sleep(self.step.timeout) => {}
        }
        // Asked to stop, an action can still say what it was waiting for.
        self.cx.cancel().wind_down();
        let last_words = pause::timeout(GRACE + Duration::from_secs(2), run).await;
        let mut failure = Failure::of(ids::TIMED_OUT, format!("timed out after {}", whole(self.step.timeout)))
            .hint("a longer `timeout` on the step gives it more time");
        match last_words {
            Some(result) => {
                if let Err(said) = unwound(result) {
                    failure.id = said.id.or(failure.id);
                    failure.causes.extend(said.causes);
                    failure.details = said.details;
                    failure.hints.splice(0..0, said.hints);
                }
            }
            None => failure = failure.cause("it did not stop when it was asked to"),
        }
        Err(failure)
    }

    async fn changed_inputs(&mut self) -> Vec<String> {
        // The step has succeeded: a signal now must not make that doubtful, as long as this takes no longer than
        // winding down.
        self.cx.set_cancel(Cancel::new());
        let inputs = inputs_of(&self.step, &self.action, &self.outputs, &self.cx);
        let inputs = tokio::select! {
            biased;
            inputs = caught(inputs, self.step.timeout) => inputs,
            () = self.cancel.grace_elapsed(GRACE) => Err(Failure::interrupted("comparing the inputs")),
        };
        match inputs {
            Ok(now) => now.changed_labels(&self.inputs),
            // What can't be read now may have changed.
            Err(_) => self.inputs.iter().map(|(label, _)| label.to_owned()).collect(),
        }
    }
}

/// Returns the result of `check`, which may take `limit`; a panic becomes a failure.
pub(super) async fn caught<T>(check: impl Future<Output = Result<T, Failure>>, limit: Duration) -> Result<T, Failure> {
    match pause::timeout(limit, AssertUnwindSafe(check).catch_unwind()).await {
        Some(result) => unwound(result),
        None => Err(Failure::of(ids::TIMED_OUT, format!("the check took more than {}", whole(limit)))),
    }
}

fn unwound<T>(result: std::thread::Result<Result<T, Failure>>) -> Result<T, Failure> {
    result.unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        let failure = Failure::new(FailureKind::Bug, "internal error").cause(what);
        Err(failure.hint("please report it with the step's log"))
    })
}

fn whole(limit: Duration) -> String {
    let seconds = limit.as_secs();
    match (seconds / 60, seconds % 60) {
        _ if limit.subsec_millis() > 0 && seconds < 10 => format!("{:.1} s", limit.as_secs_f64()),
        (0, s) => format!("{s} s"),
        (m, 0) => format!("{m} min"),
        (m, s) => format!("{m} min {s} s"),
    }
}
