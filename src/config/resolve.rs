//! Resolves references between stages, steps and items: `needs`, `fallback`, `covers`; and reports cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::expr::scope::{Steps, ids};
use super::sections::checklist::Items;
use super::sections::stages::{StageDecl, StepDecl};
use super::syntax::diagnostic::{Diagnostic, Report};
use super::syntax::fields::SpannedString;
use crate::model::{Item, ItemId, StageId, StepId};
use crate::suggest::suggest;

/// Returns the stages that `stages[at]` needs: those it names, or the one before it. Only stages in `kept`, those that
/// the profile includes, are waited for.
pub(super) fn stage_needs(report: &Report, stages: &[StageDecl], at: usize, kept: &BTreeSet<StageId>) -> Vec<StageId> {
    let stage = &stages[at];
    let Some(needs) = &stage.needs else {
        let before = stages[..at].iter().rev().find(|before| kept.contains(&before.id));
        return before.map(|before| before.id.clone()).into_iter().collect();
    };
    let mut found = Vec::new();
    for need in needs {
        let name = need.get_ref();
        let invalid = |message: String, help: Option<String>| {
            report.add(Diagnostic::error(message).at(report.source(), need.span(), "").maybe_help(help));
        };
        match stages.iter().position(|other| other.id.as_str() == name) {
            None => {
                let names = stages[..at].iter().map(|other| other.id.as_str());
                invalid(format!("unknown stage `{name}`"), suggest(name, names));
            }
            Some(other) if other == at => invalid(format!("stage `{name}` can't need itself"), None),
            Some(other) if other > at => invalid(
                format!("stage `{}` can't need `{name}`, which comes after it", stage.id),
                Some("stages run in the order of the file: move one of the two".into()),
            ),
            Some(other) => {
                let id = &stages[other].id;
                if kept.contains(id) && !found.contains(id) {
                    found.push(id.clone());
                }
            }
        }
    }
    found
}

/// A step that another one depends on, and the place of the reference.
pub(super) type Edge = (StepId, Range<usize>);

/// Returns the steps that `step` names in `needs`.
pub(super) fn step_needs(report: &Report, step: &StepDecl, steps: &Steps) -> Vec<Edge> {
    step.needs.iter().filter_map(|need| reference(report, step, need, steps, "need")).collect()
}

/// Returns the step that `step` names as its fallback.
pub(super) fn fallback(report: &Report, step: &StepDecl, steps: &Steps) -> Option<Edge> {
    let name = step.fallback.as_ref()?;
    let (id, span) = reference(report, step, name, steps, "fall back to")?;
    if id.stage() != step.id.stage() {
        let message = format!("step `{}` can't fall back to `{id}`, which is in another stage", step.id);
        report.add(Diagnostic::error(message).at(report.source(), span, ""));
        return None;
    }
    Some((id, span))
}

/// Reports steps that depend on the fallback of another step: a fallback only runs when that step fails. `fallbacks`
/// are pairs of a step and its fallback, `edges` all references of each step, fallbacks included.
pub(super) fn check_fallback_edges(
    report: &Report,
    fallbacks: &[(StepId, StepId)],
    edges: &BTreeMap<StepId, Vec<Edge>>,
) {
    for (main, fallback) in fallbacks {
        for (step, edges) in edges {
            let own = usize::from(step == main);
            for (_, span) in edges.iter().filter(|(id, _)| id == fallback).skip(own) {
                let message = format!("step `{step}` can't need `{fallback}`, the fallback of `{main}`");
                let help = format!("it runs only when `{main}` fails; name `{main}` instead");
                report.add(Diagnostic::error(message).at(report.source(), span.clone(), "").help(help));
            }
        }
    }
}

/// Resolves a reference to a step: `stage.step`, or only the name of a step of the same stage.
fn reference(report: &Report, step: &StepDecl, name: &SpannedString, steps: &Steps, verb: &str) -> Option<Edge> {
    let text = name.get_ref();
    let full = if text.contains('.') { text.clone() } else { format!("{}.{text}", step.id.stage()) };
    let invalid = |message: String, help: Option<String>| {
        report.add(Diagnostic::error(message).at(report.source(), name.span(), "").maybe_help(help));
        None
    };
    let found = StepId::new(&full).ok().and_then(|id| steps.get(&id).map(|known| (id, known)));
    let Some((id, known)) = found else {
        let names: Vec<&str> = if text.contains('.') {
            ids(steps).into_iter().map(StepId::as_str).collect()
        } else {
            let own = ids(steps).into_iter().filter(|other| other.stage() == step.id.stage());
            own.filter(|other| **other != step.id).map(StepId::name).collect()
        };
        let help = suggest(text, names).or_else(|| Some("write a step of another stage as `stage.step`".into()));
        return invalid(format!("unknown step `{full}`"), help);
    };
    if id == step.id {
        return invalid(format!("step `{id}` can't {verb} itself"), None);
    }
    if steps.get(&step.id).is_some_and(|mine| known.stage > mine.stage) {
        return invalid(format!("step `{}` can't {verb} `{id}`, which is in a later stage", step.id), None);
    }
    Some((id, name.span()))
}

