//! What a run would do, found out without doing it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::candidates::{Candidate, candidates};
use super::freshness::{Depth, FreshnessCheck, check};
use super::graph::Graph;
use super::select::Plan;
use crate::action::StepContext;
use crate::fingerprint::StaleReason;
use crate::journal::History;
use crate::model::StepId;
use crate::tools::{Cancel, Tools};

/// What a run would do with a step.
#[derive(Debug)]
pub struct Forecast {
    /// The step.
    pub step: StepId,
    /// Why it would run; `None` when it is fresh.
    pub stale: Option<StaleReason>,
    /// How long it took the last time it succeeded.
    pub estimate: Option<Duration>,
    /// All that the check found; `None` where the step could not be checked.
    pub checked: Option<FreshnessCheck>,
}

impl Forecast {
    /// What a person should know of the step, whether it is fresh or not.
    pub fn warnings(&self) -> impl Iterator<Item = String> + '_ {
        let unmatched = self.checked.iter().flat_map(|checked| checked.inputs.all_unmatched());
        unmatched.map(|label| {
            format!("step {}: the input {} matches no file any more", self.step, label.trim_start_matches("files "))
        })
    }
}

/// Checks every selected step, all at once, as if the steps that it needs kept their outputs; then whatever depends on
/// a step that would run is marked as depending on it.
pub async fn forecast(
    graph: &Graph,
    plan: &Plan,
    history: &History,
    tools: &Arc<Tools>,
    depth: Depth,
    cancel: &Cancel,
) -> Vec<Forecast> {
    let candidates = candidates(graph, plan, history);
    let checks = candidates.iter().map(|candidate| async move {
        let forced = plan.forced[candidate.number];
        check_candidate(candidate, forced, history, tools, depth, cancel).await
    });
    let results = join_all(checks).await;
    let mut stale = vec![None; graph.steps.len()];
    let mut checked = Vec::with_capacity(results.len());
    for (candidate, (reason, check)) in candidates.iter().zip(results) {
        stale[candidate.number] = reason;
        checked.push(check);
    }
    mark_dependents(graph, &mut stale);
    candidates
        .into_iter()
        .zip(checked)
        .map(|(candidate, checked)| Forecast {
            stale: stale[candidate.number].take(),
            checked,
            estimate: history
                .step(&candidate.step.id)
                .and_then(|known| known.last_success.as_ref())
                .map(|end| Duration::from_millis(end.duration_ms)),
            step: candidate.step.id.clone(),
        })
        .collect()
}

async fn check_candidate(
    candidate: &Candidate,
    forced: bool,
    history: &History,
    tools: &Arc<Tools>,
    depth: Depth,
    cancel: &Cancel,
) -> (Option<StaleReason>, Option<FreshnessCheck>) {
    let step = &candidate.step;
    let known = history.step(&step.id);
    if known.is_none() && depth == Depth::Decide {
        return (Some(StaleReason::NeverRun), None);
    }
    let Some(action) = &candidate.action else {
        return (Some(StaleReason::NeverRun), None);
    };
    let last = history.output(&step.id).cloned();
    let cx = StepContext::looking(step.id.clone(), Arc::clone(tools), cancel.child(), last);
    match check(step, action, &candidate.outputs, known, forced, depth, &cx).await {
        Ok(checked) => (checked.reason().cloned(), Some(checked)),
        // What can't be checked is not known to be true.
        Err(failure) => (Some(StaleReason::Missing(failure.to_string())), None),
    }
}

/// Marks the steps that use an output of a step that would run, and those that run every time after it: they verify
/// what it would change.
fn mark_dependents(graph: &Graph, stale: &mut [Option<StaleReason>]) {
    // Steps come after what they need in every stage order, but not always in the file: repeat until nothing changes.
    loop {
        let mut changed = false;
        for (number, node) in graph.steps.iter().enumerate() {
            let runs_anyway = matches!(stale[number], Some(StaleReason::AlwaysRuns));
            if stale[number].is_some() && !runs_anyway {
                continue;
            }
            let uses = node.step.binding.uses().iter().filter_map(|(id, _)| graph.step(id));
            let mut causes: Vec<usize> = uses.collect();
            if runs_anyway {
                // What it verifies may have been made by any step before it.
                let mut before = vec![false; graph.steps.len()];
                graph.with_needs(number, &mut before);
                causes.extend((0..before.len()).filter(|other| before[*other] && *other != number));
            }
            let would_run = |cause: &usize| !matches!(stale[*cause], None | Some(StaleReason::AlwaysRuns));
            if let Some(cause) = causes.into_iter().find(would_run) {
                stale[number] = Some(StaleReason::DependsOn(graph.steps[cause].step.id.clone()));
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}
