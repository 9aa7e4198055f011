//! [`candidates`]: the steps that can be checked as if every step before them kept its outputs.

use std::sync::Arc;

use super::graph::Graph;
use super::select::Plan;
use crate::action::Action;
use crate::journal::History;
use crate::model::{Output, StepId};
use crate::pipeline::{Outputs, Step};

/// A step with what it would get from the steps before it if those kept their outputs.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its number in the graph.
    pub number: usize,
    /// The step.
    pub step: Arc<Step>,
    /// Its action; `None` when its settings use an output that there has never been.
    pub action: Option<Arc<dyn Action>>,
    /// The outputs of other steps that its settings use.
    pub outputs: Outputs,
    /// Whether it is a fallback, which runs only in case another step fails.
    pub is_standby: bool,
}

/// Returns every selected step whose `when` holds.
pub fn candidates(graph: &Graph, plan: &Plan, history: &History) -> Vec<Candidate> {
    let mut kept = kept_outputs(graph, history);
    for (number, node) in graph.steps.iter().enumerate() {
        // A step that would be skipped has no outputs.
        if plan.selected[number] && !applies(&node.step, &kept) {
            kept.insert(node.step.id.clone(), Output::new());
        }
    }
    let is_checked = |number: usize, step: &Step| plan.selected[number] && applies(step, &kept);
    let checked = graph.steps.iter().enumerate().filter(|(number, node)| is_checked(*number, &node.step));
    let mut candidates = Vec::with_capacity(graph.steps.len());
    candidates.extend(checked.map(|(number, node)| {
        let uses = node.step.binding.uses().iter();
        let outputs: Outputs = uses.filter_map(|(id, _)| Some((id.clone(), kept.get(id)?.clone()))).collect();
        let action = node.step.binding.action(&outputs).ok();
        Candidate { number, step: Arc::clone(&node.step), action, outputs, is_standby: plan.standby[number] }
    }));
    candidates
}

/// Returns the last outputs of the steps that others may use: of all steps if there is a condition, which may use any.
fn kept_outputs(graph: &Graph, history: &History) -> Outputs {
    let all = graph.steps.iter().map(|node| &node.step.id);
    let used = graph.steps.iter().flat_map(|node| node.step.binding.uses()).map(|(id, _)| id);
    let of = |id: &StepId| Some((id.clone(), history.output_for_others(id)?.clone()));
    if graph.steps.iter().any(|node| node.step.when.is_some()) {
        all.filter_map(of).collect()
    } else {
        used.filter_map(of).collect()
    }
}

/// Whether a step's `when` holds; one that can't be evaluated yet counts as holding.
fn applies(step: &Step, outputs: &Outputs) -> bool {
    step.when.as_ref().is_none_or(|condition| (condition.decide)(outputs).unwrap_or(true))
}
