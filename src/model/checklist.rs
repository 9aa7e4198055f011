//! The checklist: items from a `tasks.md`, evidence from the journal, and the resulting verdicts.

use std::collections::BTreeMap;

use super::{AppliedWaiver, Evidence, Item, ItemId, NearItem, Outline, StepId, StepProof, Verdict, Waiver};

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
    /// Its waiver, if it has one.
    pub waiver: Option<AppliedWaiver>,
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
                // What has to be can't be dropped.
                let uncovered = if item.dropped && !item.must { Verdict::Dropped } else { Verdict::Open };
                let verdict = proofs().map(|proof| Verdict::of_step(proof.as_ref())).max().unwrap_or(uncovered);
                // One failed step outweighs others that are not proven yet.
                let failed = proofs().any(|proof| Verdict::of_step(proof.as_ref()) == Verdict::Failed);
                ItemStatus {
                    item: item.clone(),
                    verdict: if failed { Verdict::Failed } else { verdict },
                    covered_by: steps.iter().map(|step| (*step).clone()).collect(),
                    evidence: proofs().flatten().map(|proof| proof.evidence).collect(),
                    waiver: None,
                }
            })
            .collect();
        Self { items, near: Vec::new() }
    }

    /// Applies `waivers`, as they are at `now_ms`, to the items that do not pass without. One that is marked as a MUST
    /// is never waived.
    #[must_use]
    pub fn waived(mut self, waivers: &BTreeMap<ItemId, Waiver>, now_ms: i64) -> Self {
        for status in self.items.iter_mut().filter(|status| !status.item.must) {
            let Some(waiver) = waivers.get(&status.item.id) else { continue };
            let state = waiver.state_at(status.verdict, now_ms);
            status.verdict = state.verdict(status.verdict);
            status.waiver = Some(AppliedWaiver { waiver: waiver.clone(), state });
        }
        self
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

#[cfg(test)]
mod tests;
