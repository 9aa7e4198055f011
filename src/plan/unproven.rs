//! [`unproven`]: the steps whose last success counts no more because what it rests on was taken down. The records alone
//! say so: nothing is probed.

use std::collections::BTreeMap;

use super::candidates::candidates;
use super::forecast::{before, used_by};
use super::graph::Graph;
use super::select::Plan;
use crate::journal::{Down, History};
use crate::model::StepId;

/// Why the last success of a step counts no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unproven {
    /// The step that it rests on.
    pub base: StepId,
    /// That what that one had made was taken down since.
    pub down: Down,
}

/// Returns the steps of `graph`, all of which `plan` selects, that were proven before something was taken down on which
/// they rest: what they have made or seen may be there or not.
pub fn unproven(graph: &Graph, plan: &Plan, history: &History) -> BTreeMap<StepId, Unproven> {
    if !history.steps().any(|(_, known)| known.down.is_some()) {
        return BTreeMap::new();
    }
    let mut runs_anyway = vec![false; graph.steps.len()];
    for candidate in candidates(graph, plan, history) {
        runs_anyway[candidate.number] = candidate.action.is_some_and(|action| action.always_runs());
    }
    let of = |(number, id): (usize, &StepId)| {
        let end = history.step(id)?.standing().filter(|end| end.outcome.is_proof());
        end?;
        let rests_on = rests_on(graph, number, history, &runs_anyway);
        let found = rests_on.into_iter().find_map(|base| {
            let base = &graph.steps[base].step.id;
            Some(Unproven { base: base.clone(), down: history.down_since(base, id)? })
        });
        Some((id.clone(), found?))
    };
    graph.steps.iter().map(|node| &node.step.id).enumerate().filter_map(of).collect()
}

/// Returns the steps that a step rests on, itself or by others, in no order.
fn rests_on(graph: &Graph, number: usize, history: &History, runs_anyway: &[bool]) -> Vec<usize> {
    let mut found = vec![false; graph.steps.len()];
    let mut open = vec![number];
    while let Some(number) = open.pop() {
        let causes = causes(graph, number, runs_anyway[number]).into_iter().chain(graph.stand_in(number, history));
        // With a cluster goes what is in it.
        let of = |number: usize| graph.steps[number].step.action_type;
        let clusters = (0..found.len()).filter(|other| of(number).in_cluster && of(*other).makes_cluster);
        for cause in causes.chain(clusters) {
            if !found[cause] {
                found[cause] = true;
                open.push(cause);
            }
        }
    }
    (0..found.len()).filter(|other| found[*other] && *other != number).collect()
}

/// Returns the steps without which what a step has proven may hold no longer; one that runs every time has seen what
/// all before it have made.
pub(super) fn causes(graph: &Graph, number: usize, runs_anyway: bool) -> Vec<usize> {
    let node = &graph.steps[number];
    let mut causes = used_by(graph, number);
    // An exercise was done with what those before it in its chain had made.
    let links = node.needs.iter().filter(|need| node.chain.is_some() && graph.steps[**need].chain == node.chain);
    causes.extend(links);
    if runs_anyway {
        // What an exercise makes is gone again.
        causes.extend(before(graph, number).into_iter().filter(|other| !graph.steps[*other].step.exercise));
    }
    causes
}
