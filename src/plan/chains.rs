//! Chains of exercises (see [`Graph::chains`]): which of their steps count only together.

use super::graph::Graph;
use crate::fingerprint::StaleReason;
use crate::journal::History;
use crate::model::{RunId, StepId};

/// Returns a step of `others` that keeps the proof of `step` from counting: they were not proven by one run.
pub(crate) fn torn<'a>(
    history: &History,
    step: &StepId,
    others: impl Iterator<Item = &'a StepId>,
) -> Option<&'a StepId> {
    let run = |step: &StepId| -> Option<&RunId> { Some(&history.step(step)?.standing()?.run) };
    let own = run(step);
    others.into_iter().find(|other| run(other) != own)
}

/// Marks the fresh steps of chains of which another step would run; `stale` is that of all steps, `is_selected` says
/// which count. Returns whether there were any.
pub(super) fn mark_stale(
    graph: &Graph,
    history: &History,
    is_selected: impl Fn(usize) -> bool,
    stale: &mut [Option<StaleReason>],
) -> bool {
    let mut changed = false;
    for chain in &graph.chains {
        let members: Vec<usize> = chain.iter().copied().filter(|member| is_selected(*member)).collect();
        let Some((first, others)) = members.split_first() else { continue };
        let ids = others.iter().map(|other| &graph.steps[*other].step.id);
        let torn = torn(history, &graph.steps[*first].step.id, ids).and_then(|step| graph.step(step));
        let cause = members.iter().copied().find(|member| stale[*member].is_some()).or(torn);
        let Some(cause) = cause else { continue };
        for &member in &members {
            if stale[member].is_none() {
                let with = if member == cause { *first } else { cause };
                stale[member] = Some(StaleReason::AgainWith(graph.steps[with].step.id.clone()));
                changed = true;
            }
        }
    }
    changed
}
