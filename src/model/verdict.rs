//! [`Verdict`]: what the evidence says about an item.

use super::{Outcome, ProofKind, StepProof};

/// The verdict on an item. Of several steps that cover one, the greatest verdict counts, and before all a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Every covering step proved it, and that was still true when last checked.
    Done,
    /// Proven, in part at least by a declared fallback.
    Fallback,
    /// Proven, in part at least by the word of a person.
    Manual,
    /// Not proven; somebody answers for it in the file of waivers, until a date.
    Waived,
    /// Proven, but a covering step needed more than one attempt.
    Flaky,
    /// A covering step ran and succeeded, and nothing shows what that has brought about.
    Ran,
    /// Was proven; an input or the result has changed since.
    Stale,
    /// A covering step failed, or the waiver has expired.
    Failed,
    /// Never proven, or nothing covers it.
    Open,
    /// Its box in the file says that it is not going to be done, and no step covers it.
    Dropped,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 10] = [
        Self::Done,
        Self::Fallback,
        Self::Manual,
        Self::Waived,
        Self::Flaky,
        Self::Ran,
        Self::Stale,
        Self::Failed,
        Self::Open,
        Self::Dropped,
    ];

    /// Returns the word used in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Fallback => "fallback",
            Self::Manual => "manual",
            Self::Waived => "waived",
            Self::Flaky => "flaky",
            Self::Ran => "ran",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Open => "open",
            Self::Dropped => "dropped",
        }
    }

    /// Returns what it means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "proven, and still true now",
            Self::Fallback => "proven by a declared fallback",
            Self::Manual => "confirmed by a person",
            Self::Waived => "not proven; somebody answers for it until a date",
            Self::Flaky => "proven only after a failed attempt",
            Self::Ran => "a command ran; nothing shows its result",
            Self::Stale => "was proven; something has changed since",
            Self::Failed => "a step failed, or the waiver has expired",
            Self::Open => "never proven",
            Self::Dropped => "its box says that it is not going to be done",
        }
    }

    /// Returns whether the item counts as proven: its box gets a tick.
    pub fn is_ticked(self) -> bool {
        matches!(self, Self::Done | Self::Fallback | Self::Manual)
    }

    /// Returns whether nothing is left to do for the item: it is proven, waived, or dropped.
    pub fn passes(self) -> bool {
        self.is_ticked() || matches!(self, Self::Waived | Self::Dropped)
    }

    /// Returns what the last result of a covering step says; `None` if it never ended.
    pub(super) fn of_step(proof: Option<&StepProof>) -> Self {
        let Some(proof) = proof else { return Self::Open };
        let evidence = &proof.evidence;
        match evidence.outcome {
            Outcome::Failed => Self::Failed,
            Outcome::Interrupted | Outcome::Blocked | Outcome::Skipped => Self::Open,
            Outcome::Succeeded | Outcome::Fresh | Outcome::Fallback => match evidence.kind {
                _ if evidence.stale.is_some() => Self::Stale,
                ProofKind::Ran => Self::Ran,
                _ if !evidence.attempts.is_empty() => Self::Flaky,
                ProofKind::Confirmed => Self::Manual,
                _ if proof.is_fallback || evidence.outcome == Outcome::Fallback => Self::Fallback,
                _ => Self::Done,
            },
        }
    }
}
