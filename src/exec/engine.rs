//! The loop: ready steps, completions, signals.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::ahead::{Ahead, Seen, Turn};
use super::contexts::Contexts;
use super::ending::plain_end;
use super::path::CriticalPath;
use super::schedule::{Schedule, Verdict};
use super::step::{self, Ran};
use super::young::YoungChildren;
use super::{Message, Run, RunEnd, StopSignal};
use crate::action::{Action, ChildEvent, StepContext};
use crate::error::{Failure, FailureKind};
use crate::event::{EventKind, RunFinished, StepFinished};
use crate::fingerprint::{Freshness, Inputs, StaleReason};
use crate::journal::{Entry, Journal, stop_strays_of};
use crate::model::{Outcome, StepId};
use crate::plan::{Checked, Graph, Plan, compare, nothing_to_look_at};
use crate::tools::process::had_children;
use crate::tools::{Cancel, git};

/// A run while it goes on.
pub(super) struct Engine<'a> {
    pub(super) graph: &'a Graph,
    pub(super) plan: &'a Plan,
    pub(super) journal: &'a mut Journal,
    pub(super) schedule: Schedule<'a>,
    pub(super) path: CriticalPath,
    pub(super) run: Run,
    pub(super) contexts: Contexts,
    pub(super) cancel: Cancel,
    pub(super) sender: UnboundedSender<Message>,
    pub(super) inbox: UnboundedReceiver<Message>,
    pub(super) signals: UnboundedReceiver<StopSignal>,
    /// How many steps are checked or run at the moment.
    pub(super) n_active: usize,
    pub(super) entries: Vec<Entry>,
    pub(super) after: Vec<After>,
    /// Whether the journal knows of this run: not before its first step starts, so that a run with nothing to do
    /// writes nothing.
    pub(super) started: bool,
    pub(super) stopped_by: Option<StopSignal>,
    pub(super) worst: Option<FailureKind>,
    pub(super) young: YoungChildren,
    pub(super) ahead: Ahead,
    /// Steps that failed and wait for their fallbacks.
    pub(super) stand_ins: Vec<Ran>,
}

/// What is done once the entries of a batch are durable.
pub(super) enum After {
    Start {
        number: usize,
        cx: Box<StepContext>,
        inputs: Inputs,
        reason: StaleReason,
    },
    /// `held`: whether the step still has its place.
    Finish {
        number: usize,
        finished: Box<StepFinished>,
        held: bool,
    },
}

