//! The checklist: items from a `tasks.md`, evidence from the journal, and the resulting verdicts.

use std::collections::BTreeMap;

use super::{Item, ItemId, NearItem, Outcome, Outline, Output, ProofKind, RunId, StepId};

/// Evidence for or against an item: one run of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The step.
    pub step: StepId,
    /// The run in which it ended.
    pub run: RunId,
    /// When it ended, in milliseconds since the Unix epoch.
    pub finished_ms: i64,
    /// The duration of its action in milliseconds; that of the run that proved it, not of a later check that found it
    /// fresh.
    pub duration_ms: u64,
    /// The path of its log, relative to the project; `None` if it printed nothing.
    pub log: Option<String>,
    /// Its output.
    pub output: Output,
    /// The commit that was checked out, if the project is a git work tree.
    pub commit: Option<String>,
    /// What can be seen of it now.
    pub kind: ProofKind,
    /// The fallback that stood in for the step.
    pub proven_by: Option<StepId>,
    /// Why it is out of date, if it is.
    pub stale: Option<String>,
}

/// The last result of a covering step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepProof {
    /// Its last outcome.
    pub outcome: Outcome,
    /// Whether the step is itself a fallback, which has stood in for another one.
    pub is_fallback: bool,
    /// The evidence; its `stale` holds for all items.
    pub evidence: Evidence,
    /// The items that it is no evidence for as they stand now, each with the reason.
    pub changed_items: BTreeMap<ItemId, String>,
}

/// The verdict on an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Every covering step proved it, and that was still true when last checked.
    Done,
    /// Proven, in part at least by a declared fallback.
    Fallback,
    /// A covering step ran and succeeded, and nothing shows what that has brought about.
    Ran,
    /// Was proven; an input or the result has changed since.
    Stale,
    /// A covering step failed.
    Failed,
    /// Never proven, or nothing covers it.
    Open,
    /// Its box in the file says that it is not going to be done, and no step covers it.
    Dropped,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 7] =
        [Self::Done, Self::Fallback, Self::Ran, Self::Stale, Self::Failed, Self::Open, Self::Dropped];

    /// Returns the word used in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Fallback => "fallback",
            Self::Ran => "ran",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Open => "open",
            Self::Dropped => "dropped",
        }
    }

    /// Returns whether the item counts as proven.
    pub fn is_ticked(self) -> bool {
        matches!(self, Self::Done | Self::Fallback)
    }
}

/// An item with its verdict and its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemStatus {
    /// The item.
    pub item: Item,
    /// The verdict.
    pub verdict: Verdict,
    /// The steps that claim to cover it, in the order of the pipeline.
    pub covered_by: Vec<StepId>,
    /// The last run of each of them that ever ended.
    pub evidence: Vec<Evidence>,
}

/// The number of items with each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([usize; Verdict::ALL.len()]);

impl Counts {
    /// Returns the number of items with `verdict`.
    pub fn of(&self, verdict: Verdict) -> usize {
        self.0[verdict as usize]
    }

    /// Returns the number of all items.
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }
}

/// Every item with its verdict, in the order of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checklist {
    /// The items.
    pub items: Vec<ItemStatus>,
    /// The lines that look like items and are none.
    pub near: Vec<NearItem>,
}

impl Checklist {
    /// Determines the verdict on each of `items`: it is done if *every* step that covers it is proven. `proofs` has the
    /// last result of each step.
    pub fn judge(items: &[Item], outline: &Outline, proofs: &BTreeMap<StepId, StepProof>) -> Self {
        let mut covering: BTreeMap<&ItemId, Vec<&StepId>> = BTreeMap::new();
        for step in outline.steps() {
            for item in &step.covers {
                covering.entry(item).or_default().push(&step.id);
            }
        }
        let items = items
            .iter()
            .map(|item| {
                let steps = covering.get(&item.id).map(Vec::as_slice).unwrap_or_default();
                let proofs = || steps.iter().map(|step| proofs.get(*step).map(|proof| proof.of_item(&item.id)));
                let uncovered = if item.dropped { Verdict::Dropped } else { Verdict::Open };
                let verdict = proofs().map(|proof| step_verdict(proof.as_ref())).max().unwrap_or(uncovered);
                // One failed step outweighs others that are not proven yet.
                let failed = proofs().any(|proof| step_verdict(proof.as_ref()) == Verdict::Failed);
                ItemStatus {
                    item: item.clone(),
                    verdict: if failed { Verdict::Failed } else { verdict },
                    covered_by: steps.iter().map(|step| (*step).clone()).collect(),
                    evidence: proofs().flatten().map(|proof| proof.evidence).collect(),
                }
            })
            .collect();
        Self { items, near: Vec::new() }
    }

    /// The number of items with each verdict.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for status in &self.items {
            counts.0[status.verdict as usize] += 1;
        }
        counts
    }
}

impl StepProof {
    /// Returns what it is for one item.
    fn of_item(&self, item: &ItemId) -> Self {
        let mut proof = self.clone();
        if proof.evidence.stale.is_none() {
            proof.evidence.stale = self.changed_items.get(item).cloned();
        }
        proof
    }
}

fn step_verdict(proof: Option<&StepProof>) -> Verdict {
    match proof {
        None => Verdict::Open,
        Some(proof) => match proof.outcome {
            Outcome::Failed => Verdict::Failed,
            Outcome::Interrupted | Outcome::Blocked | Outcome::Skipped => Verdict::Open,
            _ if proof.evidence.stale.is_some() => Verdict::Stale,
            _ if proof.evidence.kind == ProofKind::Ran => Verdict::Ran,
            Outcome::Succeeded | Outcome::Fresh if proof.is_fallback => Verdict::Fallback,
            Outcome::Fallback => Verdict::Fallback,
            Outcome::Succeeded | Outcome::Fresh => Verdict::Done,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ItemPlace, StageId, StageOutline, StepOutline};
    use super::*;

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
            run: RunId::new("r").unwrap(),
            finished_ms: 0,
            duration_ms: 0,
            log: None,
            output: Output::new(),
            commit: None,
            kind,
            proven_by: None,
            stale: stale.then(|| "something changed".to_owned()),
        };
        (step, StepProof { outcome, is_fallback: false, evidence, changed_items: BTreeMap::new() })
    }

    /// Step, outcome, staleness; a step `ran` shows only that it ran.
    type Known<'a> = &'a [(&'a str, Outcome, bool)];

    fn proofs(known: Known) -> BTreeMap<StepId, StepProof> {
        let kind = |step: &str| if step == "s.ran" { ProofKind::Ran } else { ProofKind::Probe };
        known.iter().map(|(step, outcome, stale)| proof(step, *outcome, *stale, kind(step))).collect()
    }

    fn item(id: &str, dropped: bool) -> Item {
        Item {
            id: ItemId::new(id).unwrap(),
            has_id: true,
            phase: String::new(),
            text: String::new(),
            ticked: true,
            dropped,
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
        let cases: [(Known, Verdict); 14] = [
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
        ];
        for (known, expected) in cases {
            let covering =
                if known.iter().any(|(step, ..)| *step == "s.ran") { ["s.a", "s.ran"] } else { ["s.a", "s.b"] };
            assert_eq!(verdict(&proofs(known), &covering), expected, "{known:?}");
        }
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
        assert_eq!(
            list.items.iter().map(|status| status.verdict).collect::<Vec<_>>(),
            [Verdict::Open, Verdict::Dropped]
        );
    }
}
