//! The loop: what tasks tell, signals, and what is decided from that.
//!
//! What is decided comes back as [`Effect`]s, and [`EventLoop::carry_out`] alone carries them out: it makes their
//! records durable with one write and one sync, and only then starts actions, announces ends and releases dependents
//! (I1, I2). A run succeeds in [`EventLoop::end`] alone, which demands that every selected step has ended (I10).

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::contexts::Contexts;
use super::decisions::Decisions;
use super::effects::{Effect, Recorded, make_durable};
use super::last_look::look_again;
use super::messages::Message;
use super::orphans::stop_orphans_of;
use super::run::{Run, RunEnd, StopSignal};
use super::tasks::Checker;
use crate::error::{ErrorObject, Failure, FailureKind};
use crate::event::{EventKind, Problem, RunFinished};
use crate::journal::{Entry, Journal};
use crate::model::{Outcome, StepId};
use crate::plan::{Graph, Plan};
use crate::tools::Cancel;

/// A run while it goes on.
pub(super) struct EventLoop<'a> {
    run: Arc<Run>,
    journal: &'a mut Journal,
    decisions: Decisions<'a>,
    cancel: Cancel,
    inbox: UnboundedReceiver<Message>,
    signals: UnboundedReceiver<StopSignal>,
    stopped_by: Option<StopSignal>,
}

impl<'a> EventLoop<'a> {
    /// Begins `run`; has to be called within a runtime.
    pub(super) fn new(
        graph: &'a Graph,
        plan: &'a Plan,
        journal: &'a mut Journal,
        run: Run,
        signals: UnboundedReceiver<StopSignal>,
    ) -> Self {
        let (sender, inbox) = unbounded_channel();
        let (run, cancel) = (Arc::new(run), Cancel::new());
        let contexts = Contexts::new(&run, sender.clone());
        let checker = Checker { contexts, history: Arc::clone(&run.history), sender };
        let decisions = Decisions::new(graph, plan, Arc::clone(&run), checker, cancel.clone());
        Self { run, journal, decisions, cancel, inbox, signals, stopped_by: None }
    }

    /// Runs every step to its end.
    pub(super) async fn execute(mut self) -> Result<RunEnd, Failure> {
        let end = match self.run_steps().await {
            Ok(()) => self.end().await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = &end {
            self.abandon(failure).await;
        }
        end
    }

    async fn run_steps(&mut self) -> Result<(), Failure> {
        let mut batch = Vec::new();
        loop {
            let mut effects = self.decisions.begin_ready();
            if effects.is_empty() && self.decisions.is_idle() {
                effects = self.decisions.give_up_fallbacks();
                if effects.is_empty() {
                    return Ok(());
                }
            }
            if effects.is_empty() {
                tokio::select! {
                    _ = self.inbox.recv_many(&mut batch, 4096) => {}
                    Some(signal) = self.signals.recv() => self.stop(signal),
                    () = self.decisions.next_child_due() => effects.extend(self.decisions.children_due()),
                }
                for message in batch.drain(..) {
                    effects.extend(self.decisions.handle(message));
                }
            }
            self.carry_out(effects)?;
        }
    }

    /// Carries out what was decided, records first. Nothing else writes the journal during a run. That happens on the
    /// loop's own thread: nothing may go on before it is durable, and what comes meanwhile shares the next sync.
    fn carry_out(&mut self, mut effects: Vec<Effect>) -> Result<(), Failure> {
        // An end can bring another one, and that may need a record too.
        while !effects.is_empty() {
            let recorded = make_durable(self.journal, &self.run.id, std::mem::take(&mut effects))?;
            for recorded in recorded {
                match recorded {
                    Recorded::Start(start) => self.decisions.start(start),
                    Recorded::End(end) => effects.extend(self.decisions.announce(end)),
                }
            }
        }
        Ok(())
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
    async fn abandon(&mut self, why: &Failure) {
        self.cancel.wind_down();
        while !self.decisions.is_idle() {
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(message) => self.decisions.discard(message),
                    None => break,
                },
                Some(_) = self.signals.recv() => self.cancel.kill(),
            }
        }
        let warnings = self.stop_orphans().await;
        let error = Some(Box::new(why.object(None)));
        self.tell_end(RunFinished { warnings, error, ..self.finished(Outcome::Failed) });
    }

