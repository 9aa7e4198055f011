//! What a run would do, found out without doing it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::candidates::{Candidate, candidates};
use super::chains;
use super::freshness::{Depth, FreshnessCheck, check};
use super::graph::Graph;
use super::select::Plan;
use crate::action::StepScope;
use crate::event::StepLog;
use crate::fingerprint::StaleReason;
use crate::journal::History;
use crate::model::{ProofKind, StepId};
use crate::pipeline::Step;
use crate::tools::process::{ChildRegistry, pause};
use crate::tools::{Cancel, Tools};

/// How long the check of one step may take: what has no result by then counts as not seen, and the others are shown.
const CHECK_LIMIT: Duration = Duration::from_secs(30);

/// What a run would do with a step.
#[derive(Debug)]
pub struct Forecast {
    /// Its number in the graph.
    pub number: usize,
    /// The step.
    pub step: StepId,
    /// Why it would run; `None` when it is fresh.
    pub stale: Option<StaleReason>,
    /// The same without what other steps would do.
    pub own: Option<StaleReason>,
    /// How long it took the last time it succeeded.
    pub estimate: Option<Duration>,
    /// All that the check found; `None` where the step could not be checked.
    pub checked: Option<FreshnessCheck>,
    /// What can be seen of its success.
    pub kind: ProofKind,
    /// Whether it is a fallback, which runs only in case another step fails.
    pub is_standby: bool,
}

/// What checking all steps needs.
#[derive(Clone, Copy, Debug)]
pub struct Checking<'a> {
    /// What is on record.
    pub history: &'a History,
    /// What steps work with.
    pub tools: &'a Arc<Tools>,
    /// Its child processes.
    pub children: &'a Arc<ChildRegistry>,
    /// How far it goes.
    pub depth: Depth,
    /// Stops it.
    pub cancel: &'a Cancel,
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
pub async fn forecast(graph: &Graph, plan: &Plan, checking: Checking<'_>) -> Vec<Forecast> {
    let history = checking.history;
    let mut candidates = candidates(graph, plan, history);
    // What waits for programs, the daemon or the cluster begins first, and all else is done meanwhile.
    candidates.sort_by_key(|candidate| !waits_for_others(&candidate.step));
    let scope = Arc::new(StepScope::looking(Arc::clone(checking.tools), Arc::clone(checking.children)));
    let checks = candidates.iter().map(|candidate| {
        let imposed = plan.forced[candidate.number].then_some(StaleReason::Forced);
        checking.check(candidate, imposed, &scope)
    });
    let results = all(checks).await;
    let mut stale = vec![None; graph.steps.len()];
    for (candidate, (reason, _)) in candidates.iter().zip(&results) {
        stale[candidate.number].clone_from(reason);
    }
    let would_run = |reason: &Option<StaleReason>| !matches!(reason, None | Some(StaleReason::AlwaysRuns));
    for candidate in &candidates {
        let number = candidate.number;
        if stale[number].is_none()
            && let Some(fallback) = graph.stand_ins(number, history).find(|fallback| would_run(&stale[*fallback]))
        {
            stale[number] = Some(StaleReason::AgainWith(graph.steps[fallback].step.id.clone()));
        }
    }
    let mut is_candidate = vec![false; graph.steps.len()];
    for candidate in &candidates {
        is_candidate[candidate.number] = true;
    }
    loop {
        mark_dependents(graph, &mut stale);
        if !chains::mark_stale(graph, history, |number| is_candidate[number], &mut stale) {
            break;
        }
    }
    let forecasts = candidates.into_iter().zip(results).map(|(candidate, (own, checked))| Forecast {
        number: candidate.number,
        stale: stale[candidate.number].take(),
        own,
        checked,
        estimate: history
            .step(&candidate.step.id)
            .and_then(|known| known.last_success.as_ref())
            .map(|end| Duration::from_millis(end.duration_ms)),
        step: candidate.step.id.clone(),
        kind: candidate.action.map_or(ProofKind::Probe, |action| action.proof()),
        is_standby: candidate.is_standby,
    });
    let mut forecasts: Vec<Forecast> = forecasts.collect();
    forecasts.sort_by_key(|forecast| forecast.number);
    forecasts
}

