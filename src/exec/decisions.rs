//! [`Decisions`]: what is to be done with every step, from what is known of it. Writes no journal: whatever needs a
//! record comes back as an [`Effect`].

mod chains;
mod ends;

use std::sync::Arc;
use std::time::Duration;

use super::chain_verdict::ChainVerdict;
use super::child_records::PendingChildren;
use super::completion::{end_without_run, redacted, unmatched_note};
use super::contexts::Contexts;
use super::critical_path::CriticalPath;
use super::effects::{Durable, Effect, End, Start};
use super::last_look::Sightings;
use super::messages::{ActionResult, CheckResult, Message};
use super::prefetch::{Prefetch, Prefetched};
use super::run::Run;
use super::schedule::Schedule;
use super::tasks::{ActionTask, Check, Checker};
use crate::action::{Action, ChildEvent};
use crate::error::{ErrorObject, Failure, FailureKind};
use crate::event::EventKind;
use crate::fingerprint::Freshness;
use crate::journal::Entry;
use crate::model::{Outcome, Output, ProofKind, StepId};
use crate::plan::{Graph, Plan, candidates};
use crate::tools::{Cancel, git};

/// The state of a run's steps.
pub(super) struct Decisions<'a> {
    graph: &'a Graph,
    plan: &'a Plan,
    run: Arc<Run>,
    schedule: Schedule<'a>,
    path: CriticalPath,
    checker: Checker,
    prefetch: Prefetch,
    sightings: Sightings,
    verdicts: Vec<ChainVerdict>,
    children: PendingChildren,
    cancel: Cancel,
    /// How many messages of tasks are awaited.
    n_tasks: usize,
    run_record: RunRecord,
    worst: Option<(FailureKind, Option<Box<ErrorObject>>)>,
    /// The step whose failure that is.
    worst_step: Option<StepId>,
    /// Steps that failed and wait for their fallbacks.
    awaiting_fallback: Vec<ActionResult>,
}

/// Whether the journal knows of the run: not before its first step starts, so that a run with nothing to do writes
/// nothing. A run that fails before that is written at its end.
enum RunRecord {
    Unwritten,
    /// The commit that is checked out is asked for; these steps start once it is known.
    AwaitingCommit(Vec<Start>),
    Written,
}

impl<'a> Decisions<'a> {
    /// Nothing has begun but the speculative checks.
    pub(super) fn new(graph: &'a Graph, plan: &'a Plan, run: Arc<Run>, checker: Checker, cancel: Cancel) -> Self {
        let candidates = candidates(graph, plan, &run.history);
        Self {
            graph,
            plan,
            schedule: Schedule::new(graph, plan, run.jobs, run.keep_going, &run.history),
            path: CriticalPath::new(graph.steps.len()),
            sightings: Sightings::new(graph.steps.len()),
            verdicts: vec![ChainVerdict::Open; graph.chains.len()],
            prefetch: Prefetch::start(candidates, graph, plan, &checker, cancel.child()),
            checker,
            children: PendingChildren::default(),
            cancel,
            n_tasks: 0,
            run_record: RunRecord::Unwritten,
            worst: None,
            worst_step: None,
            awaiting_fallback: Vec::new(),
            run,
        }
    }

    /// Whether no message of a task is awaited.
    pub(super) fn is_idle(&self) -> bool {
        self.n_tasks == 0
    }

    /// Whether the journal knows of the run.
    pub(super) fn is_recorded(&self) -> bool {
        matches!(self.run_record, RunRecord::Written)
    }

    /// The first failure that counts.
    pub(super) fn worst(&self) -> Option<FailureKind> {
        self.worst.as_ref().map(|(kind, _)| *kind)
    }

    /// The same for programs.
    pub(super) fn error(&self) -> Option<Box<ErrorObject>> {
        self.worst.as_ref().and_then(|(_, error)| error.clone())
    }

    /// The step whose failure that is.
    pub(super) fn failed_step(&self) -> Option<&StepId> {
        self.worst_step.as_ref()
    }

    /// A selected step that has not ended.
    pub(super) fn unfinished(&self) -> Option<&StepId> {
        self.schedule.unfinished().next().map(|number| &self.graph.steps[number].step.id)
    }

    /// What makes contexts.
    pub(super) fn contexts(&self) -> &Contexts {
        &self.checker.contexts
    }

    /// The chain of steps that decided how long the run took.
    pub(super) fn critical_path(&self) -> Vec<(StepId, Duration)> {
        let steps = self.path.steps().into_iter();
        steps.map(|(number, time)| (self.graph.steps[number].step.id.clone(), time)).collect()
    }

    /// Returns when a child process is to be recorded.
    pub(super) async fn next_child_due(&self) {
        self.children.next_due().await;
    }

    /// Returns the records of child processes that are due.
    pub(super) fn children_due(&mut self) -> impl Iterator<Item = Effect> {
        self.children.due().into_iter().map(Effect::Record)
    }

