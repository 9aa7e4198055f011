//! [`Graph`]: stages and steps by number, with the edges between them in both directions.

use std::collections::BTreeMap;
use std::iter::successors;
use std::ops::Range;
use std::sync::Arc;

use crate::journal::History;
use crate::model::{IdMap, StageId, StepId};
use crate::pipeline::{Pipeline, Step};

/// A pipeline's stages and steps by number, in the order of the file. An edge between stages stands for one from each
/// step to each, so that a thousand steps after a thousand others cost one edge.
#[derive(Debug)]
pub struct Graph {
    /// The steps.
    pub steps: Vec<StepNode>,
    /// The stages.
    pub stages: Vec<StageNode>,
    /// The chains of exercises: steps of a stage with `exercise = true` that need one another. What one of them makes,
    /// a later one takes away again, so that none can be done alone: a chain is done whole, or is fresh as a whole.
    pub chains: Vec<Vec<usize>>,
    by_id: IdMap<StepId, usize>,
}

/// A step.
#[derive(Debug)]
pub struct StepNode {
    /// The step itself.
    pub step: Arc<Step>,
    /// Its stage.
    pub stage: usize,
    /// The steps that it needs by itself; those of the stages that its stage needs come on top.
    pub needs: Vec<usize>,
    /// The steps that need it by themselves.
    pub dependents: Vec<usize>,
    /// The step that it stands in for when that one fails; then it never runs by itself.
    pub fallback_of: Option<usize>,
    /// The step that stands in for it.
    pub fallback: Option<usize>,
    /// Its chain of exercises: a number of [`Graph::chains`].
    pub chain: Option<usize>,
}

/// A stage.
#[derive(Debug)]
pub struct StageNode {
    /// Its id.
    pub id: StageId,
    /// The stages that it needs.
    pub needs: Vec<usize>,
    /// The stages that need it.
    pub dependents: Vec<usize>,
    /// Its steps.
    pub steps: Range<usize>,
    /// How many of its steps may run at once.
    pub jobs: usize,
}

impl Graph {
    /// The graph of a checked pipeline: every need is there, and there are no cycles.
    pub fn new(pipeline: &Pipeline) -> Self {
        let n_steps = pipeline.steps().count();
        let mut steps: Vec<StepNode> = Vec::with_capacity(n_steps);
        let mut stages: Vec<StageNode> = Vec::new();
        let mut by_id = IdMap::default();
        by_id.reserve(n_steps);
        let stage_numbers: BTreeMap<&StageId, usize> =
            pipeline.stages.iter().enumerate().map(|(number, stage)| (&stage.id, number)).collect();
        for (number, stage) in pipeline.stages.iter().enumerate() {
            let first = steps.len();
            for step in &stage.steps {
                by_id.insert(step.id.clone(), steps.len());
                steps.push(StepNode {
                    step: Arc::clone(step),
                    stage: number,
                    needs: Vec::new(),
                    dependents: Vec::new(),
                    fallback_of: None,
                    fallback: None,
                    chain: None,
                });
            }
            stages.push(StageNode {
                id: stage.id.clone(),
                needs: stage.needs.iter().filter_map(|id| stage_numbers.get(id).copied()).collect(),
                dependents: Vec::new(),
                steps: first..steps.len(),
                jobs: stage.jobs.max(1),
            });
        }
        for number in 0..stages.len() {
            for need in stages[number].needs.clone() {
                stages[need].dependents.push(number);
            }
        }
        for number in 0..steps.len() {
            let step = Arc::clone(&steps[number].step);
            let needs: Vec<usize> = step.needs.iter().filter_map(|id| by_id.get(id).copied()).collect();
            for &need in &needs {
                steps[need].dependents.push(number);
            }
            steps[number].needs = needs;
            if let Some(fallback) = step.fallback.as_ref().and_then(|id| by_id.get(id).copied()) {
                steps[number].fallback = Some(fallback);
                steps[fallback].fallback_of = Some(number);
            }
        }
        let mut graph = Self { chains: mark_chains(&mut steps), steps, stages, by_id };
        begin_together(&mut graph);
        graph
    }

    /// The number of a step.
    pub fn step(&self, id: &StepId) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The number of a stage.
    pub fn stage(&self, id: &str) -> Option<usize> {
        self.stages.iter().position(|stage| stage.id.as_str() == id)
    }

    /// Whether a step is a fallback, which runs only in case another step fails.
    pub fn is_fallback(&self, number: usize) -> bool {
        self.steps[number].fallback_of.is_some()
    }

