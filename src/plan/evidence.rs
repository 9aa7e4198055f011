//! [`proofs`]: what the records prove, after a probe of every step, for the checklist.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use super::forecast::{Forecast, spread};
use super::freshness::too_old;
use super::graph::Graph;
use super::unproven::causes;
use crate::fingerprint::{Inputs, StaleReason};
use crate::journal::{History, StepEnd, StepHistory};
use crate::model::{Attempt, ItemId, Outcome, ProofKind, StepId, StepProof};

/// The moment of a report.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// In milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// How old a proof may be that can't be seen again without changing something.
    pub max_age: Duration,
}

/// Returns what each step of `forecasts` proves: its last end, with the reason why that holds no longer, if there is
/// one.
pub fn proofs(graph: &Graph, history: &History, forecasts: &[Forecast], moment: Moment) -> BTreeMap<StepId, StepProof> {
    let stale = reasons(graph, history, forecasts);
    let kinds: BTreeMap<usize, ProofKind> = forecasts.iter().map(|forecast| (forecast.number, forecast.kind)).collect();
    let proof = |forecast: &Forecast| {
        let end = last_end(history, forecast)?;
        let shown_by = graph.stand_ins(forecast.number, history).last().unwrap_or(forecast.number);
        let kind = kinds.get(&shown_by).copied().unwrap_or(forecast.kind);
        let mut evidence = history.evidence(&forecast.step, kind)?;
        if shown_by != forecast.number {
            evidence.attempts = attempts_of(history, &graph.steps[shown_by].step.id);
        }
        let was_proven = matches!(end.outcome, Outcome::Succeeded | Outcome::Fallback);
        evidence.stale = match &stale[forecast.number] {
            // It says itself that it proves nothing.
            _ if !was_proven => None,
            None | Some(StaleReason::AlwaysRuns) => (kind == ProofKind::Seen).then(|| moment.too_old(end)).flatten(),
            Some(reason) => Some(reason.to_string()),
        };
        let proof = StepProof {
            is_fallback: graph.is_fallback(forecast.number),
            evidence,
            changed_items: changed_items(&graph.steps[forecast.number].step.items, end),
        };
        Some((forecast.step.clone(), proof))
    };
    forecasts.iter().filter_map(proof).collect()
}

/// Returns the attempts that failed before the last one of a step.
fn attempts_of(history: &History, step: &StepId) -> Vec<Attempt> {
    history.step(step).and_then(|known| known.last.as_deref()).map(|end| end.attempts.clone()).unwrap_or_default()
}

/// Returns why each step proves nothing any more. That of a step whose fallback has stood in for it is the fallback's.
///
/// What has changed in the project comes first: what was proven of an older one is void, and so is each check of what
/// has become of it. What has only changed in the world comes second: a check has seen the world as it is now, for this
/// very report, so it decides by itself; all else that rests on what is not there any more is void.
fn reasons(graph: &Graph, history: &History, forecasts: &[Forecast]) -> Vec<Option<StaleReason>> {
    let mut own = vec![None; graph.steps.len()];
    let mut looks = vec![false; graph.steps.len()];
    let mut stand_ins = Vec::new();
    for forecast in forecasts {
        // One that was taken down counts no more, whatever has become of its fallback.
        let end = history.step(&forecast.step).and_then(StepHistory::standing);
        match end.and_then(|end| stand_in(graph, forecast.number, end)) {
            Some(stand_in) => stand_ins.push((forecast.number, stand_in)),
            None => own[forecast.number] = voided(forecast),
        }
        looks[forecast.number] = forecast.kind == ProofKind::Check;
    }
    // A fallback may have one of its own: what that has proven is known first.
    stand_ins.sort_by_key(|(number, _)| Reverse(graph.fallback_depth(*number)));
    for (number, stand_in) in &stand_ins {
        looks[*number] = stand_in.as_ref().is_ok_and(|fallback| looks[*fallback]);
    }
    let is_drift = |reason: &Option<StaleReason>| matches!(reason, Some(StaleReason::Missing(_)));
    let mut stale: Vec<_> = own.iter().map(|reason| reason.clone().filter(|_| !is_drift(reason))).collect();
    spread_to_proofs(graph, &mut stale, &stand_ins, &vec![false; looks.len()]);
    for (number, reason) in own.into_iter().enumerate().filter(|(_, reason)| is_drift(reason)) {
        if matches!(stale[number], None | Some(StaleReason::AlwaysRuns)) {
            stale[number] = reason;
        }
    }
    spread_to_proofs(graph, &mut stale, &stand_ins, &looks);
    stale
}