    /// Ends the steps whose fallbacks were never started, as when something else stopped the run.
    pub(super) fn give_up_fallbacks(&mut self) -> Vec<Effect> {
        let waiting = std::mem::take(&mut self.awaiting_fallback);
        waiting.into_iter().map(|result| self.finish(result, None, false)).collect()
    }

    /// Begins to check every step whose needs are over, as far as slots are free.
    pub(super) fn begin_ready(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        while !self.cancel.is_cancelled()
            && let Some(number) = self.schedule.next_ready()
        {
            effects.extend(self.begin(number));
        }
        effects
    }

    fn begin(&mut self, number: usize) -> Option<Effect> {
        let step = Arc::clone(&self.graph.steps[number].step);
        if let Some(stage) = self.schedule.stage_begins(number, || self.run.sink.elapsed()) {
            self.run.sink.send(EventKind::StageStarted { stage });
        }
        let applies = self.schedule.applies(number);
        if let Ok(false) = applies {
            let finished = end_without_run(step.id.clone(), Outcome::Skipped, Some("its `when` is false".into()));
            return Some(End::of(number, None, finished, true).into());
        }
        self.schedule.checking(number);
        self.run.sink.send(EventKind::StepChecking { step: step.id.clone() });
        let action = match applies.and_then(|_| step.binding.action(self.schedule.outputs())) {
            Ok(action) => action,
            Err(failure) => return self.fail_unstarted(number, failure),
        };
        self.schedule.keep_action(number, Arc::clone(&action));
        self.path.begin(number, self.run.sink.elapsed());
        match self.prefetch.take(number) {
            Prefetched::Ready(result) if self.is_valid(&result) => self.checked(*result),
            Prefetched::Pending => {
                self.n_tasks += 1;
                None
            }
            Prefetched::Ready(_) | Prefetched::Absent => {
                self.check(number, action);
                None
            }
        }
    }

    /// Whether the result of a speculative check counts: the check succeeded, with the outputs that there are now. A
    /// step that was skipped or failed meanwhile has others than the last time.
    fn is_valid(&self, result: &CheckResult) -> bool {
        result.result.is_ok() && result.outputs == self.schedule.used_outputs(result.number)
    }

    fn check(&mut self, number: usize, action: Arc<dyn Action>) {
        let step = Arc::clone(&self.graph.steps[number].step);
        let (imposed, companions) = (self.imposed(number), self.companions(number));
        let outputs = self.schedule.used_outputs(number);
        self.sightings.begins(number);
        self.n_tasks += 1;
        self.checker.spawn(Check { number, step, action, outputs, imposed, companions }, &self.cancel);
    }

    /// Takes in what a task tells.
    pub(super) fn handle(&mut self, message: Message) -> Vec<Effect> {
        match message {
            Message::Child(step, ChildEvent::Started(pid)) => {
                self.children.started(step, pid);
                Vec::new()
            }
            Message::Child(_, ChildEvent::Ended(pid)) => {
                self.children.ended(pid).map(Effect::Record).into_iter().collect()
            }
            Message::Checked { prefetched: true, result } => self.prefetched(result).into_iter().collect(),
            Message::Checked { prefetched: false, result } => {
                self.n_tasks -= 1;
                self.checked(*result).into_iter().collect()
            }
            Message::Ran(result) => {
                self.n_tasks -= 1;
                if self.sightings.ran(result.number, result.proof, result.duration) {
                    self.prefetch.stop();
                }
                self.ran(*result).into_iter().collect()
            }
            Message::Commit(commit) => {
                self.n_tasks -= 1;
                self.commit_known(commit)
            }
        }
    }

    /// Takes in what a task tells once nothing is decided any more.
    pub(super) fn discard(&mut self, message: Message) {
        self.n_tasks -= usize::from(match message {
            Message::Checked { prefetched: true, result } => self.prefetch.completed(result).is_some(),
            Message::Checked { .. } | Message::Ran(_) | Message::Commit(_) => true,
            Message::Child(..) => false,
        });
    }

    fn prefetched(&mut self, result: Box<CheckResult>) -> Option<Effect> {
        let number = result.number;
        let prefetched = self.prefetch.completed(result)?;
        // Its step has been waiting for it.
        self.n_tasks -= 1;
        if let Prefetched::Ready(result) = prefetched
            && self.is_valid(&result)
        {
            return self.checked(*result);
        }
        let action = self.schedule.action(number)?;
        self.check(number, action);
        None
    }

    fn checked(&mut self, checked: CheckResult) -> Option<Effect> {
        let CheckResult { number, cx, result, took, .. } = checked;
        match result {
            Err(_) if self.cancel.is_cancelled() => Some(self.stop_unstarted(number)),
            Err(failure) => self.fail_unstarted(number, failure),
            Ok(check) => match self.judged(number, check.freshness()) {
                Err(failure) => self.fail_unstarted(number, failure),
                Ok(Freshness::Fresh) => {
                    let note = self.stand_in_note(number).or_else(|| unmatched_note(&check.inputs));
                    Some(self.fresh(number, check.output.unwrap_or_default(), took, note))
                }
                Ok(Freshness::Stale(_)) if self.cancel.is_cancelled() => Some(self.stop_unstarted(number)),
                Ok(Freshness::Stale(_)) if self.lacks_person(number) => self.leave_open(number),
                Ok(Freshness::Stale(reason)) => {
                    let step = self.graph.steps[number].step.id.clone();
                    self.stale(Start { number, step, cx, inputs: check.inputs, reason })
                }
            },
        }
    }