    /// Returns the fallback that proved a step the last time, if it still is its fallback.
    pub fn stand_in(&self, number: usize, history: &History) -> Option<usize> {
        let node = &self.steps[number];
        let fallback = node.fallback?;
        let end = history.step(&node.step.id)?.standing()?;
        end.is_by(&self.steps[fallback].step.id).then_some(fallback)
    }

    /// Returns the fallback that proved a step the last time, the one that stood in for that, and so on: the last one
    /// has done it.
    pub fn stand_ins(&self, number: usize, history: &History) -> impl Iterator<Item = usize> {
        successors(self.stand_in(number, history), |fallback| self.stand_in(*fallback, history)).take(self.steps.len())
    }

    /// How many steps a step is a fallback for, directly or not.
    pub fn fallback_depth(&self, number: usize) -> usize {
        successors(self.steps[number].fallback_of, |main| self.steps[*main].fallback_of).take(self.steps.len()).count()
    }

    /// Whether the pipeline's success does not depend on a step; a fallback counts as much as the step that it stands
    /// in for.
    pub fn is_optional(&self, number: usize) -> bool {
        let node = &self.steps[number];
        node.step.optional || node.fallback_of.is_some_and(|main| self.steps[main].step.optional)
    }

    /// The steps that `step` needs in any way, itself included, each once.
    pub fn with_needs(&self, step: usize, wanted: &mut [bool]) {
        let mut open = vec![step];
        let mut stage_seen = vec![false; self.stages.len()];
        while let Some(step) = open.pop() {
            if std::mem::replace(&mut wanted[step], true) {
                continue;
            }
            let node = &self.steps[step];
            open.extend(&node.needs);
            open.extend(node.fallback);
            if !std::mem::replace(&mut stage_seen[node.stage], true) {
                for &stage in &self.stages[node.stage].needs {
                    open.extend(self.stages[stage].steps.clone());
                }
            }
        }
    }

    /// Returns the stages in use that a stage has to wait for; one that is not in use stands for those that it needs.
    pub fn stages_before(&self, stage: usize, in_use: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut needs = Vec::new();
        let mut seen = vec![false; self.stages.len()];
        let mut open = self.stages[stage].needs.clone();
        while let Some(need) = open.pop() {
            if std::mem::replace(&mut seen[need], true) {
                continue;
            }
            if in_use(need) {
                needs.push(need);
            } else {
                open.extend(&self.stages[need].needs);
            }
        }
        needs
    }
}

/// Marks the steps of every chain of two and more. Returns the chains.
fn mark_chains(steps: &mut [StepNode]) -> Vec<Vec<usize>> {
    // The first step of the chain that each is known to belong to; needs may stand after what needs them.
    let mut first: Vec<usize> = (0..steps.len()).collect();
    loop {
        let mut changed = false;
        for number in 0..steps.len() {
            for &need in &steps[number].needs {
                if are_linked(&steps[number], &steps[need]) && first[number] != first[need] {
                    let least = first[number].min(first[need]);
                    (first[number], first[need], changed) = (least, least, true);
                }
            }
        }
        if !changed {
            break;
        }
    }
    let mut chains: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, first) in first.into_iter().enumerate().filter(|(number, _)| steps[*number].step.exercise) {
        chains.entry(first).or_default().push(number);
    }
    let chains: Vec<Vec<usize>> = chains.into_values().filter(|chain| chain.len() > 1).collect();
    for (chain, members) in chains.iter().enumerate() {
        for &member in members {
            steps[member].chain = Some(chain);
        }
    }
    chains
}

fn are_linked(step: &StepNode, need: &StepNode) -> bool {
    step.stage == need.stage && step.step.exercise && need.step.exercise
}

/// Lets the first steps of a chain wait for whatever its other steps need from outside: once the chain has begun, all
/// that decides whether it is done again is known.
fn begin_together(graph: &mut Graph) {
    for chain in graph.chains.clone() {
        let is_outside = |need: &usize| !chain.contains(need);
        let mut needs: Vec<usize> = chain.iter().flat_map(|member| &graph.steps[*member].needs).copied().collect();
        needs.retain(|need| is_outside(need) && !depends_on(graph, *need, &chain));
        needs.sort_unstable();
        needs.dedup();
        for &member in &chain {
            if !graph.steps[member].needs.iter().all(is_outside) {
                continue;
            }
            for &need in &needs {
                if !graph.steps[member].needs.contains(&need) {
                    graph.steps[member].needs.push(need);
                    graph.steps[need].dependents.push(member);
                }
            }
        }
    }
}

fn depends_on(graph: &Graph, step: usize, others: &[usize]) -> bool {
    let mut before = vec![false; graph.steps.len()];
    graph.with_needs(step, &mut before);
    others.iter().any(|other| before[*other])
}
