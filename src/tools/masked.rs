//! [`Masked`]: the cluster whose generated secrets are masked.

use std::time::{Duration, Instant};

use crate::error::Failure;
use crate::fingerprint::Digest;

/// How long a cluster that could not be reached is not asked again. Finding that out takes some seconds where its
/// machine is gone, and every step asks.
const STAYS_AWAY: Duration = Duration::from_secs(30);

/// The cluster, by the digest of its kubeconfig, whose generated secrets are masked, or that could not be reached.
#[derive(Debug, Default)]
pub(super) enum Masked {
    #[default]
    Nothing,
    Of(Digest),
    Unreachable(Digest, Instant),
}

impl Masked {
    /// What follows from asking the cluster now.
    pub(super) fn of<T>(cluster: Digest, found: &Result<T, Failure>) -> Self {
        match found {
            Err(failure) if failure.transient => Self::Unreachable(cluster, Instant::now()),
            _ => Self::Of(cluster),
        }
    }

    /// Whether `cluster` need not be asked.
    pub(super) fn is_settled(&self, cluster: Digest) -> bool {
        match self {
            Self::Nothing => false,
            Self::Of(known) => *known == cluster,
            Self::Unreachable(known, at) => *known == cluster && at.elapsed() < STAYS_AWAY,
        }
    }

    /// A cluster that could not be reached is asked again.
    pub(super) fn forget_failure(&mut self) {
        if let Self::Unreachable(..) = self {
            *self = Self::Nothing;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_cannot_be_reached_is_asked_again_only_after_a_step_that_may_have_started_it() {
        let (ours, other) = (Digest::of(b"ours"), Digest::of(b"other"));
        let mut masked = Masked::default();
        assert!(!masked.is_settled(ours));

        masked = Masked::of(ours, &Err::<(), _>(Failure::failed("no route").transient()));
        assert!(masked.is_settled(ours));
        assert!(!masked.is_settled(other));
        masked.forget_failure();
        assert!(!masked.is_settled(ours));

        masked = Masked::Unreachable(ours, Instant::now().checked_sub(STAYS_AWAY).unwrap());
        assert!(!masked.is_settled(ours));
    }

    #[test]
    fn a_cluster_that_has_said_what_it_has_is_not_asked_again() {
        let ours = Digest::of(b"ours");
        for found in [Ok(()), Err(Failure::failed("forbidden"))] {
            let mut masked = Masked::of(ours, &found);
            masked.forget_failure();
            assert!(masked.is_settled(ours));
        }
    }
}
