//! Which step may begin next. Pure bookkeeping: no time, no I/O.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::action::Action;
use crate::error::Failure;
use crate::journal::History;
use crate::model::{Change, Outcome, Output, StageId, StepState};
use crate::pipeline::Outputs;
use crate::plan::{Graph, Plan};

/// What an end means for what waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Propagation {
    /// Dependents may go on.
    Passed,
    /// Dependents are blocked; others stop too, unless told to keep going.
    Failed,
    /// Dependents are blocked, and others go on: it waits for a person.
    Open,
    /// A signal ended it; nothing new starts.
    Stopped,
}

/// What an end has released.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Released {
    /// Steps that may begin now.
    pub(super) ready: Vec<usize>,
    /// Steps that can't begin any more, with the one that each waited for.
    pub(super) blocked: Vec<(usize, usize)>,
    /// Fallbacks that are not needed any more.
    pub(super) not_needed: Vec<usize>,
    /// Stages that are over, with the worst outcome in them.
    pub(super) stages: Vec<(usize, Outcome)>,
}

/// The state of every selected step.
pub(super) struct Schedule<'a> {
    graph: &'a Graph,
    steps: Vec<StepRow>,
    stages: Vec<StageRow>,
    /// Steps whose needs are over, in the order in which they became ready.
    ready: VecDeque<usize>,
    n_running: usize,
    jobs: usize,
    keep_going: bool,
    halted: Option<Propagation>,
    outputs: Outputs,
}

struct StepRow {
    selected: bool,
    state: StepState,
    /// Whether it has become ready already.
    queued: bool,
    /// Whether it is there only in case another step fails, and that has not happened.
    standby: bool,
    /// Needs of its own that have not ended.
    n_needs: usize,
    action: Option<Arc<dyn Action>>,
}

struct StageRow {
    /// Stages that it needs and that are not over; one in which nothing is selected stands for those that it needs.
    n_needs: usize,
    dependents: Vec<usize>,
    /// Its selected steps that have not ended.
    n_left: usize,
    n_running: usize,
    /// Ready steps that wait for a free slot.
    parked: VecDeque<usize>,
    began: Option<Duration>,
    worst: Outcome,
    failed: bool,
}

impl<'a> Schedule<'a> {
    pub(super) fn new(graph: &'a Graph, plan: &Plan, jobs: usize, keep_going: bool, history: &History) -> Self {
        let steps: Vec<StepRow> = graph
            .steps
            .iter()
            .enumerate()
            .map(|(number, node)| StepRow {
                selected: plan.selected[number],
                state: StepState::Waiting,
                queued: false,
                standby: plan.standby[number],
                n_needs: node.needs.iter().filter(|need| plan.selected[**need]).count(),
                action: None,
            })
            .collect();
        let n_left: Vec<usize> =
            graph.stages.iter().map(|stage| stage.steps.clone().filter(|step| plan.selected[*step]).count()).collect();
        let mut stages: Vec<StageRow> = n_left
            .iter()
            .map(|n_left| StageRow {
                n_needs: 0,
                dependents: Vec::new(),
                n_left: *n_left,
                n_running: 0,
                parked: VecDeque::new(),
                began: None,
                worst: Outcome::Fresh,
                failed: false,
            })
            .collect();
        for number in 0..stages.len() {
            for need in graph.stages_before(number, |stage| n_left[stage] > 0) {
                stages[number].n_needs += 1;
                stages[need].dependents.push(number);
            }
        }
        // A step that is not selected has the outputs of its last success, or of its fallback.
        let mut outputs: Outputs = graph
            .steps
            .iter()
            .zip(&plan.selected)
            .filter(|(_, selected)| !**selected)
            .filter_map(|(node, _)| Some((node.step.id.clone(), history.output_for_others(&node.step.id)?.clone())))
            .collect();
        outputs.reserve(graph.steps.len() - outputs.len());
        let mut schedule = Self {
            graph,
            steps,
            stages,
            ready: VecDeque::new(),
            n_running: 0,
            jobs: jobs.max(1),
            keep_going,
            halted: None,
            outputs,
        };
        let mut first = Vec::new();
        for number in 0..graph.steps.len() {
            schedule.queue(number, &mut first);
        }
        schedule.ready.extend(first);
        schedule
    }

    /// Makes a step ready, once, if nothing holds it back.
    fn queue(&mut self, number: usize, ready: &mut Vec<usize>) {
        if !self.steps[number].queued && self.may_begin(number) {
            self.steps[number].queued = true;
            ready.push(number);
        }
    }

