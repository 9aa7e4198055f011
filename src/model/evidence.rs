//! [`Evidence`]: one run of a step, for or against the items that it covers.

use std::collections::BTreeMap;

use super::{ItemId, Outcome, Output, ProofKind, RunId, StepId};

/// Evidence for or against an item: one run of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The step.
    pub step: StepId,
    /// How it ended.
    pub outcome: Outcome,
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
    /// The attempts that failed before the one that proved it, of the fallback if that did.
    pub attempts: Vec<Attempt>,
    /// Why it is out of date, if it is.
    pub stale: Option<String>,
}

/// An attempt that failed, and was followed by another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it ended, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Why it failed.
    pub message: String,
}

/// The last result of a covering step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepProof {
    /// Whether the step is itself a fallback, which has stood in for another one.
    pub is_fallback: bool,
    /// The evidence; its `stale` holds for all items.
    pub evidence: Evidence,
    /// The items that it is no evidence for as they stand now, each with the reason.
    pub changed_items: BTreeMap<ItemId, String>,
}

impl StepProof {
    /// Returns what it is for one item.
    pub(super) fn of_item(&self, item: &ItemId) -> Self {
        let mut proof = self.clone();
        if proof.evidence.stale.is_none() {
            proof.evidence.stale = self.changed_items.get(item).cloned();
        }
        proof
    }
}
