//! [`KnownThen`]: what the steps proved by the end of an earlier run, from its records alone.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::successors;

use super::evidence::changed_items;
use crate::error::ErrorObject;
use crate::fingerprint::Inputs;
use crate::journal::{History, RunRecord, StepEnd};
use crate::model::{ItemId, Outcome, Outline, ProofKind, StageId, StageOutline, StepId, StepOutline, StepProof};

/// What was known at the end of a run.
#[derive(Debug)]
pub struct KnownThen {
    /// The steps that covered items then.
    pub outline: Outline,
    /// The last result of each step.
    pub proofs: BTreeMap<StepId, StepProof>,
    /// The inputs of that result.
    pub inputs: BTreeMap<StepId, Inputs>,
    /// Why steps failed whose last result is no success.
    pub errors: BTreeMap<StepId, ErrorObject>,
}

/// Returns what was known at the end of `run`, after which `history` was all that was on record. Nothing is probed: a
/// proof counts as it did when its step ended. `kind_now` says what can be seen of a step's success where its record,
/// of an older version, does not.
pub fn known_then(history: &History, run: &RunRecord, kind_now: &dyn Fn(&StepId) -> Option<ProofKind>) -> KnownThen {
    let ends: BTreeMap<&StepId, &StepEnd> =
        history.steps().filter_map(|(step, known)| Some((step, &**known.standing()?))).collect();
    let stand_ins: BTreeSet<&StepId> = ends.values().filter_map(|end| end.proven_by.as_ref()).collect();
    let kind = |step: &StepId| ends.get(step).and_then(|end| end.proof).or_else(|| kind_now(step));
    let proof = |step: &StepId, end: &StepEnd| {
        // A fallback may have one of its own.
        let stand_in =
            |step: &&StepId| ends.get(step).filter(|end| end.outcome == Outcome::Fallback)?.proven_by.as_ref();
        let shown_by = successors(Some(step), stand_in).take(ends.len()).last().unwrap_or(step);
        let mut evidence = history.evidence(step, kind(shown_by).unwrap_or(ProofKind::Probe))?;
        if let Some(shown) = ends.get(shown_by) {
            evidence.attempts.clone_from(&shown.attempts);
        }
        let was_proven = matches!(end.outcome, Outcome::Succeeded | Outcome::Fallback);
        evidence.stale =
            (was_proven && !end.changed.is_empty()).then(|| format!("{} changed while it ran", end.changed.join(", ")));
        let is_fallback = stand_ins.contains(step);
        let changed_items = run.items.get(step).map(|texts| changed_items(texts, end)).unwrap_or_default();
        Some(StepProof { is_fallback, evidence, changed_items })
    };
    let proofs = ends.iter().filter_map(|(step, end)| Some(((*step).clone(), proof(step, end)?))).collect();
    let inputs = ends.iter().map(|(step, end)| ((*step).clone(), end.inputs.clone())).collect();
    let error = |(step, end): (&&StepId, &&StepEnd)| Some(((*step).clone(), end.error.as_deref()?.clone()));
    let errors = ends.iter().filter_map(error).collect();
    KnownThen { outline: outline(&covering(history, run)), proofs, inputs, errors }
}

/// Returns the items that each step covered: by the run's own record; by those of the ends, where it has none.
fn covering(history: &History, run: &RunRecord) -> BTreeMap<StepId, Vec<ItemId>> {
    let named = |texts: &Inputs| texts.iter().filter_map(|(item, _)| ItemId::new(item).ok()).collect::<Vec<_>>();
    if !run.items.is_empty() {
        return run.items.iter().map(|(step, texts)| (step.clone(), named(texts))).collect();
    }
    let ends = history.steps().filter_map(|(step, known)| {
        let end = known.last.as_ref().or(known.last_success.as_ref())?;
        Some((step.clone(), named(&end.items)))
    });
    ends.collect()
}

