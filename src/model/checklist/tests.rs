//! Tests of the verdicts: by steps, and by waivers.

use super::*;
use crate::model::{
    Attempt, ItemPlace, Outcome, Output, ProofKind, RunId, StageId, StageOutline, StepOutline, WaiverState,
};

fn outline(steps: &[(&str, &[&str])]) -> Outline {
    let steps = steps
        .iter()
        .map(|(id, covers)| StepOutline {
            id: StepId::new(id).unwrap(),
            title: "".into(),
            action: "",
            covers: covers.iter().map(|item| ItemId::new(item).unwrap()).collect(),
            optional: false,
        })
        .collect();
    Outline {
        name: "p".into(),
        stages: vec![StageOutline { id: StageId::new("s").unwrap(), title: String::new(), steps }],
    }
}

fn proof(step: &str, outcome: Outcome, stale: bool, kind: ProofKind) -> (StepId, StepProof) {
    let step = StepId::new(step).unwrap();
    let evidence = Evidence {
        step: step.clone(),
        outcome,
        run: RunId::new("r").unwrap(),
        finished_ms: 0,
        duration_ms: 0,
        log: None,
        output: Output::new(),
        commit: None,
        kind,
        proven_by: None,
        attempts: Vec::new(),
        stale: stale.then(|| "something changed".to_owned()),
    };
    (step, StepProof { is_fallback: false, evidence, changed_items: BTreeMap::new() })
}