    /// A selected step whose needs are over, and which is not there for a failure only.
    fn may_begin(&self, number: usize) -> bool {
        let (row, node) = (&self.steps[number], &self.graph.steps[number]);
        row.selected
            && row.state == StepState::Waiting
            && row.n_needs == 0
            && !row.standby
            && self.stages[node.stage].n_needs == 0
    }

    /// Returns the next step to check, if there is one and a slot is free for it.
    pub(super) fn next_ready(&mut self) -> Option<usize> {
        while self.n_running < self.jobs {
            let number = self.pop_ready()?;
            let stage = self.graph.steps[number].stage;
            if self.stages[stage].n_running >= self.graph.stages[stage].jobs {
                self.stages[stage].parked.push_back(number);
                continue;
            }
            self.n_running += 1;
            self.stages[stage].n_running += 1;
            return Some(number);
        }
        None
    }

    /// Takes the first ready step that may still begin: after a failure, only what looks for prerequisites.
    fn pop_ready(&mut self) -> Option<usize> {
        let is_prerequisite = |number: &usize| self.graph.steps[*number].step.action_type.prerequisite;
        match self.halted {
            None => self.ready.pop_front(),
            Some(Propagation::Stopped) => None,
            Some(_) => self.ready.remove(self.ready.iter().position(is_prerequisite)?),
        }
    }

    /// The stage of `number`, if this is the first of its steps to begin.
    pub(super) fn stage_begins(&mut self, number: usize, now: impl FnOnce() -> Duration) -> Option<StageId> {
        let stage = self.graph.steps[number].stage;
        if self.stages[stage].began.is_some() {
            return None;
        }
        self.stages[stage].began = Some(now());
        Some(self.graph.stages[stage].id.clone())
    }

    /// How long a stage has taken.
    pub(super) fn stage_time(&self, stage: usize, now: Duration) -> Duration {
        self.stages[stage].began.map(|began| now.saturating_sub(began)).unwrap_or_default()
    }

    /// Whether the step's `when` holds.
    pub(super) fn applies(&self, number: usize) -> Result<bool, Failure> {
        match &self.graph.steps[number].step.when {
            None => Ok(true),
            Some(condition) => (condition.decide)(&self.outputs),
        }
    }

    /// The outputs of the steps that are over.
    pub(super) fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// Of that, what the settings of `number` use.
    pub(super) fn used_outputs(&self, number: usize) -> Outputs {
        let uses = self.graph.steps[number].step.binding.uses();
        uses.iter().filter_map(|(id, _)| Some((id.clone(), self.outputs.get(id)?.clone()))).collect()
    }

    /// The check of a step begins.
    pub(super) fn checking(&mut self, number: usize) {
        self.advance(number, Change::Check);
    }

    /// Keeps a step's action until it starts.
    pub(super) fn keep_action(&mut self, number: usize, action: Arc<dyn Action>) {
        self.steps[number].action = Some(action);
    }

    /// The action of a step that has not started.
    pub(super) fn action(&self, number: usize) -> Option<Arc<dyn Action>> {
        self.steps[number].action.clone()
    }

    /// The step's action begins.
    pub(super) fn starting(&mut self, number: usize) -> Option<Arc<dyn Action>> {
        self.advance(number, Change::Start);
        self.steps[number].action.take()
    }

    /// The fallback that a step can still have.
    pub(super) fn fallback(&self, number: usize) -> Option<usize> {
        self.graph.steps[number].fallback.filter(|fallback| self.steps[*fallback].standby)
    }

    /// A fallback is wanted: from now on it is a step like others, and begins when its needs are over.
    pub(super) fn activate_fallback(&mut self, fallback: usize) {
        self.steps[fallback].standby = false;
        let mut ready = Vec::new();
        self.queue(fallback, &mut ready);
        self.ready.extend(ready);
    }

