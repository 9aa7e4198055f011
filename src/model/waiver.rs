//! [`Waiver`]: somebody answers for an item that is not proven, until a date.

use super::{ItemPlace, Verdict};

/// An entry of the file of waivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Who answers for it.
    pub owner: String,
    /// Why it may stay unproven.
    pub reason: String,
    /// The last day on which it holds: `2026-12-31`.
    pub expires: String,
    /// The moment at which it has expired, in milliseconds since the Unix epoch: the end of that day, in UTC.
    pub ends_ms: i64,
    /// Its place in the file.
    pub place: ItemPlace,
}

/// What a waiver does for its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaiverState {
    /// The item is waived.
    InForce,
    /// It would be, and the waiver has expired.
    Expired,
    /// Nothing: the item needs none.
    Unneeded,
}

/// A waiver with what it does for its item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedWaiver {
    /// The waiver.
    pub waiver: Waiver,
    /// What it does.
    pub state: WaiverState,
}

impl Waiver {
    /// Returns what it does for an item with this verdict.
    pub(super) fn state_at(&self, verdict: Verdict, now_ms: i64) -> WaiverState {
        match verdict {
            verdict if verdict.passes() => WaiverState::Unneeded,
            _ if now_ms < self.ends_ms => WaiverState::InForce,
            _ => WaiverState::Expired,
        }
    }
}

impl WaiverState {
    /// Returns the word used in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::InForce => "in force",
            Self::Expired => "expired",
            Self::Unneeded => "not needed",
        }
    }

    /// Returns the verdict on an item that has `verdict` without the waiver.
    pub(super) fn verdict(self, verdict: Verdict) -> Verdict {
        match self {
            Self::InForce => Verdict::Waived,
            Self::Expired => Verdict::Failed,
            Self::Unneeded => verdict,
        }
    }
}