impl Engine<'_> {
    pub(super) async fn execute(mut self) -> Result<RunEnd, Failure> {
        let end = self.run_to_end().await;
        if end.is_err() {
            self.abandon().await;
        }
        end
    }

    async fn run_to_end(&mut self) -> Result<RunEnd, Failure> {
        let mut batch = Vec::new();
        self.look_ahead();
        loop {
            self.start_ready();
            if !(self.entries.is_empty() && self.after.is_empty()) {
                self.commit()?;
                continue;
            }
            if self.n_active == 0 {
                if self.stand_ins.is_empty() {
                    break;
                }
                // Their fallbacks were never started: something else stopped the run.
                for waiting in std::mem::take(&mut self.stand_ins) {
                    self.finish(waiting, None, false);
                }
                continue;
            }
            tokio::select! {
                _ = self.inbox.recv_many(&mut batch, 4096) => {}
                Some(signal) = self.signals.recv() => self.stop(signal),
                () = self.young.next_of_age() => self.entries.extend(self.young.of_age()),
            }
            for message in batch.drain(..) {
                self.handle(message);
            }
        }
        self.end().await
    }

    /// Begins to check every step whose needs are done, as far as places are free.
    fn start_ready(&mut self) {
        if self.cancel.is_cancelled() {
            return;
        }
        while let Some(number) = self.schedule.next_ready() {
            let step = Arc::clone(&self.graph.steps[number].step);
            if let Some(stage) = self.schedule.stage_begins(number, self.run.sink.elapsed()) {
                self.run.sink.send(EventKind::StageStarted { stage });
            }
            let applies = self.schedule.applies(number);
            if let Ok(false) = applies {
                let finished = plain_end(step.id.clone(), Outcome::Skipped, Some("its `when` does not hold".into()));
                self.announce(number, finished, Verdict::Passed, true);
                continue;
            }
            self.schedule.checking(number);
            let action = applies.and_then(|_| step.binding.action(self.schedule.outputs()));
            // What is decided at once is told of once.
            if !action.as_ref().is_ok_and(|action| nothing_to_look_at(&step, action)) {
                self.run.sink.send(EventKind::StepChecking { step: step.id.clone() });
            }
            let action = match action {
                Ok(action) => action,
                Err(failure) => {
                    self.fail_unstarted(number, failure);
                    continue;
                }
            };
            self.schedule.keep_action(number, Arc::clone(&action));
            self.path.begin(number, self.run.sink.elapsed());
            self.n_active += 1;
            match self.ahead.turn(number) {
                Turn::Seen(seen) if self.still_counts(number, &seen) => self.checked(number, *seen),
                Turn::Wait => {}
                Turn::Seen(_) | Turn::Look => self.look(number, action),
            }
        }
    }

    fn look(&mut self, number: usize, action: Arc<dyn Action>) {
        let step = &self.graph.steps[number].step;
        if nothing_to_look_at(step, &action) {
            let outputs = self.schedule.used_outputs(number);
            let known = self.run.history.step(&step.id);
            let checked = compare(step, &action, &outputs, known, self.plan.forced[number]);
            return self.decided(number, checked, None, Duration::ZERO);
        }
        let check = step::CheckTask {
            number,
            step: Arc::clone(step),
            action,
            outputs: self.schedule.used_outputs(number),
            forced: self.plan.forced[number],
            ahead: false,
            history: Arc::clone(&self.run.history),
            cx: Box::new(self.context(&step.id, &self.cancel)),
        };
        check.spawn(self.sender.clone());
    }

    pub(super) fn context(&self, step: &StepId, cancel: &Cancel) -> StepContext {
        self.contexts.of(step, cancel)
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Child(step, ChildEvent::Started(pid)) => self.young.started(step, pid),
            Message::Child(_, ChildEvent::Ended(pid)) => self.entries.extend(self.young.ended(pid)),
            Message::Checked { number, ahead: false, seen } => self.checked(number, *seen),
            Message::Checked { number, ahead: true, seen } => match self.ahead.back(number, seen) {
                Some(Turn::Seen(seen)) if self.still_counts(number, &seen) => self.checked(number, *seen),
                Some(Turn::Seen(_) | Turn::Look) => {
                    if let Some(action) = self.schedule.action(number) {
                        self.look(number, action);
                    }
                }
                Some(Turn::Wait) | None => {}
            },
            Message::Ran(ran) => {
                self.n_active -= 1;
                self.ran(*ran);
            }
        }
    }

    fn checked(&mut self, number: usize, seen: Seen) {
        match seen.result {
            Ok(checked) => self.decided(number, checked, Some(seen.cx), seen.took),
            Err(_) if self.cancel.is_cancelled() => self.stop_unstarted(number),
            Err(failure) => {
                self.n_active -= 1;
                self.fail_unstarted(number, failure);
            }
        }
    }

    fn decided(&mut self, number: usize, checked: Checked, cx: Option<Box<StepContext>>, took: Duration) {
        let step = self.graph.steps[number].step.id.clone();
        match checked.freshness() {
            Freshness::Fresh => {
                self.n_active -= 1;
                let output = checked.output.unwrap_or_default();
                self.path.end(number, self.run.sink.elapsed());
                self.run.sink.send(EventKind::StepFresh { step, output: output.clone(), duration: took });
                self.release(number, Outcome::Fresh, Verdict::Passed, output, true);
            }
            Freshness::Stale(_) if self.cancel.is_cancelled() => self.stop_unstarted(number),
            Freshness::Stale(reason) => {
                let inputs = checked.inputs;
                self.ahead.end();
                if !std::mem::replace(&mut self.started, true) {
                    self.entries.push(Entry::RunStarted {
                        run: self.run.id.clone(),
                        command: self.run.command.clone(),
                        // Only now: git looks at every file that it knows, and a run with nothing to do needs no commit.
                        commit: git::head(self.run.tools.root()),
                    });
                }
                let cx = cx.unwrap_or_else(|| Box::new(self.context(&step, &self.cancel)));
                self.entries.push(Entry::StepStarted { run: self.run.id.clone(), step, inputs: inputs.clone() });
                self.after.push(After::Start { number, cx, inputs, reason });
            }
        }
    }

    /// Stopping was asked while the step was looked at.
    fn stop_unstarted(&mut self, number: usize) {
        self.n_active -= 1;
        let step = self.graph.steps[number].step.id.clone();
        self.announce(number, plain_end(step, Outcome::Interrupted, None), Verdict::Stopped, true);
    }

    /// A step's run is over: well, or badly; then its fallback may still save it.
    pub(super) fn ran(&mut self, ran: Ran) {
        let number = ran.number;
        let reserve = self.schedule.fallback(number);
        if let (Err(_), Some(reserve), false) = (&ran.result, reserve, self.cancel.is_cancelled()) {
            self.schedule.give_place(number);
            self.schedule.call_in(reserve);
            self.stand_ins.push(ran);
            return;
        }
        self.finish(ran, None, true);
    }

    /// Makes what is known durable, then acts on it.
    fn commit(&mut self) -> Result<(), Failure> {
        // The end of a fallback is the end of the step that it stands in for: that makes new entries.
        while !(self.entries.is_empty() && self.after.is_empty()) {
            if !self.entries.is_empty() {
                // On the loop's own thread: nothing may go on before it is durable, and what comes meanwhile shares the
                // next sync.
                self.journal.append(&self.entries).map_err(|failure| lost(failure, &self.entries))?;
                self.entries.clear();
            }
            for after in std::mem::take(&mut self.after) {
                match after {
                    After::Start { number, cx, inputs, reason } => self.start(number, cx, inputs, reason),
                    After::Finish { number, finished, held } => {
                        let verdict = match finished.outcome {
                            Outcome::Failed => Verdict::Failed,
                            Outcome::Interrupted => Verdict::Stopped,
                            _ => Verdict::Passed,
                        };
                        self.announce(number, *finished, verdict, held);
                    }
                }
            }
        }
        Ok(())
    }

    fn start(&mut self, number: usize, cx: Box<StepContext>, inputs: Inputs, reason: StaleReason) {
        let step = Arc::clone(&self.graph.steps[number].step);
        self.run.sink.send(EventKind::StepStarted { step: step.id.clone(), reason });
        let Some(action) = self.schedule.starting(number) else {
            return;
        };
        let task = step::RunTask {
            number,
            step,
            action,
            outputs: self.schedule.used_outputs(number),
            inputs,
            sink: self.run.sink.clone(),
            cancel: self.cancel.clone(),
            cx,
        };
        task.spawn(self.sender.clone());
    }

    fn stop(&mut self, signal: StopSignal) {
        let kill = self.stopped_by.is_some() || signal == StopSignal::Quit;
        if kill {
            self.cancel.kill();
        } else {
            self.cancel.wind_down();
        }
        self.stopped_by.get_or_insert(signal);
        self.run.sink.send(EventKind::RunInterrupted { signal: signal.name(), kill });
    }

    /// The run can't go on, as when the journal can't be written: what runs is stopped, and nothing more is claimed.
    async fn abandon(&mut self) {
        self.cancel.wind_down();
        let n_lost = self.after.iter().filter(|after| matches!(after, After::Start { .. })).count();
        self.after.clear();
        self.n_active -= n_lost.min(self.n_active);
        while self.n_active > 0 {
            match self.inbox.recv().await {
                Some(Message::Checked { number, ahead: true, seen }) => {
                    if self.ahead.back(number, seen).is_some() {
                        self.n_active -= 1;
                    }
                }
                Some(Message::Checked { .. } | Message::Ran(_)) => self.n_active -= 1,
                Some(Message::Child(..)) => {}
                None => break,
            }
        }
        let warnings = self.stop_strays().await;
        self.run.sink.send(EventKind::RunFinished(RunFinished {
            outcome: Outcome::Failed,
            duration: self.run.sink.elapsed(),
            critical_path: Vec::new(),
            warnings,
        }));
    }

    /// What has left its step's process group, its session and its parent goes with the run; without its time to wind down,
    /// when somebody asks to stop meanwhile.
    async fn stop_strays(&mut self) -> Vec<String> {
        if !had_children() {
            return Vec::new();
        }
        let (run, cancel) = (self.run.id.clone(), self.cancel.clone());
        let mut stopping = tokio::task::spawn_blocking(move || stop_strays_of(&run, &cancel));
        let strays = loop {
            tokio::select! {
                strays = &mut stopping => break strays.unwrap_or_default(),
                Some(_) = self.signals.recv() => self.cancel.kill(),
            }
        };
        strays.into_iter().map(|stray| format!("{stray} that a step had left behind")).collect()
    }

    async fn end(&mut self) -> Result<RunEnd, Failure> {
        let (outcome, kind) = match (self.stopped_by, self.worst) {
            (Some(signal), _) => (Outcome::Interrupted, Some(signal.kind())),
            (None, Some(kind)) => (Outcome::Failed, Some(kind)),
            (None, None) => match self.schedule.unfinished().next() {
                None => (Outcome::Succeeded, None),
                // Never to be seen: a run must not end well over a step that it has forgotten.
                Some(number) => {
                    let step = &self.graph.steps[number].step.id;
                    return Err(Failure::bug(format!("step {step} was selected and never began")));
                }
            },
        };
        let warnings = self.stop_strays().await;
        self.run.tools.save_digests();
        if self.started {
            self.entries.push(Entry::RunFinished { run: self.run.id.clone(), outcome });
        }
        self.commit()?;
        // Also a run that has recorded nothing calls steps fresh by what is on record.
        self.journal.check_in_place()?;
        self.journal.compact();
        let critical_path =
            self.path.steps().into_iter().map(|(number, time)| (self.graph.steps[number].step.id.clone(), time));
        self.run.sink.send(EventKind::RunFinished(RunFinished {
            outcome,
            duration: self.run.sink.elapsed(),
            critical_path: critical_path.collect(),
            warnings,
        }));
        Ok(RunEnd { outcome, kind })
    }
}

/// The journal's failure with what it could not take: nobody was told of it, and the next run looks at it again.
fn lost(mut failure: Failure, entries: &[Entry]) -> Failure {
    for entry in entries {
        if let Entry::StepFinished { step, end } = entry {
            failure.details.push(format!("not recorded: {step} {}", end.outcome.word()));
        }
    }
    failure
}
