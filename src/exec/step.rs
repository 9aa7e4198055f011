//! One step's life, in two tasks: the look, and the run with its attempts.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc::UnboundedSender;

use super::Message;
use super::ahead::Seen;
use crate::action::{Action, Presence, StepContext};
use crate::error::{Failure, FailureKind};
use crate::event::{EventKind, EventSink};
use crate::failpoint;
use crate::fingerprint::Inputs;
use crate::journal::History;
use crate::model::Output;
use crate::pipeline::{Outputs, Step};
use crate::plan::{Depth, check, inputs_of, nothing_to_look_at};
use crate::tools::Cancel;
use crate::tools::pause::{self, Stopwatch};
use crate::tools::process::{GRACE, ProcessObserver};

/// Looks whether a step has to run.
pub(super) struct CheckTask {
    pub(super) number: usize,
    pub(super) step: Arc<Step>,
    pub(super) action: Arc<dyn Action>,
    pub(super) outputs: Outputs,
    pub(super) forced: bool,
    /// Whether this is before the step's turn.
    pub(super) ahead: bool,
    pub(super) history: Arc<History>,
    pub(super) cx: Box<StepContext>,
}

impl CheckTask {
    pub(super) fn spawn(self, sender: UnboundedSender<Message>) {
        tokio::spawn(async move { self.look(&sender).await });
    }

    /// Looks, and says what it found.
    pub(super) async fn look(self, sender: &UnboundedSender<Message>) {
        let began = Stopwatch::start();
        let known = self.history.step(&self.step.id);
        // On the heap at once: whatever stands around it would move it otherwise.
        let look =
            Box::pin(check(&self.step, &self.action, &self.outputs, known, self.forced, Depth::Decide, &self.cx));
        let look = self.cx.unless_cancelled("the look at the step", look);
        let result = caught(look, self.step.timeout).await;
        let seen = Seen { cx: self.cx, outputs: self.outputs, result, took: began.elapsed() };
        let message = Message::Checked { number: self.number, ahead: self.ahead, seen: Box::new(seen) };
        // The loop is gone only when the run is over.
        let _sent = sender.send(message);
    }
}

/// Runs a step's action, with its attempts.
pub(super) struct RunTask {
    pub(super) number: usize,
    pub(super) step: Arc<Step>,
    pub(super) action: Arc<dyn Action>,
    pub(super) outputs: Outputs,
    pub(super) inputs: Inputs,
    pub(super) sink: EventSink,
    pub(super) cancel: Cancel,
    pub(super) cx: Box<StepContext>,
}

/// How a step's run ended.
pub(super) struct Ran {
    pub(super) number: usize,
    pub(super) cx: Box<StepContext>,
    /// The inputs as they were before it began.
    pub(super) inputs: Inputs,
    /// The labels of those that are others by now.
    pub(super) changed: Vec<String>,
    pub(super) result: Result<Output, Failure>,
    pub(super) duration: Duration,
}

impl RunTask {
    pub(super) fn spawn(mut self, sender: UnboundedSender<Message>) {
        tokio::spawn(async move {
            let began = Stopwatch::start();
            let result = self.attempts().await;
            let changed = if result.is_ok() { self.changed_inputs().await } else { Vec::new() };
            let Self { number, cx, inputs, .. } = self;
            let ran = Ran { number, cx, inputs, changed, result, duration: began.elapsed() };
            // The loop is gone only when the run is over.
            let _sent = sender.send(Message::Ran(Box::new(ran)));
        });
    }

    async fn attempts(&mut self) -> Result<Output, Failure> {
        let retry = self.step.retry;
        let mut attempt = 1;
        loop {
            self.cx.set_cancel(self.cancel.child());
            let failure = match self.attempt().await {
                Ok(output) => return Ok(output),
                Err(failure) => failure,
            };
            if attempt >= retry.attempts || self.cancel.is_cancelled() {
                return Err(failure);
            }
            self.cx.line(&format!("attempt {attempt} of {} failed: {failure}", retry.attempts));
            self.sink.send(EventKind::StepRetrying {
                step: self.step.id.clone(),
                attempt,
                attempts: retry.attempts,
                delay: retry.delay,
                reason: self.cx.tools().redactor().text(&failure.to_string()),
            });
            tokio::select! {
                () = self.cancel.cancelled() => return Err(failure),
                () = pause::sleep(retry.delay) => {}
            }
            attempt += 1;
        }
    }

    /// One attempt, and then a look of our own: success is what the world shows, not what the action says.
    async fn attempt(&self) -> Result<Output, Failure> {
        failpoint::hit("action-begins");
        let output = self.within_timeout().await?;
        failpoint::hit("action-ended");
        let look = self.cx.unless_cancelled("the look at the result", self.action.probe(&self.cx, &output));
        match caught(look, self.step.timeout).await? {
            Presence::Present => Ok(output),
            Presence::Missing(what) => {
                Err(Failure::failed("it ended well, but a look at the result says otherwise").cause(what).transient())
            }
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
        let mut failure = Failure::failed(format!("timed out after {}", whole(self.step.timeout)))
            .hint("a longer `timeout` on the step gives it more time");
        match last_words {
            Some(result) => {
                if let Err(said) = unwound(result) {
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
        if nothing_to_look_at(&self.step, &self.action) {
            return Vec::new();
        }
        // The step has succeeded: to be asked to stop now must not make a doubt of that, as long as the look is short.
        self.cx.set_cancel(Cancel::new());
        let look = inputs_of(&self.step, &self.action, &self.outputs, &self.cx);
        let looked = tokio::select! {
            biased;
            looked = caught(look, self.step.timeout) => looked,
            () = self.cancel.grace_elapsed(GRACE) => Err(Failure::interrupted("the look at the inputs")),
        };
        match looked {
            Ok(now) => now.changed_labels(&self.inputs),
            // What can't be read now may have changed.
            Err(_) => self.inputs.iter().map(|(label, _)| label.to_owned()).collect(),
        }
    }
}

/// `look`, within a time, and with a panic turned into a failure.
async fn caught<T>(look: impl Future<Output = Result<T, Failure>>, limit: Duration) -> Result<T, Failure> {
    match pause::timeout(limit, AssertUnwindSafe(look).catch_unwind()).await {
        Some(result) => unwound(result),
        None => Err(Failure::failed(format!("the look at the world took more than {}", whole(limit)))),
    }
}

fn unwound<T>(result: std::thread::Result<Result<T, Failure>>) -> Result<T, Failure> {
    result.unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        let failure = Failure::new(FailureKind::Bug, "provision made a mistake here").cause(what);
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
