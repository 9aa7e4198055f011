//! [`History`]: what the records say, folded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Holder;
use super::known::{Child, Down, RunRecord, StepEnd, StepHistory};
use super::record::{DOWN_DONE, ErrorRecord, ItemTexts, Record};
use crate::error::ErrorObject;
use crate::fingerprint::Inputs;
use crate::model::{Attempt, Change, Evidence, IdMap, Outcome, Output, ProofKind, RunId, StepId, StepState};

/// Stands before the kube context in the name of a scope. No profile's name has it.
pub const CONTEXT: char = '\n';

/// The last known state of everything.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Of the selected scope.
    steps: IdMap<StepId, StepHistory>,
    /// The name of the selected scope; empty for the pipeline itself.
    scope: String,
    /// Of all other scopes.
    others: BTreeMap<String, IdMap<StepId, StepHistory>>,
    runs: BTreeMap<RunId, RunRecord>,
    /// With the run that started it.
    children: BTreeMap<u32, (Child, Option<RunId>)>,
    latest: Option<RunId>,
    n_records: u64,
    /// See [`History::damaged_at`].
    damaged_at: Option<usize>,
    /// The state folder that it was read from.
    folder: Option<String>,
    /// The state folder that it was written in; `None` in records of older versions.
    written_in: Option<String>,
}

impl History {
    /// Selects the records of `scope`: a profile that changes variables or the cluster has records of its own, because
    /// what its steps did is not what the pipeline's did, and so has each kube context. All other profiles share those
    /// of the pipeline itself.
    ///
    /// Records of older versions name no context. At which cluster they were made nobody knows: their steps are in
    /// doubt, and only their outputs are known.
    #[must_use]
    pub fn in_scope(mut self, scope: Option<&str>) -> Self {
        let scope = scope.unwrap_or_default();
        if scope != self.scope {
            let selected = self.others.remove(scope).unwrap_or_default();
            let before = std::mem::replace(&mut self.steps, selected);
            self.others.insert(std::mem::replace(&mut self.scope, scope.to_owned()), before);
        }
        if let Some((profile, _)) = scope.split_once(CONTEXT)
            && let Some(older) = self.others.get(profile)
        {
            for (step, known) in older {
                let in_doubt = || {
                    let success = known.last_success.clone();
                    let started_ms = success.as_ref().map_or(known.started_ms, |end| end.at_ms);
                    StepHistory { last_success: success, started_ms, ..StepHistory::default() }
                };
                self.steps.entry(step.clone()).or_insert_with(in_doubt);
            }
        }
        self
    }

