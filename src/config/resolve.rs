//! What the stages and steps say of each other: `needs`, `fallback`, `covers`, and that nothing waits for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::diagnostic::{Diagnostic, Report};
use super::fields::Text;
use super::nearest::suggest;
use super::scope::{Steps, ids};
use super::stages::{StageDecl, StepDecl};
use crate::model::{Item, ItemId, StageId, StepId};

/// The stages that `stages[at]` needs: those it names, or the one before it; `kept` are those that the profile leaves
/// in, the others are not waited for.
pub(super) fn stage_needs(report: &Report, stages: &[StageDecl], at: usize, kept: &BTreeSet<StageId>) -> Vec<StageId> {
    let stage = &stages[at];
    let Some(needs) = &stage.needs else {
        let before = stages[..at].iter().rev().find(|before| kept.contains(&before.id));
        return before.map(|before| before.id.clone()).into_iter().collect();
    };
    let mut found = Vec::new();
    for need in needs {
        let name = need.get_ref();
        let wrong = |message: String, help: Option<String>| {
            report.add(Diagnostic::error(message).at(report.source(), need.span(), "").maybe_help(help));
        };
        match stages.iter().position(|other| other.id.as_str() == name) {
            None => {
                let names = stages[..at].iter().map(|other| other.id.as_str());
                wrong(format!("there is no stage `{name}`"), suggest(name, names));
            }
            Some(other) if other == at => wrong(format!("stage `{name}` can't need itself"), None),
            Some(other) if other > at => wrong(
                format!("stage `{}` can't need `{name}`, which comes after it", stage.id),
                Some("stages run in the order of the file: move one of them".into()),
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

/// A step that another one waits for, and the place that says so.
pub(super) type Edge = (StepId, Range<usize>);

/// The steps that `step` names in `needs`.
pub(super) fn step_needs(report: &Report, step: &StepDecl, steps: &Steps) -> Vec<Edge> {
    step.needs.iter().filter_map(|need| reference(report, step, need, steps, "need")).collect()
}

/// The step that `step` names as its fallback.
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

/// A fallback runs for the one step that it stands in for, and only when that fails: nothing else can wait for it.
/// `fallbacks` are steps with theirs, `waits` everything that steps name, their fallbacks included.
pub(super) fn reserves(report: &Report, fallbacks: &[(StepId, StepId)], waits: &BTreeMap<StepId, Vec<Edge>>) {
    for (main, fallback) in fallbacks {
        for (step, edges) in waits {
            let own = usize::from(step == main);
            for (_, span) in edges.iter().filter(|(id, _)| id == fallback).skip(own) {
                let message = format!("step `{step}` can't wait for `{fallback}`, the fallback of `{main}`");
                let help = format!("it runs only when `{main}` fails; name `{main}` instead");
                report.add(Diagnostic::error(message).at(report.source(), span.clone(), "").help(help));
            }
        }
    }
}

/// A step by `stage.step`, or by its name alone within the same stage.
fn reference(report: &Report, step: &StepDecl, name: &Text, steps: &Steps, verb: &str) -> Option<Edge> {
    let text = name.get_ref();
    let full = if text.contains('.') { text.clone() } else { format!("{}.{text}", step.id.stage()) };
    let wrong = |message: String, help: Option<String>| {
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
        let help = suggest(text, names).or_else(|| Some("a step of another stage is `stage.step`".into()));
        return wrong(format!("there is no step `{full}`"), help);
    };
    if id == step.id {
        return wrong(format!("step `{id}` can't {verb} itself"), None);
    }
    if steps.get(&step.id).is_some_and(|mine| known.stage > mine.stage) {
        return wrong(format!("step `{}` can't {verb} `{id}`, which is in a later stage", step.id), None);
    }
    Some((id, name.span()))
}

/// The items that `step` covers.
pub(super) fn covers(report: &Report, step: &StepDecl, items: &BTreeMap<&str, &Item>, complete: bool) -> Vec<ItemId> {
    let mut found: BTreeSet<ItemId> = BTreeSet::new();
    let mut covered = Vec::new();
    for name in &step.covers {
        if report.is_full() {
            break;
        }
        let text = name.get_ref();
        let known = items.get(text.as_str());
        match known {
            Some(item) if found.contains(&item.id) => {
                report.add(Diagnostic::warning(format!("step `{}` names `{text}` twice", step.id)).at(
                    report.source(),
                    name.span(),
                    "",
                ));
            }
            Some(item) => {
                found.insert(item.id.clone());
                covered.push(item.id.clone());
            }
            // Where a checklist could not be read, the item may be in it.
            None if !complete => {}
            None => {
                let help = if items.is_empty() {
                    Some("`checklists` in `[pipeline]` names the files that items are in".into())
                } else {
                    suggest(text, items.keys().copied())
                };
                report.add(
                    Diagnostic::error(format!("no checklist has an item `{text}`"))
                        .at(report.source(), name.span(), "")
                        .maybe_help(help),
                );
            }
        }
    }
    covered
}

/// More circles than these are not looked for.
const MAX_CIRCLES: usize = 10;

/// Reports the circles of steps that wait for each other.
pub(super) fn circles(report: &Report, mut waits: BTreeMap<StepId, Vec<Edge>>) {
    for _ in 0..MAX_CIRCLES {
        // Takes away what waits for nothing, until only circles are left, and what waits for them.
        let mut count: BTreeMap<&StepId, usize> = BTreeMap::new();
        let mut waiting: BTreeMap<&StepId, Vec<&StepId>> = BTreeMap::new();
        for (step, edges) in &waits {
            let there: BTreeSet<&StepId> = edges.iter().map(|(to, _)| to).filter(|to| waits.contains_key(to)).collect();
            count.insert(step, there.len());
            for to in there {
                waiting.entry(to).or_default().push(step);
            }
        }
        let mut free: Vec<&StepId> = count.iter().filter(|(_, n)| **n == 0).map(|(step, _)| *step).collect();
        while let Some(step) = free.pop() {
            count.remove(step);
            for other in waiting.get(step).into_iter().flatten() {
                if let Some(n) = count.get_mut(other) {
                    *n -= 1;
                    if *n == 0 {
                        free.push(other);
                    }
                }
            }
        }
        let Some(first) = count.keys().next().map(|step| (*step).clone()) else {
            return;
        };
        // Whoever is left waits for one that is left: following it ends in a circle.
        let mut path: Vec<Edge> = vec![(first, 0..0)];
        let circle = loop {
            let Some((last, _)) = path.last() else { return };
            let next = waits[last].iter().find(|(to, _)| count.contains_key(to));
            let Some(next) = next.cloned() else { return };
            let met = path.iter().position(|(step, _)| *step == next.0);
            path.push(next);
            if let Some(at) = met {
                break path.split_off(at);
            }
        };
        report_circle(report, &circle);
        for (step, _) in circle {
            waits.remove(&step);
        }
    }
}

/// `circle` begins and ends with the same step; each has the place at which the one before it names it.
fn report_circle(report: &Report, circle: &[Edge]) {
    let path: Vec<String> = circle.iter().map(|(step, _)| format!("`{step}`")).collect();
    let mut diagnostic = Diagnostic::error(format!("steps wait for each other: {}", path.join(" → ")));
    for pair in circle.windows(2) {
        if let [(from, _), (to, span)] = pair {
            diagnostic = diagnostic.at(report.source(), span.clone(), format!("`{from}` waits for `{to}`"));
        }
    }
    report.add(diagnostic);
}