fn outline(covering: &BTreeMap<StepId, Vec<ItemId>>) -> Outline {
    let steps = covering.iter().map(|(step, items)| StepOutline {
        id: step.clone(),
        title: "".into(),
        action: "",
        covers: items.clone(),
        optional: false,
    });
    let stages = steps.filter_map(|step| {
        let id = StageId::new(step.id.stage()).ok()?;
        Some(StageOutline { id, title: String::new(), steps: vec![step] })
    });
    Outline { name: String::new(), stages: stages.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Entry, Journal, Past};
    use crate::model::{Attempt, Checklist, Item, ItemPlace, Output, RunId, Verdict};

    fn step(id: &str) -> StepId {
        StepId::new(id).unwrap()
    }

    fn texts(text: &str) -> Inputs {
        let mut texts = Inputs::new();
        texts.text("T1", text);
        texts
    }

    /// An end of `s.a`, which covers T1 with the text `Make it`.
    fn end(outcome: Outcome) -> StepEnd {
        StepEnd {
            outcome,
            run: RunId::new("20261121-113512-4f2a").unwrap(),
            at_ms: 0,
            duration_ms: 0,
            inputs: Inputs::new(),
            changed: Vec::new(),
            output: Output::new(),
            items: texts("Make it"),
            proven_by: None,
            log: None,
            attempts: Vec::new(),
            proof: Some(ProofKind::Probe),
            message: None,
            error: None,
        }
    }

    /// The verdict on T1 after a run in which the steps ended as `ends` say, and covered `items`.
    fn verdict(items: &[(&str, &str)], ends: &[(&str, StepEnd)]) -> Verdict {
        verdict_after(items, ends, &[])
    }

    /// The same where more was recorded after the ends.
    fn verdict_after(items: &[(&str, &str)], ends: &[(&str, StepEnd)], more: &[Entry]) -> Verdict {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), "provision up", false).unwrap().journal;
        let items = items.iter().map(|(id, text)| (step(id), texts(text))).collect();
        let run = RunId::new("20261121-113512-4f2a").unwrap();
        let mut entries = vec![Entry::RunStarted { run, command: "provision up".into(), commit: None, items }];
        entries.extend(ends.iter().map(|(id, end)| Entry::StepFinished { step: step(id), end: Box::new(end.clone()) }));
        entries.extend(more.iter().cloned());
        journal.append(&entries).unwrap();
        drop(journal);
        let past = Past::read(dir.path(), None).unwrap();
        let run = &past.runs()[0];
        let known = known_then(&past.known_after(run).unwrap(), &run.record, &|_| Some(ProofKind::Ran));
        let item = Item {
            id: ItemId::new("T1").unwrap(),
            has_id: true,
            phase: String::new(),
            text: String::new(),
            ticked: false,
            dropped: false,
            must: false,
            place: ItemPlace { file: "tasks.md".into(), line: 1 },
        };
        Checklist::judge(&[item], &known.outline, &known.proofs).items[0].verdict
    }

    /// What steps covered, how they ended, and the verdict.
    type Case<'a> = (&'a [(&'a str, &'a str)], Vec<(&'a str, StepEnd)>, Verdict);

    #[test]
    fn what_a_run_knew_is_judged_by_its_records_alone() {
        let covers: &[(&str, &str)] = &[("s.a", "Make it")];
        let ok = || end(Outcome::Succeeded);
        let attempts = vec![Attempt { at_ms: 0, duration_ms: 1, message: "no".into() }];
        let fallback = || StepEnd { proven_by: Some(step("s.b")), ..end(Outcome::Fallback) };
        let cases: [Case<'_>; 13] = [
            (covers, vec![("s.a", ok())], Verdict::Done),
            (covers, vec![("s.a", end(Outcome::Failed))], Verdict::Failed),
            (covers, vec![("s.c", ok())], Verdict::Open),
            // One that the run would have needed as well.
            (&[("s.a", "Make it"), ("s.b", "Make it")], vec![("s.a", ok())], Verdict::Open),
            // The text was another one when the step ended.
            (&[("s.a", "Make it well")], vec![("s.a", ok())], Verdict::Stale),
            (covers, vec![("s.a", StepEnd { changed: vec!["files in".into()], ..ok() })], Verdict::Stale),
            (covers, vec![("s.a", StepEnd { proof: Some(ProofKind::Confirmed), ..ok() })], Verdict::Manual),
            (covers, vec![("s.a", StepEnd { proof: Some(ProofKind::Seen), ..ok() })], Verdict::Done),
            // A record of an older version: the action says what can be seen.
            (covers, vec![("s.a", StepEnd { proof: None, ..ok() })], Verdict::Ran),
            (covers, vec![("s.a", StepEnd { attempts: attempts.clone(), ..ok() })], Verdict::Flaky),
            (covers, vec![("s.b", ok()), ("s.a", fallback())], Verdict::Fallback),
            // The attempts of the fallback count, not those of the step that failed.
            (covers, vec![("s.b", ok()), ("s.a", StepEnd { attempts, ..fallback() })], Verdict::Fallback),
            // An older version did not record what the run covered: the ends say it.
            (&[], vec![("s.a", ok())], Verdict::Done),
        ];
        for (n, (items, ends, expected)) in cases.into_iter().enumerate() {
            assert_eq!(verdict(items, &ends), expected, "case {n}");
        }
    }

    #[test]
    fn what_was_taken_down_before_a_run_is_not_done_and_what_was_after_it_was_done_by_its_end() {
        let covers: &[(&str, &str)] = &[("s.a", "Make it")];
        let ends = [("s.a", end(Outcome::Succeeded))];
        let run = RunId::new("20261121-113512-4f2a").unwrap();
        let down = |is_done| Entry::StepDown { run: run.clone(), step: step("s.a"), is_done };
        // The run was killed: nothing says where it ended, but that something else began.
        assert_eq!(verdict_after(covers, &ends, &[down(false), down(true)]), Verdict::Done);
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), "provision up", false).unwrap().journal;
        let items: BTreeMap<_, _> = [(step("s.a"), texts("Make it"))].into();
        let later = RunId::new("20261121-113513-4f2a").unwrap();
        let begin = |run: &RunId| Entry::RunStarted {
            run: run.clone(),
            command: "provision up".into(),
            commit: None,
            items: items.clone(),
        };
        let of_later = StepEnd { run: later.clone(), ..end(Outcome::Succeeded) };
        let finish = |id, end| Entry::StepFinished { step: step(id), end: Box::new(end) };
        let entries =
            [begin(&run), finish("s.a", end(Outcome::Succeeded)), down(true), begin(&later), finish("s.b", of_later)];
        journal.append(&entries).unwrap();
        drop(journal);
        let past = Past::read(dir.path(), None).unwrap();
        let proofs = |n: usize| {
            let run = &past.runs()[n];
            known_then(&past.known_after(run).unwrap(), &run.record, &|_| Some(ProofKind::Ran)).proofs.into_keys()
        };
        assert_eq!(proofs(0).collect::<Vec<_>>(), [step("s.a")]);
        assert_eq!(proofs(1).collect::<Vec<_>>(), [step("s.b")]);
    }
}
