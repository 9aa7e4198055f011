//! [`Learnt`]: whose generated secrets are known, and which cluster need not be asked for them at the moment.

use std::time::{Duration, Instant};

use crate::fingerprint::Digest;

/// How long a cluster that could not be reached is not asked again, unless a step has changed the world meanwhile.
/// Where nobody answers it takes seconds to find that out, and each step asks.
const UNREACHABLE_FOR: Duration = Duration::from_secs(5);

/// Whose generated secrets are known.
#[derive(Debug, Default)]
pub(super) struct Learnt {
    /// The digest of the cluster's kubeconfig.
    of: Option<Digest>,
    unreachable_since: Option<Instant>,
}

impl Learnt {
    /// Whether the cluster with the kubeconfig `stamp` has to be asked.
    pub(super) fn must_ask(&self, stamp: Digest) -> bool {
        let is_away = self.unreachable_since.is_some_and(|since| since.elapsed() < UNREACHABLE_FOR);
        self.of != Some(stamp) && !is_away
    }

    /// Notes that the secrets of the cluster with the kubeconfig `stamp` are known, or can't be.
    pub(super) fn settled(&mut self, stamp: Digest) {
        self.of = Some(stamp);
    }

    /// Notes that the cluster could not be reached just now.
    pub(super) fn unreachable(&mut self) {
        self.unreachable_since = Some(Instant::now());
    }

    /// Notes that a step has changed the world: the cluster may be there now.
    pub(super) fn world_changed(&mut self) {
        self.unreachable_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_is_away_is_asked_again_when_the_world_has_changed_or_a_while_has_passed() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let mut learnt = Learnt::default();
        assert!(learnt.must_ask(one));
        learnt.unreachable();
        assert!(!learnt.must_ask(one));
        learnt.world_changed();
        assert!(learnt.must_ask(one));
        learnt.unreachable_since = Instant::now().checked_sub(UNREACHABLE_FOR);
        assert!(learnt.must_ask(one));
        learnt.settled(one);
        assert!(!learnt.must_ask(one) && learnt.must_ask(other));
    }
}