    /// With what was taken down in another scope where that is the same thing: it was made by the step of the same id
    /// under the same names. `identity` returns the outputs of a step that name what it makes, and whether that is in
    /// the cluster.
    #[must_use]
    pub fn sharing(mut self, identity: impl Fn(&StepId) -> (&'static [&'static str], bool)) -> Self {
        let context = |scope: &str| scope.split_once(CONTEXT).map(|(_, context)| context.to_owned());
        let own_context = context(&self.scope);
        for (scope, others) in &self.others {
            let is_here = context(scope) == own_context;
            for (step, other) in others.iter().filter(|(_, other)| other.down.is_some()) {
                let Some(known) = self.steps.get_mut(step).filter(|known| known.at < other.at) else { continue };
                let (names, in_cluster) = identity(step);
                let made = |of: &StepHistory| {
                    let output = &of.last_success.as_ref()?.output;
                    names.iter().map(|name| Some(output.get(name)?.to_owned())).collect::<Option<Vec<String>>>()
                };
                let is_same = !names.is_empty() && made(known).is_some() && made(known) == made(other);
                if is_same && (is_here || !in_cluster) {
                    (known.down, known.at) = (other.down, other.at);
                }
            }
        }
        self
    }

    /// How many steps have ever been started, in all scopes.
    pub(super) fn n_steps(&self) -> usize {
        self.steps.len() + self.others.values().map(IdMap::len).sum::<usize>()
    }

    fn steps_of(&self, scope: Option<&str>) -> Option<&IdMap<StepId, StepHistory>> {
        let scope = scope.unwrap_or_default();
        if scope == self.scope { Some(&self.steps) } else { self.others.get(scope) }
    }

    fn steps_of_mut(&mut self, scope: Option<&str>) -> &mut IdMap<StepId, StepHistory> {
        let scope = scope.unwrap_or_default();
        if scope == self.scope {
            return &mut self.steps;
        }
        self.others.entry(scope.to_owned()).or_default()
    }

    /// What is known of `step`.
    pub fn step(&self, step: &StepId) -> Option<&StepHistory> {
        self.steps.get(step)
    }

    /// Every step that has ever been started, also those that the pipeline has no more, in no order.
    pub fn steps(&self) -> impl Iterator<Item = (&StepId, &StepHistory)> {
        self.steps.iter()
    }

    /// What is known of every step in all scopes, in no order.
    pub fn all_steps(&self) -> impl Iterator<Item = &StepHistory> {
        self.steps.values().chain(self.others.values().flat_map(IdMap::values))
    }

    /// Whether `run` has started a step last in a scope of `profile`, at whatever cluster.
    pub fn has_started(&self, run: &RunId, profile: Option<&str>) -> bool {
        let of_profile = |scope: &str| scope.split(CONTEXT).next() == Some(profile.unwrap_or_default());
        let own = Some(&self.steps).filter(|_| of_profile(&self.scope));
        let others = self.others.iter().filter(|(scope, _)| of_profile(scope)).map(|(_, steps)| steps);
        own.into_iter().chain(others).flat_map(IdMap::values).any(|known| known.is_of(run))
    }

    /// Whether `run` has started steps in other scopes than the selected one, and none in that.
    pub fn is_of_another_scope(&self, run: &RunId) -> bool {
        let has = |steps: &IdMap<StepId, StepHistory>| steps.values().any(|known| known.is_of(run));
        !has(&self.steps) && self.others.values().any(has)
    }

    /// That `base` was taken down, if that was after the last end of `step`.
    pub fn down_since(&self, base: &StepId, step: &StepId) -> Option<Down> {
        let (base, step) = (self.steps.get(base)?, self.steps.get(step)?);
        base.down.filter(|_| base.at > step.at)
    }

    /// What is known of a step of which the next record is.
    fn noted(&mut self, scope: Option<&str>, step: StepId) -> &mut StepHistory {
        let at = self.n_records;
        let known = self.steps_of_mut(scope).entry(step).or_default();
        known.at = at;
        known
    }

    /// The output of the last success of `step`.
    pub fn output(&self, step: &StepId) -> Option<&Output> {
        self.steps.get(step)?.last_success.as_ref().map(|end| &end.output)
    }

    /// The output that others have from `step`: of the fallback that stood in for it, if one did, or of its last
    /// success.
    pub fn output_for_others(&self, step: &StepId) -> Option<&Output> {
        let last = self.steps.get(step)?.last.as_ref().filter(|end| end.outcome == Outcome::Fallback);
        last.map(|end| &end.output).or_else(|| self.output(step))
    }

    /// The run `run`.
    pub fn run(&self, run: &RunId) -> Option<&RunRecord> {
        self.runs.get(run)
    }

    /// The latest run.
    pub fn last_run(&self) -> Option<(&RunId, &RunRecord)> {
        self.latest.as_ref().and_then(|run| self.runs.get_key_value(run))
    }

    /// Returns the run of the command that has the lock, once it has begun to record it.
    pub fn run_of(&self, holder: &Holder) -> Option<(&RunId, &RunRecord)> {
        self.last_run().filter(|(_, run)| run.pid == holder.pid && run.at_ms >= holder.since)
    }

    /// Says of the steps that the run of `holder` has started last that it is on.
    #[must_use]
    pub fn during(mut self, holder: &Holder) -> Self {
        if let Some(run) = self.run_of(holder).map(|(run, _)| run.clone()) {
            self.steps.values_mut().for_each(|known| known.is_on = known.is_of(&run));
        }
        self
    }

    /// The runs whose end nobody has seen.
    pub fn unfinished_runs(&self) -> impl Iterator<Item = &RunId> {
        self.runs.iter().filter(|(_, record)| record.outcome.is_none()).map(|(run, _)| run)
    }

    /// Says which state folder this is.
    pub(super) fn set_folder(&mut self, folder: String) {
        self.folder = Some(folder);
    }

    /// Whether `run` was a run of this state folder: the journal of a copy also has those of the original, whose
    /// processes are none of its business.
    pub fn is_of_this_folder(&self, run: &RunId) -> bool {
        self.runs.get(run).and_then(|record| record.folder.as_ref()).is_none_or(|of| Some(of) == self.folder.as_ref())
    }

    /// Whether these records were written in another state folder than `folder`.
    pub(super) fn is_of_another_folder(&self, folder: &str) -> bool {
        let is_empty =
            self.runs.is_empty() && self.steps.is_empty() && self.others.is_empty() && self.children.is_empty();
        !is_empty && self.written_in.as_deref() != Some(folder)
    }

    /// The processes that nobody has seen to end.
    pub fn children(&self) -> impl Iterator<Item = &Child> {
        self.children.values().map(|(child, _)| child)
    }

    /// Those of them that runs of this state folder have started.
    pub fn own_children(&self) -> impl Iterator<Item = &Child> {
        let own = |run: &Option<RunId>| run.as_ref().is_none_or(|run| self.is_of_this_folder(run));
        self.children.values().filter(move |(_, run)| own(run)).map(|(child, _)| child)
    }

    /// The evidence that the last end of `step` is, of this kind; `stale` is for the caller to say.
    pub fn evidence(&self, step: &StepId, kind: ProofKind) -> Option<Evidence> {
        let end = self.steps.get(step)?.last.as_ref()?;
        Some(Evidence {
            step: step.clone(),
            outcome: end.outcome,
            run: end.run.clone(),
            finished_ms: end.at_ms,
            duration_ms: end.duration_ms,
            log: end.log.clone(),
            output: end.output.clone(),
            commit: self.runs.get(&end.run).and_then(|run| run.commit.clone()),
            kind,
            proven_by: end.proven_by.clone(),
            attempts: end.attempts.clone(),
            stale: None,
        })
    }

    /// The line from which on the journal could not be read, if it is damaged.
    pub fn damaged_at(&self) -> Option<usize> {
        self.damaged_at
    }

    /// Records from `line` on are lost, nobody knows which: whatever is proven may have been voided by one of them.
    pub(super) fn doubt_everything(&mut self, line: usize) {
        self.damaged_at = Some(line);
        for history in self.steps.values_mut().chain(self.others.values_mut().flat_map(|steps| steps.values_mut())) {
            history.date_doubt();
            history.last = None;
            history.down = None;
            history.state = StepState::Running;
        }
    }

    /// Whether `record` can follow those before it, by [`StepState::advance`]: no step ends twice in one run, or as
    /// something that a run never records.
    pub(super) fn allows(&self, record: &Record<'_>) -> bool {
        match record {
            Record::StepFinished { run, step, scope, outcome, .. } => {
                Outcome::from_word(outcome).is_some_and(|outcome| {
                    self.before_end(scope.as_deref(), run, step).advance(Change::Finish(outcome)).is_some()
                })
            }
            _ => true,
        }
    }

    /// The state of a step when its end in `run` is recorded.
    fn before_end(&self, scope: Option<&str>, run: &str, step: &str) -> StepState {
        let known = StepId::new(step).ok().and_then(|step| self.steps_of(scope)?.get(&step));
        match known {
            Some(known) if known.started_in.as_ref().is_some_and(|started| started.as_str() == run) => known.state,
            // Its start was left out when the file was compacted, or its check failed and its fallback ran.
            _ => StepState::Running,
        }
    }

    /// Takes a record in that [`History::allows`]. One about an id that is none is ignored: only a bug writes one, and
    /// the rest stays good.
    pub(super) fn apply(&mut self, record: Record<'_>) {
        self.n_records += 1;
        self.fold(record);
    }

    fn fold(&mut self, record: Record<'_>) {
        match record {
            Record::Header { folder, .. } => self.written_in = folder,
            Record::RunStarted { run, at, pid, command, commit, folder, items } => {
                let items = by_step(items);
                let record = RunRecord { at_ms: at, pid, command, commit, folder, items, outcome: None, error: None };
                self.begin(&run, record);
            }
            Record::RunFinished { run, outcome, step, error, .. } => {
                self.end(&run, Outcome::from_word(&outcome), error.map(|error| (step, error)));
            }
            Record::StepStarted { run, step, scope, at, down: Some(word), .. } => {
                if let (Some(run), Ok(step)) = (self.run_id(&run), StepId::new(&step)) {
                    let down = Down { at_ms: at, is_done: word == DOWN_DONE };
                    self.noted(scope.as_deref(), step).take_down(run, down);
                }
            }
            Record::StepStarted { run, step, scope, at, .. } => {
                if let (Some(run), Ok(step)) = (self.run_id(&run), StepId::new(&step)) {
                    self.noted(scope.as_deref(), step).start(run, at);
                }
            }
            Record::ChildStarted { step, pid, start, boot } => {
                if let Ok(step) = StepId::new(&step) {
                    let child = Child { step, pid, start, boot };
                    self.children.insert(pid, (child, self.latest.clone()));
                }
            }
            Record::ChildEnded { pid } => drop(self.children.remove(&pid)),
            Record::StepFinished {
                run,
                step,
                scope,
                at,
                duration_ms,
                outcome,
                inputs,
                changed,
                output,
                log,
                message,
                error,
                items,
                proven_by,
                attempts,
                proof,
            } => {
                let (Some(run), Ok(step), Some(outcome)) =
                    (self.run_id(&run), StepId::new(&step), Outcome::from_word(&outcome))
                else {
                    return;
                };
                let end = StepEnd {
                    outcome,
                    run: run.clone(),
                    at_ms: at,
                    duration_ms,
                    inputs,
                    changed,
                    output: output.into_iter().collect(),
                    items,
                    proven_by: proven_by.and_then(|step| StepId::new(&step).ok()),
                    log,
                    attempts: attempts.into_iter().map(Attempt::from).collect(),
                    proof: proof.and_then(|word| ProofKind::from_word(&word)),
                    message,
                    error: error.map(|error| Box::new(ErrorObject::from(*error))),
                };
                let end = Arc::new(end);
                let history = self.noted(scope.as_deref(), step);
                history.state = StepState::Finished(outcome);
                history.down = None;
                history.started_in = Some(run);
                if outcome == Outcome::Succeeded {
                    history.last_success = Some(Arc::clone(&end));
                }
                history.last = Some(end);
            }
        }
    }

    fn begin(&mut self, run: &str, record: RunRecord) {
        if let Some(run) = self.run_id(run) {
            self.latest = Some(run.clone());
            self.runs.insert(run, record);
        }
    }

    fn end(&mut self, run: &str, outcome: Option<Outcome>, why: Option<(Option<Cow<'_, str>>, Box<ErrorRecord>)>) {
        let error = why
            .map(|(step, error)| (step.and_then(|step| StepId::new(&step).ok()), Box::new(ErrorObject::from(*error))));
        if let Some(run) = self.run_id(run)
            && let Some(record) = self.runs.get_mut(&run)
        {
            (record.outcome, record.error) = (outcome, error);
        }
    }

    /// The run's name, checked. Most records name the latest run, whose name is there already.
    fn run_id(&self, text: &str) -> Option<RunId> {
        self.latest.as_ref().filter(|latest| latest.as_str() == text).cloned().or_else(|| RunId::new(text).ok())
    }
}

/// The checklist items of each step. A step whose id is none is left out.
fn by_step(items: BTreeMap<String, ItemTexts>) -> BTreeMap<StepId, Inputs> {
    items.into_iter().filter_map(|(step, texts)| Some((StepId::new(&step).ok()?, texts.0))).collect()
}