    /// Looks once more at what is called proven and may have been undone since. Returns what is wrong, and what is
    /// worth a warning, where the run's success does not depend on it.
    async fn last_look(&mut self) -> Result<(Vec<Problem>, Vec<String>), Failure> {
        let proven = self.decisions.proven_in_doubt();
        let mut gone = Vec::new();
        if !proven.is_empty() {
            let looking = look_again(proven, self.decisions.contexts().clone(), self.cancel.child());
            tokio::pin!(looking);
            loop {
                let mut effects = Vec::new();
                tokio::select! {
                    found = &mut looking => {
                        gone = found;
                        break;
                    }
                    Some(signal) = self.signals.recv() => self.stop(signal),
                    Some(message) = self.inbox.recv() => effects = self.decisions.handle(message),
                    () = self.decisions.next_child_due() => effects.extend(self.decisions.children_due()),
                }
                self.carry_out(effects)?;
            }
        }
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        if self.stopped_by.is_some() {
            // What was not seen to its end says nothing.
            return Ok((problems, warnings));
        }
        for (step, what, is_optional) in self.decisions.named(gone) {
            let text = format!(
                "{step} no longer holds at the end of the run: {what} (if a later step undoes it on purpose, mark it \
                 with `exercise = true`)"
            );
            if is_optional {
                warnings.push(text);
            } else {
                problems.push(Problem { step: Some(step), text });
            }
        }
        Ok((problems, warnings))
    }

    /// What has left its step's process group, its session and its parent goes with the run; without its time to wind
    /// down when there is another signal meanwhile.
    async fn stop_orphans(&mut self) -> Vec<String> {
        if !self.run.children.had_any() {
            return Vec::new();
        }
        let (run, cancel) = (Arc::clone(&self.run), self.cancel.clone());
        let mut stopping = tokio::task::spawn_blocking(move || stop_orphans_of(&run.id, &run.children, &cancel));
        let orphans = loop {
            tokio::select! {
                orphans = &mut stopping => break orphans.unwrap_or_default(),
                Some(_) = self.signals.recv() => self.cancel.kill(),
            }
        };
        orphans.into_iter().map(|orphan| format!("{orphan} that a step had left behind")).collect()
    }

    async fn end(&mut self) -> Result<RunEnd, Failure> {
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        if self.stopped_by.is_none() && self.decisions.worst().is_none() {
            (problems, warnings) = self.last_look().await?;
            if self.decisions.has_proven_nothing() {
                let text = "nothing was proven: every step that was tried has failed, and all of them are optional";
                problems.push(Problem { step: None, text: text.to_owned() });
            }
        }
        let (outcome, kind) = match (self.stopped_by, self.decisions.worst()) {
            (Some(signal), _) => (Outcome::Interrupted, Some(signal.kind())),
            (None, Some(kind)) => (Outcome::Failed, Some(kind)),
            (None, None) => match self.decisions.unfinished() {
                None if !problems.is_empty() => (Outcome::Failed, Some(FailureKind::Failed)),
                None => (Outcome::Succeeded, None),
                // Never to be seen: a run must not succeed with a step that it has forgotten.
                Some(step) => return Err(Failure::bug(format!("step {step} was selected and never began"))),
            },
        };
        warnings.extend(self.stop_orphans().await);
        self.run.tools.save_digests();
        let mut records = Vec::new();
        if outcome == Outcome::Failed {
            records.extend(self.decisions.begin_failed());
        }
        let error = self.error(&problems);
        if self.decisions.is_recorded() {
            let why = error.clone().filter(|_| outcome == Outcome::Failed);
            let step = self.decisions.failed_step().or_else(|| problems.first()?.step.as_ref()).cloned();
            // The lines of evidence are with the step, if it has begun.
            let error = why.map(|why| (step, Box::new(ErrorObject { details: Vec::new(), ..*why })));
            records.push(Effect::Record(Entry::RunFinished { run: self.run.id.clone(), outcome, error }));
        }
        self.carry_out(records)?;
        // Also a run that has recorded nothing calls steps fresh by what is on record.
        self.journal.check_in_place()?;
        self.journal.compact();
        let critical_path = self.decisions.critical_path();
        self.tell_end(RunFinished { critical_path, warnings, problems, error, ..self.finished(outcome) });
        Ok(RunEnd { outcome, kind })
    }

    /// Returns why the run does not succeed, for programs: the signal that stopped it, the first failure that counts,
    /// or the first of `problems`.
    fn error(&self, problems: &[Problem]) -> Option<Box<ErrorObject>> {
        if let Some(signal) = self.stopped_by {
            let message = format!("the run was stopped by {}", signal.name());
            return Some(Box::new(Failure::new(signal.kind(), message).object(None)));
        }
        let of_problem = |problem: &Problem| {
            Box::new(Failure::failed(problem.text.clone()).object(problem.step.as_ref().map(StepId::as_str)))
        };
        self.decisions.error().or_else(|| problems.first().map(of_problem))
    }

    fn finished(&self, outcome: Outcome) -> RunFinished {
        let duration = self.run.sink.elapsed();
        let (critical_path, warnings, problems) = (Vec::new(), Vec::new(), Vec::new());
        RunFinished { outcome, duration, critical_path, warnings, problems, error: None }
    }

    fn tell_end(&self, finished: RunFinished) {
        self.run.sink.send(EventKind::RunFinished(finished));
    }
}