/// Marks the proofs that rest on a stale one; those in `decided` do not.
fn spread_to_proofs(
    graph: &Graph,
    stale: &mut [Option<StaleReason>],
    stand_ins: &[(usize, Result<usize, String>)],
    decided: &[bool],
) {
    let undecided = |number: usize, runs_anyway: bool| {
        if decided[number] {
            return Vec::new();
        }
        causes(graph, number, runs_anyway)
    };
    spread(graph, stale, undecided);
    for (number, stand_in) in stand_ins {
        stale[*number] = match stand_in {
            Ok(fallback) => stale[*fallback].clone(),
            Err(why) => Some(StaleReason::Missing(why.clone())),
        };
    }
    spread(graph, stale, undecided);
}

fn last_end<'a>(history: &'a History, forecast: &Forecast) -> Option<&'a StepEnd> {
    history.step(&forecast.step)?.last.as_deref()
}

/// Returns the fallback that stood in for a step when it ended, or why it counts no more; `None` if the step ended by
/// itself.
fn stand_in(graph: &Graph, number: usize, end: &StepEnd) -> Option<Result<usize, String>> {
    if end.outcome != Outcome::Fallback {
        return None;
    }
    let Some(by) = &end.proven_by else {
        return Some(Err("it is not on record which fallback stood in for it".to_owned()));
    };
    let declared = graph.steps[number].fallback.filter(|fallback| end.is_by(&graph.steps[*fallback].step.id));
    Some(declared.ok_or_else(|| format!("{by} is no longer its fallback")))
}

/// Returns why a step's own evidence is void. That it runs every time, or that it covers an item with another text,
/// leaves the rest of what it proves as it is; how old it may be the report decides.
fn voided(forecast: &Forecast) -> Option<StaleReason> {
    let Some(checked) = &forecast.checked else {
        return forecast.own.clone();
    };
    let voids = |reason: &&StaleReason| {
        !matches!(reason, StaleReason::AlwaysRuns | StaleReason::TooOld(_) | StaleReason::ItemsChanged(_))
    };
    let always = checked.reasons.iter().find(|reason| **reason == StaleReason::AlwaysRuns);
    checked.reasons.iter().find(voids).or(always).cloned()
}

/// Returns the items for which a step's end is no evidence, each with the reason.
pub(super) fn changed_items(now: &Inputs, end: &StepEnd) -> BTreeMap<ItemId, String> {
    let changed = now.iter().filter_map(|(item, digest)| {
        let why = match end.items.get(item) {
            Some(then) if then == digest => return None,
            Some(_) => "its text has changed",
            None => "the step did not cover it then",
        };
        Some((ItemId::new(item).ok()?, why.to_owned()))
    });
    changed.collect()
}

impl Moment {
    /// Returns why a proof that was seen at the end of a step's run is too old, if it is.
    fn too_old(self, end: &StepEnd) -> Option<String> {
        too_old(end, self.now_ms, self.max_age).map(|when| format!("that is {when}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Output, RunId};

    fn end(at_ms: i64, items: &[(&str, &str)]) -> StepEnd {
        StepEnd {
            outcome: Outcome::Succeeded,
            run: RunId::new("20261121-113512-4f2a").unwrap(),
            at_ms,
            duration_ms: 0,
            inputs: Inputs::new(),
            changed: Vec::new(),
            output: Output::new(),
            items: texts(items),
            proven_by: None,
            log: None,
            attempts: Vec::new(),
            proof: None,
            message: None,
            error: None,
        }
    }

    fn texts(items: &[(&str, &str)]) -> Inputs {
        let mut texts = Inputs::new();
        for (item, text) in items {
            texts.text(*item, text);
        }
        texts
    }

    #[test]
    fn what_was_only_seen_lasts_for_its_age() {
        let day = Duration::from_secs(24 * 60 * 60);
        let of = |at_ms| Moment { now_ms: 1_000_000_000, max_age: day }.too_old(&end(at_ms, &[]));
        assert_eq!(of(1_000_000_000), None);
        assert_eq!(of(1_000_000_000 - 86_400_000), None);
        assert_eq!(of(1_000_000_000 - 86_400_001).as_deref(), Some("that is longer ago than 24h"));
        // A clock that was put right by a little.
        assert_eq!(of(1_000_000_000 + 60_000), None);
        assert!(of(1_000_000_000 + 600_000).unwrap().contains("in the future"));
    }

    #[test]
    fn an_item_is_proven_with_the_text_that_it_had() {
        let end = end(0, &[("T1", "Make it"), ("T2", "Check it"), ("T4", "gone")]);
        let changed = changed_items(&texts(&[("T1", "Make it"), ("T2", "Check it well"), ("T3", "New")]), &end);
        let changed: Vec<(&str, &str)> = changed.iter().map(|(item, why)| (item.as_str(), why.as_str())).collect();
        assert_eq!(changed, [("T2", "its text has changed"), ("T3", "the step did not cover it then")]);
    }
}
