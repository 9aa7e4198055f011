//! What a run would do, found out without doing it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::{Checked, Depth, Graph, Plan, check};
use crate::action::StepContext;
use crate::fingerprint::StaleReason;
use crate::journal::History;
use crate::model::{Output, StepId};
use crate::pipeline::{Outputs, Step};
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
    /// All that the look found; `None` where there was none to be had.
    pub checked: Option<Checked>,
}

/// Looks at every selected step, all at once, as if the steps that it needs kept their outputs; then whatever hangs on a
/// step that would run is marked as depending on it.
pub async fn forecast(
    graph: &Graph,
    plan: &Plan,
    history: &History,
    tools: &Arc<Tools>,
    depth: Depth,
    cancel: &Cancel,
) -> Vec<Forecast> {
    let mut outputs: Outputs = graph
        .steps
        .iter()
        .filter_map(|node| Some((node.step.id.clone(), history.output(&node.step.id)?.clone())))
        .collect();
    for (number, node) in graph.steps.iter().enumerate() {
        // A step that would be skipped hands on nothing.
        if plan.selected[number] && !applies(&node.step, &outputs) {
            outputs.insert(node.step.id.clone(), Output::new());
        }
    }
    let looks = graph.steps.iter().enumerate().map(|(number, node)| {
        let outputs = &outputs;
        async move {
            let step = &node.step;
            if !plan.selected[number] || plan.reserve[number] || !applies(step, outputs) {
                return (None, None);
            }
            let known = history.step(&step.id);
            if known.is_none() && depth == Depth::Decide {
                return (Some(StaleReason::NeverRun), None);
            }
            let Ok(action) = step.binding.action(outputs) else {
                // An output that it uses has never been there.
                return (Some(StaleReason::NeverRun), None);
            };
            let last = history.output(&step.id).cloned();
            let cx = StepContext::looking(step.id.clone(), Arc::clone(tools), cancel.child(), last);
            match check(step, &action, outputs, known, plan.forced[number], depth, &cx).await {
                Ok(checked) => (checked.reason().cloned(), Some(checked)),
                // What can't be looked at is not known to be true.
                Err(failure) => (Some(StaleReason::Missing(failure.to_string())), None),
            }
        }
    });
    let (mut stale, mut checked): (Vec<Option<StaleReason>>, Vec<Option<Checked>>) =
        join_all(looks).await.into_iter().unzip();
    mark_dependents(graph, &mut stale);
    let shown = |number: usize, step: &Step| plan.selected[number] && !plan.reserve[number] && applies(step, &outputs);
    graph
        .steps
        .iter()
        .zip(stale)
        .enumerate()
        .filter(|(number, (node, _))| shown(*number, &node.step))
        .map(|(number, (node, stale))| Forecast {
            step: node.step.id.clone(),
            stale,
            checked: checked[number].take(),
            estimate: history
                .step(&node.step.id)
                .and_then(|known| known.last_success.as_ref())
                .map(|end| Duration::from_millis(end.duration_ms)),
        })
        .collect()
}

/// Whether a step's `when` holds; one that can't be told now counts as holding.
fn applies(step: &Step, outputs: &Outputs) -> bool {
    step.when.as_ref().is_none_or(|condition| (condition.0)(outputs).unwrap_or(true))
}

/// Steps that use an output of a step that would run, or look at a world that it would change, depend on it.
fn mark_dependents(graph: &Graph, stale: &mut [Option<StaleReason>]) {
    // Steps come after what they need in every stage order, but not always in the file: repeat until nothing changes.
    loop {
        let mut changed = false;
        for (number, node) in graph.steps.iter().enumerate() {
            let looks = matches!(stale[number], Some(StaleReason::AlwaysRuns));
            if stale[number].is_some() && !looks {
                continue;
            }
            let uses = node.step.binding.uses().iter().filter_map(|(id, _)| graph.step(id));
            let mut causes: Vec<usize> = uses.collect();
            if looks {
                // What it looks at may have been made by any step before it.
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