/// Step, outcome, staleness; a step `ran` shows only that it ran, `said` is confirmed by a person, and `again` had an
/// attempt that failed.
type Known<'a> = &'a [(&'a str, Outcome, bool)];

fn proofs(known: Known) -> BTreeMap<StepId, StepProof> {
    let kind = |step: &str| match step {
        "s.ran" => ProofKind::Ran,
        "s.said" => ProofKind::Confirmed,
        _ => ProofKind::Probe,
    };
    let mut proofs: BTreeMap<_, _> =
        known.iter().map(|(step, outcome, stale)| proof(step, *outcome, *stale, kind(step))).collect();
    if let Some(again) = proofs.get_mut(&StepId::new("s.again").unwrap()) {
        again.evidence.attempts = vec![Attempt { at_ms: 0, duration_ms: 5, message: "reset by peer".into() }];
    }
    proofs
}

fn item(id: &str, dropped: bool) -> Item {
    Item {
        id: ItemId::new(id).unwrap(),
        has_id: true,
        phase: String::new(),
        text: String::new(),
        ticked: true,
        dropped,
        must: false,
        place: ItemPlace { file: "tasks.md".into(), line: 1 },
    }
}

fn verdict(proofs: &BTreeMap<StepId, StepProof>, covering: &[&str]) -> Verdict {
    let item = item("T1", false);
    let steps: Vec<(&str, &[&str])> = covering.iter().map(|step| (*step, ["T1"].as_slice())).collect();
    Checklist::judge(&[item], &outline(&steps), proofs).items[0].verdict
}

#[test]
fn an_item_is_done_only_when_every_covering_step_is_proven() {
    use Outcome::{Failed, Fallback, Fresh, Interrupted, Skipped, Succeeded};
    let cases: [(Known, Verdict); 24] = [
        (&[("s.a", Succeeded, false), ("s.b", Fresh, false)], Verdict::Done),
        (&[("s.a", Succeeded, false)], Verdict::Open),
        (&[], Verdict::Open),
        (&[("s.c", Succeeded, false)], Verdict::Open),
        (&[("s.a", Succeeded, false), ("s.b", Fallback, false)], Verdict::Fallback),
        (&[("s.a", Succeeded, true), ("s.b", Fallback, false)], Verdict::Stale),
        (&[("s.a", Succeeded, true), ("s.b", Failed, false)], Verdict::Failed),
        (&[("s.a", Failed, false)], Verdict::Failed),
        (&[("s.a", Succeeded, false), ("s.b", Interrupted, false)], Verdict::Open),
        (&[("s.a", Skipped, false), ("s.b", Succeeded, false)], Verdict::Open),
        (&[("s.a", Succeeded, false), ("s.ran", Succeeded, false)], Verdict::Ran),
        (&[("s.a", Fallback, false), ("s.ran", Succeeded, false)], Verdict::Ran),
        (&[("s.a", Succeeded, true), ("s.ran", Succeeded, false)], Verdict::Stale),
        (&[("s.ran", Failed, false), ("s.a", Succeeded, false)], Verdict::Failed),
        (&[("s.a", Succeeded, false), ("s.said", Succeeded, false)], Verdict::Manual),
        (&[("s.a", Fallback, false), ("s.said", Fresh, false)], Verdict::Manual),
        (&[("s.a", Succeeded, false), ("s.said", Fallback, false)], Verdict::Manual),
        (&[("s.a", Succeeded, false), ("s.said", Succeeded, true)], Verdict::Stale),
        (&[("s.a", Succeeded, false), ("s.said", Failed, false)], Verdict::Failed),
        (&[("s.said", Succeeded, false), ("s.again", Succeeded, false)], Verdict::Flaky),
        (&[("s.a", Fallback, false), ("s.again", Fallback, false)], Verdict::Flaky),
        (&[("s.ran", Succeeded, false), ("s.again", Succeeded, false)], Verdict::Ran),
        (&[("s.a", Succeeded, false), ("s.again", Succeeded, true)], Verdict::Stale),
        (&[("s.a", Succeeded, false), ("s.again", Failed, false)], Verdict::Failed),
    ];
    for (known, expected) in cases {
        let special: Vec<&str> = ["s.ran", "s.said", "s.again"]
            .into_iter()
            .filter(|step| known.iter().any(|(one, ..)| one == step))
            .collect();
        let covering = match special.as_slice() {
            [] => vec!["s.a", "s.b"],
            [one] => vec!["s.a", *one],
            several => several.to_vec(),
        };
        assert_eq!(verdict(&proofs(known), &covering), expected, "{known:?}");
    }
}

#[test]
fn only_what_is_proven_is_ticked_and_only_what_is_settled_passes() {
    let of = |holds: fn(Verdict) -> bool| -> Vec<&str> {
        Verdict::ALL.into_iter().filter(|verdict| holds(*verdict)).map(Verdict::word).collect()
    };
    assert_eq!(of(Verdict::is_ticked), ["done", "fallback", "manual"]);
    assert_eq!(of(Verdict::passes), ["done", "fallback", "manual", "waived", "dropped"]);
    // The counts are kept by number.
    for (n, verdict) in Verdict::ALL.into_iter().enumerate() {
        assert_eq!(verdict as usize, n, "{verdict:?}");
    }
}

fn waivers(item: &str) -> BTreeMap<ItemId, Waiver> {
    let waiver = Waiver {
        owner: "ana".into(),
        reason: "no image here".into(),
        expires: "2026-11-30".into(),
        ends_ms: 1000,
        place: ItemPlace { file: "waivers.toml".into(), line: 1 },
    };
    BTreeMap::from([(ItemId::new(item).unwrap(), waiver)])
}

#[test]
fn a_waiver_holds_until_its_end_and_only_for_what_does_not_pass_by_itself() {
    use Outcome::{Failed, Fallback, Succeeded};
    let cases: [(Known, i64, Verdict, WaiverState); 11] = [
        (&[], 999, Verdict::Waived, WaiverState::InForce),
        (&[], 1000, Verdict::Failed, WaiverState::Expired),
        (&[("s.a", Failed, false)], 0, Verdict::Waived, WaiverState::InForce),
        (&[("s.a", Failed, false)], 1000, Verdict::Failed, WaiverState::Expired),
        (&[("s.a", Succeeded, true)], 0, Verdict::Waived, WaiverState::InForce),
        (&[("s.again", Succeeded, false)], 0, Verdict::Waived, WaiverState::InForce),
        (&[("s.ran", Succeeded, false)], 1000, Verdict::Failed, WaiverState::Expired),
        (&[("s.a", Succeeded, false)], 0, Verdict::Done, WaiverState::Unneeded),
        (&[("s.a", Succeeded, false)], 1000, Verdict::Done, WaiverState::Unneeded),
        (&[("s.a", Fallback, false)], 0, Verdict::Fallback, WaiverState::Unneeded),
        (&[("s.said", Succeeded, false)], 0, Verdict::Manual, WaiverState::Unneeded),
    ];
    for (known, now_ms, verdict, state) in cases {
        let covering = known.first().map_or("s.a", |(step, ..)| *step);
        let outline = outline(&[(covering, &["T1"])]);
        let judged = Checklist::judge(&[item("T1", false)], &outline, &proofs(known));
        let status = &judged.waived(&waivers("T1"), now_ms).items[0];
        let applied = status.waiver.as_ref().unwrap();
        assert_eq!((status.verdict, applied.state), (verdict, state), "{known:?} at {now_ms}");
        assert_eq!(applied.waiver.owner, "ana");
    }
    // That of another item changes nothing.
    let list = Checklist::judge(&[item("T1", false)], &outline(&[]), &BTreeMap::new()).waived(&waivers("T2"), 0);
    assert_eq!((list.items[0].verdict, &list.items[0].waiver), (Verdict::Open, &None));
}

#[test]
fn a_must_is_neither_waived_nor_dropped() {
    let must = Item { must: true, ..item("T1", false) };
    let list = Checklist::judge(&[must], &outline(&[]), &BTreeMap::new()).waived(&waivers("T1"), 0);
    assert_eq!((list.items[0].verdict, &list.items[0].waiver), (Verdict::Open, &None));
    let dropped = Item { must: true, ..item("T1", true) };
    let list = Checklist::judge(&[dropped], &outline(&[]), &BTreeMap::new());
    assert_eq!(list.items[0].verdict, Verdict::Open);
}

#[test]
fn evidence_of_a_fallback_and_for_another_text_is_told_apart() {
    let mut known = proofs(&[("s.a", Outcome::Succeeded, false)]);
    let proof = known.get_mut(&StepId::new("s.a").unwrap()).unwrap();
    proof.is_fallback = true;
    assert_eq!(verdict(&known, &["s.a"]), Verdict::Fallback);
    let proof = known.get_mut(&StepId::new("s.a").unwrap()).unwrap();
    proof.changed_items.insert(ItemId::new("T2").unwrap(), "its text has changed".into());
    assert_eq!(verdict(&known, &["s.a"]), Verdict::Fallback);
    let proof = known.get_mut(&StepId::new("s.a").unwrap()).unwrap();
    proof.changed_items.insert(ItemId::new("T1").unwrap(), "its text has changed".into());
    assert_eq!(verdict(&known, &["s.a"]), Verdict::Stale);
}

#[test]
fn a_dropped_item_is_not_open_unless_a_step_covers_it() {
    let outline = outline(&[("s.a", &["T1"])]);
    let list = Checklist::judge(&[item("T1", true), item("T2", true)], &outline, &BTreeMap::new());
    assert_eq!(list.items.iter().map(|status| status.verdict).collect::<Vec<_>>(), [Verdict::Open, Verdict::Dropped]);
}