/// Awaits `checks`, and returns their results in their order. To begin all of them takes a while: in between, those
/// that talk with the daemon and the cluster get their answers and can go on.
async fn all<T>(checks: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let (mut begun, mut results) = (FuturesUnordered::new(), Vec::new());
    for (number, check) in checks.enumerate() {
        begun.push(async move { (number, check.await) });
        results.push(None);
        while let Some(Some((number, result))) = begun.next().now_or_never() {
            results[number] = Some(result);
        }
        if results[number].is_none() {
            // Only the runtime reads from connections.
            tokio::task::yield_now().await;
        }
    }
    while let Some((number, result)) = begun.next().await {
        results[number] = Some(result);
    }
    results.into_iter().flatten().collect()
}

/// Whether the check of a step may wait for a program, the Docker daemon or the cluster.
fn waits_for_others(step: &Step) -> bool {
    let action = step.action_type;
    action.uses_docker || action.in_cluster || action.hands_cluster_on
}

impl Checking<'_> {
    async fn check(
        self,
        candidate: &Candidate,
        imposed: Option<StaleReason>,
        scope: &Arc<StepScope>,
    ) -> (Option<StaleReason>, Option<FreshnessCheck>) {
        let step = &candidate.step;
        let known = self.history.step(&step.id);
        if known.is_none() && self.depth != Depth::Explain {
            return (Some(StaleReason::NeverRun), None);
        }
        let Some(action) = &candidate.action else {
            return (Some(StaleReason::NeverRun), None);
        };
        let last = self.history.output(&step.id).cloned();
        let cx = scope.of(step.id.clone(), StepLog::discard(step.id.clone()), self.cancel.child(), last);
        let check = check(step, action, &candidate.outputs, known, imposed, self.depth, &cx);
        match pause::timeout(CHECK_LIMIT.min(step.timeout), check).await {
            Some(Ok(checked)) => (checked.reason().cloned(), Some(checked)),
            // What can't be checked is not known to be true.
            Some(Err(failure)) => (Some(StaleReason::Missing(failure.to_string())), None),
            None => (Some(StaleReason::Missing("the probe took too long".to_owned())), None),
        }
    }
}

/// Marks the steps that use an output of a step that would run, and those that run every time after it: they verify
/// what it would change. No step depends on a fallback, but on the step that it stands in for.
pub(super) fn mark_dependents(graph: &Graph, stale: &mut [Option<StaleReason>]) {
    spread(graph, stale, |number, runs_anyway| {
        let mut causes = used_by(graph, number);
        if runs_anyway {
            causes.extend(before(graph, number));
        }
        causes
    });
}

/// Marks each step that depends on a stale one, until nothing changes: steps come after what they need in every stage
/// order, but not always in the file. `causes` returns what a step depends on; it learns whether the step runs every
/// time.
pub(super) fn spread(graph: &Graph, stale: &mut [Option<StaleReason>], causes: impl Fn(usize, bool) -> Vec<usize>) {
    loop {
        let mut changed = false;
        for number in 0..graph.steps.len() {
            let runs_anyway = matches!(stale[number], Some(StaleReason::AlwaysRuns));
            if stale[number].is_some() && !runs_anyway {
                continue;
            }
            let would_run = |cause: &usize| !matches!(stale[*cause], None | Some(StaleReason::AlwaysRuns));
            if let Some(cause) = causes(number, runs_anyway).into_iter().find(would_run) {
                stale[number] = Some(StaleReason::DependsOn(graph.steps[cause].step.id.clone()));
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

/// Returns the steps whose outputs a step uses, and those that make files which it reads.
pub(super) fn used_by(graph: &Graph, number: usize) -> Vec<usize> {
    let step = &graph.steps[number].step;
    let uses = step.binding.uses().iter().map(|(id, _)| id);
    uses.chain(&step.files_from).filter_map(|id| graph.step(id)).collect()
}

/// Returns the steps before a step, fallbacks aside: what it verifies may have been made by any of them.
pub(super) fn before(graph: &Graph, number: usize) -> Vec<usize> {
    let mut before = vec![false; graph.steps.len()];
    graph.with_needs(number, &mut before);
    let is_cause = |other: &usize| before[*other] && *other != number && !graph.is_fallback(*other);
    (0..before.len()).filter(is_cause).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn results_are_in_order_and_what_is_answered_goes_on_before_all_have_begun() {
        let (n_begun, seen) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let check = async |number: usize| {
            n_begun.fetch_add(1, Ordering::Relaxed);
            if number == 0 {
                tokio::task::yield_now().await;
                seen.store(n_begun.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            number
        };
        assert_eq!(all((0..20).map(check)).await, (0..20).collect::<Vec<_>>());
        assert!(seen.into_inner() < 20);
        assert_eq!(all(std::iter::empty::<std::future::Ready<()>>()).await.len(), 0);
    }
}
