//! [`ChainVerdict`]: what a run has decided of a chain of exercises.

use crate::error::Failure;
use crate::fingerprint::{Freshness, StaleReason};
use crate::model::StepId;

/// What is decided of a chain of exercises: once, when the first of its steps is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChainVerdict {
    /// Nothing yet.
    Open,
    /// All of it is fresh.
    Holds,
    /// All of it is done again, because this step has to run.
    Again(StepId),
}

impl ChainVerdict {
    /// Takes in the check of `step`. Fails where it has to run and the ones before it were passed over as fresh: what
    /// it builds on is not there.
    pub(super) fn judge(&mut self, step: &StepId, freshness: &Freshness) -> Result<(), Failure> {
        match (&*self, freshness) {
            (Self::Open, Freshness::Fresh) => *self = Self::Holds,
            (Self::Open, Freshness::Stale(StaleReason::AgainWith(other))) => *self = Self::Again(other.clone()),
            (Self::Open, Freshness::Stale(_)) => *self = Self::Again(step.clone()),
            (Self::Holds, Freshness::Stale(reason)) => {
                let message =
                    format!("it has to run ({reason}), and the steps that it builds on were fresh in this run");
                return Err(Failure::failed(message).hint("run `provision up` again: it does all of this exercise"));
            }
            (Self::Holds, Freshness::Fresh) | (Self::Again(_), _) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_check_decides_and_a_later_one_can_not_begin_in_the_middle() {
        let (first, other) = (StepId::new("s.first").unwrap(), StepId::new("s.other").unwrap());
        let stale = Freshness::Stale(StaleReason::NeverRun);
        let again = Freshness::Stale(StaleReason::AgainWith(other.clone()));
        for (freshness, verdict) in [
            (&Freshness::Fresh, ChainVerdict::Holds),
            (&stale, ChainVerdict::Again(first.clone())),
            (&again, ChainVerdict::Again(other.clone())),
        ] {
            let mut chain = ChainVerdict::Open;
            chain.judge(&first, freshness).unwrap();
            assert_eq!(chain, verdict);
        }
        let failure = ChainVerdict::Holds.judge(&other, &stale).unwrap_err();
        assert!(failure.message.contains("never run"), "{}", failure.message);
        ChainVerdict::Again(first).judge(&other, &Freshness::Fresh).unwrap();
    }
}