/// Returns the items that `step` covers.
pub(super) fn covers<'a>(report: &Report, step: &StepDecl, items: &'a Items) -> Vec<&'a Item> {
    let mut found: BTreeSet<&ItemId> = BTreeSet::new();
    let mut covered = Vec::new();
    for name in &step.covers {
        if report.is_full() {
            break;
        }
        let Some(item) = items.resolve(report, name) else { continue };
        if found.insert(&item.id) {
            covered.push(item);
        } else {
            let message = format!("step `{}` names `{}` twice", step.id, name.get_ref());
            report.add(Diagnostic::warning(message).at(report.source(), name.span(), ""));
        }
    }
    covered
}

/// Maximum number of cycles that are reported.
const MAX_CYCLES: usize = 10;

/// Reports cycles of steps that depend on each other.
pub(super) fn check_cycles(report: &Report, mut edges: BTreeMap<StepId, Vec<Edge>>) {
    for _ in 0..MAX_CYCLES {
        let blocked = not_runnable(&edges);
        let Some(cycle) = find_cycle(&edges, &blocked) else {
            return;
        };
        report_cycle(report, &cycle);
        for (step, _) in cycle {
            edges.remove(&step);
        }
    }
}

/// Returns the steps that can never run: those of a cycle, and those that depend on one (Kahn's algorithm).
fn not_runnable(edges: &BTreeMap<StepId, Vec<Edge>>) -> BTreeSet<StepId> {
    let mut n_open: BTreeMap<&StepId, usize> = BTreeMap::new();
    let mut dependents: BTreeMap<&StepId, Vec<&StepId>> = BTreeMap::new();
    for (step, edges_of_step) in edges {
        let targets: BTreeSet<&StepId> =
            edges_of_step.iter().map(|(to, _)| to).filter(|to| edges.contains_key(to)).collect();
        n_open.insert(step, targets.len());
        for to in targets {
            dependents.entry(to).or_default().push(step);
        }
    }
    let mut runnable: Vec<&StepId> = n_open.iter().filter(|(_, n)| **n == 0).map(|(step, _)| *step).collect();
    while let Some(step) = runnable.pop() {
        n_open.remove(step);
        for dependent in dependents.get(step).into_iter().flatten() {
            if let Some(n) = n_open.get_mut(dependent) {
                *n -= 1;
                if *n == 0 {
                    runnable.push(dependent);
                }
            }
        }
    }
    n_open.into_keys().cloned().collect()
}

/// Returns a cycle among `blocked`, where every step depends on another one of them. It starts and ends with the same
/// step; each step has the place of the reference to it.
fn find_cycle(edges: &BTreeMap<StepId, Vec<Edge>>, blocked: &BTreeSet<StepId>) -> Option<Vec<Edge>> {
    let mut path: Vec<Edge> = vec![(blocked.first()?.clone(), 0..0)];
    loop {
        let (last, _) = path.last()?;
        let next = edges.get(last)?.iter().find(|(to, _)| blocked.contains(to))?.clone();
        let visited = path.iter().position(|(step, _)| *step == next.0);
        path.push(next);
        if let Some(at) = visited {
            return Some(path.split_off(at));
        }
    }
}

fn report_cycle(report: &Report, cycle: &[Edge]) {
    let path: Vec<String> = cycle.iter().map(|(step, _)| format!("`{step}`")).collect();
    let mut diagnostic = Diagnostic::error(format!("steps depend on each other: {}", path.join(" → ")));
    for pair in cycle.windows(2) {
        if let [(from, _), (to, span)] = pair {
            diagnostic = diagnostic.at(report.source(), span.clone(), format!("`{from}` needs `{to}`"));
        }
    }
    report.add(diagnostic);
}