    fn fresh(&self, number: usize, output: Output, duration: Duration, note: Option<String>) -> Effect {
        let step = self.graph.steps[number].step.id.clone();
        End::fresh(number, EventKind::StepFresh { step, output: output.clone(), duration, note }, output).into()
    }

    /// A step has to run. The first one waits for the commit that is checked out, which a run with nothing to do needs
    /// not: git compares every file that it knows.
    fn stale(&mut self, start: Start) -> Option<Effect> {
        // A verification changes nothing.
        if self.schedule.action(start.number).is_none_or(|action| action.proof() != ProofKind::Check) {
            self.prefetch.stop();
        }
        match &mut self.run_record {
            RunRecord::Written => return Some(start.into()),
            RunRecord::AwaitingCommit(waiting) => waiting.push(start),
            RunRecord::Unwritten => {
                self.run_record = RunRecord::AwaitingCommit(vec![start]);
                self.n_tasks += 1;
                let (tools, children) = (Arc::clone(&self.run.tools), Arc::clone(&self.run.children));
                let (cancel, sender) = (self.cancel.clone(), self.checker.sender.clone());
                tokio::spawn(async move {
                    let commit = git::head(tools.root(), &cancel, &children).await;
                    // The loop is gone only when the run is over.
                    let _sent = sender.send(Message::Commit(commit));
                });
            }
        }
        None
    }

    fn commit_known(&mut self, commit: Option<String>) -> Vec<Effect> {
        let RunRecord::AwaitingCommit(waiting) = std::mem::replace(&mut self.run_record, RunRecord::Unwritten) else {
            return Vec::new();
        };
        if self.cancel.is_cancelled() {
            return waiting.into_iter().map(|start| self.stop_unstarted(start.number)).collect();
        }
        let begin = self.begin_run(commit);
        let starts = waiting.into_iter().map(Effect::from);
        std::iter::once(begin).chain(starts).collect()
    }

    fn begin_run(&mut self, commit: Option<String>) -> Effect {
        self.run_record = RunRecord::Written;
        let (run, command) = (self.run.id.clone(), self.run.command.clone());
        let covering = self.graph.steps.iter().filter(|node| !node.step.items.is_empty());
        let items = covering.map(|node| (node.step.id.clone(), node.step.items.clone())).collect();
        Effect::Record(Entry::RunStarted { run, command, commit, items })
    }

    /// Returns what has to be recorded of a run that fails before its first step has started, as where no step can be
    /// checked: its steps keep their earlier records, so that nothing else would show it.
    pub(super) fn begin_failed(&mut self) -> Option<Effect> {
        matches!(self.run_record, RunRecord::Unwritten).then(|| self.begin_run(None))
    }

    /// Stopping was asked before the step started.
    fn stop_unstarted(&self, number: usize) -> Effect {
        let step = self.graph.steps[number].step.id.clone();
        End::of(number, None, end_without_run(step, Outcome::Interrupted, None), true).into()
    }

    /// A step whose check failed: nothing was touched, so its earlier record stands, unless its fallback has to run.
    fn fail_unstarted(&mut self, number: usize, failure: Failure) -> Option<Effect> {
        let step = &self.graph.steps[number].step;
        if self.schedule.fallback(number).is_some() {
            let cx = Box::new(self.checker.contexts.of(&step.id, &self.cancel));
            let inputs = step.static_inputs.clone();
            let (result, changed, attempts) = (Err(failure), Vec::new(), Vec::new());
            let (proof, duration) = (ProofKind::Ran, Duration::ZERO);
            return self.ran(ActionResult { number, cx, inputs, changed, result, attempts, proof, duration });
        }
        let mut finished = end_without_run(step.id.clone(), Outcome::Failed, None);
        finished.failure = Some(redacted(failure, self.run.tools.redactor()));
        Some(End::of(number, None, finished, true).into())
    }

    /// Begins a step's action.
    pub(super) fn start(&mut self, start: Durable<Start>) {
        let Start { number, step, cx, inputs, reason } = start.into_inner();
        self.run.sink.send(EventKind::StepStarted { step, reason });
        let step = Arc::clone(&self.graph.steps[number].step);
        let Some(action) = self.schedule.starting(number) else {
            return;
        };
        let outputs = self.schedule.used_outputs(number);
        let (sink, cancel) = (self.run.sink.clone(), self.cancel.clone());
        self.sightings.begins(number);
        self.n_tasks += 1;
        ActionTask { number, step, action, outputs, inputs, sink, cancel, cx }.spawn(self.checker.sender.clone());
    }
}