    /// The selected steps that have not ended.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = usize> {
        let unfinished = |row: &StepRow| row.selected && !matches!(row.state, StepState::Finished(_));
        self.steps.iter().enumerate().filter(move |(_, row)| unfinished(row)).map(|(number, _)| number)
    }

    /// The steps that ended with one of `outcomes`.
    pub(super) fn ended_with(&self, outcomes: &[Outcome]) -> impl Iterator<Item = usize> {
        let is_one = |row: &StepRow| matches!(row.state, StepState::Finished(outcome) if outcomes.contains(&outcome));
        self.steps.iter().enumerate().filter(move |(_, row)| is_one(row)).map(|(number, _)| number)
    }

    /// A step that waits for its fallback, or has ended, releases its slot.
    pub(super) fn release_slot(&mut self, number: usize) {
        let stage = self.graph.steps[number].stage;
        self.n_running = self.n_running.saturating_sub(1);
        self.stages[stage].n_running = self.stages[stage].n_running.saturating_sub(1);
        if let Some(parked) = self.stages[stage].parked.pop_front() {
            self.ready.push_front(parked);
        }
    }

    fn advance(&mut self, number: usize, change: Change) {
        let row = &mut self.steps[number];
        debug_assert!(row.state.advance(change).is_some(), "{:?} {change:?}", row.state);
        row.state = row.state.advance(change).unwrap_or(row.state);
    }

    /// Takes a step's end in. `holds_slot` says whether it still holds its slot.
    pub(super) fn ended(
        &mut self,
        number: usize,
        outcome: Outcome,
        propagation: Propagation,
        output: Output,
        holds_slot: bool,
    ) -> Released {
        if holds_slot {
            self.release_slot(number);
        }
        let mut released = Released::default();
        self.advance(number, Change::Finish(outcome));
        if propagation == Propagation::Passed {
            self.outputs.insert(self.graph.steps[number].step.id.clone(), output);
        }
        let optional = self.graph.is_optional(number);
        match propagation {
            Propagation::Failed if !optional && !self.keep_going => {
                self.halted.get_or_insert(propagation);
                // Among those that wait for a slot of their stage, too, some may still begin.
                self.ready.extend(self.stages.iter_mut().flat_map(|stage| stage.parked.drain(..)));
            }
            Propagation::Stopped => self.halted = Some(propagation),
            Propagation::Passed | Propagation::Failed | Propagation::Open => {}
        }
        let goes_on = match propagation {
            Propagation::Passed => true,
            Propagation::Failed | Propagation::Open => optional,
            Propagation::Stopped => false,
        };
        let mut needless = number;
        // A fallback may have one of its own.
        while let Some(fallback) = self.fallback(needless)
            && self.steps[fallback].state == StepState::Waiting
        {
            self.finish_unstarted(fallback, Outcome::Skipped, &mut released);
            released.not_needed.push(fallback);
            needless = fallback;
        }
        if goes_on {
            self.release_dependents(number, &mut released);
        } else {
            self.block(number, &mut released);
        }
        self.stage_row_ended(number, outcome, goes_on, &mut released);
        self.ready.extend(&released.ready);
        released
    }

    /// Ends a step that never began.
    fn finish_unstarted(&mut self, number: usize, outcome: Outcome, released: &mut Released) {
        self.advance(number, Change::Finish(outcome));
        if outcome != Outcome::Blocked {
            self.release_dependents(number, released);
        } else if let Some(fallback) = self.fallback(number) {
            self.steps[fallback].standby = false;
            self.finish_unstarted(fallback, Outcome::Blocked, released);
            released.blocked.push((fallback, number));
        }
        self.stage_row_ended(number, outcome, outcome != Outcome::Blocked, released);
    }

    fn release_dependents(&mut self, number: usize, released: &mut Released) {
        for next in self.graph.steps[number].dependents.clone() {
            self.steps[next].n_needs = self.steps[next].n_needs.saturating_sub(1);
            self.queue(next, &mut released.ready);
        }
    }

    fn stage_row_ended(&mut self, number: usize, outcome: Outcome, goes_on: bool, released: &mut Released) {
        let stage = self.graph.steps[number].stage;
        let row = &mut self.stages[stage];
        row.n_left = row.n_left.saturating_sub(1);
        row.failed |= !goes_on;
        row.worst = row.worst.worse(outcome);
        if row.n_left > 0 {
            return;
        }
        if row.began.is_some() {
            released.stages.push((stage, row.worst));
        }
        if row.failed {
            return;
        }
        for next in self.stages[stage].dependents.clone() {
            self.stages[next].n_needs = self.stages[next].n_needs.saturating_sub(1);
            for step in self.graph.stages[next].steps.clone() {
                self.queue(step, &mut released.ready);
            }
        }
    }

    /// Ends everything that can't begin any more because `number` did not succeed.
    fn block(&mut self, number: usize, released: &mut Released) {
        let mut open = vec![number];
        let mut stage_seen = vec![false; self.stages.len()];
        while let Some(cause) = open.pop() {
            let node = &self.graph.steps[cause];
            let mut waiting = node.dependents.clone();
            for &stage in &self.stages[node.stage].dependents {
                if !std::mem::replace(&mut stage_seen[stage], true) {
                    waiting.extend(self.graph.stages[stage].steps.clone());
                }
            }
            for next in waiting {
                let row = &self.steps[next];
                if row.selected && row.state == StepState::Waiting && !row.standby {
                    self.finish_unstarted(next, Outcome::Blocked, released);
                    released.blocked.push((next, number));
                    open.push(next);
                }
            }
        }
    }
}
