//! The last look: before a run succeeds, whatever it calls proven is probed once more, unless nothing was done since it
//! was last seen. Between its proof and the end of the run somebody else may have undone it, or a later step.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;

use super::contexts::Contexts;
use super::prefetch::MAX_IN_FLIGHT;
use super::tasks::caught;
use crate::action::{Action, Presence, standing};
use crate::model::{Output, ProofKind};
use crate::pipeline::Step;
use crate::tools::Cancel;
use crate::tools::process::pause;

/// The pause before what was not found is looked for again: one lost packet is no change.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// A verification that takes longer waits for something, and what was seen before it may have changed meanwhile.
const QUICK: Duration = Duration::from_secs(1);

/// When each step was last seen, counted in actions that had ended before.
#[derive(Debug)]
pub(super) struct Sightings {
    n_ended: usize,
    steps: Vec<Sighting>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sighting {
    /// How many actions had ended when its check or its action began.
    n_before: usize,
    /// Whether one of those that have ended is its own.
    ran: bool,
}

/// Something that the run has proven.
pub(super) struct Proven {
    pub(super) number: usize,
    pub(super) step: Arc<Step>,
    pub(super) action: Arc<dyn Action>,
    pub(super) output: Output,
}

impl Sightings {
    /// None yet, of `n_steps` steps; the checks before their turn begin now.
    pub(super) fn new(n_steps: usize) -> Self {
        Self { n_ended: 0, steps: vec![Sighting::default(); n_steps] }
    }

    /// The check or the action of a step begins: it will see what is there from now on.
    pub(super) fn begins(&mut self, number: usize) {
        self.steps[number].n_before = self.n_ended;
    }

    /// The action of a step has ended after `duration`. Returns whether what was seen before may be otherwise now: a
    /// quick verification changes nothing, so it counts for nothing.
    pub(super) fn ran(&mut self, number: usize, proof: ProofKind, duration: Duration) -> bool {
        let counts = proof != ProofKind::Check || duration >= QUICK;
        self.n_ended += usize::from(counts);
        self.steps[number].ran |= counts;
        counts
    }

    /// Whether another step's action was at work after the step was last seen.
    pub(super) fn is_in_doubt(&self, number: usize) -> bool {
        let Sighting { n_before, ran } = self.steps[number];
        self.n_ended - usize::from(ran) > n_before
    }
}

/// Probes everything that is `proven`, all at once. Returns what is no longer there: its number, and what a probe says.
pub(super) async fn look_again(proven: Vec<Proven>, contexts: Contexts, cancel: Cancel) -> Vec<(usize, String)> {
    contexts.forget_shared().await;
    let looks = proven.into_iter().map(|proven| look(proven, &contexts, &cancel));
    let mut gone: Vec<_> =
        stream::iter(looks).buffer_unordered(MAX_IN_FLIGHT).filter_map(std::future::ready).collect().await;
    gone.sort();
    gone
}

async fn look(proven: Proven, contexts: &Contexts, cancel: &Cancel) -> Option<(usize, String)> {
    probe(&proven, contexts, cancel).await?;
    tokio::select! {
        () = cancel.cancelled() => {}
        () = pause::sleep(SECOND_LOOK) => {}
    }
    let what = probe(&proven, contexts, cancel).await?;
    Some((proven.number, what))
}

/// Returns what is wrong.
async fn probe(proven: &Proven, contexts: &Contexts, cancel: &Cancel) -> Option<String> {
    let cx = contexts.looking(&proven.step.id, cancel);
    let probe = cx.unless_cancelled("probing the result again", standing(&*proven.action, &cx, &proven.output));
    match caught(probe, proven.step.timeout).await {
        Ok(Presence::Present) => None,
        Ok(Presence::Missing(what)) => Some(what),
        // What can't be seen is not known to be true.
        Err(failure) => Some(failure.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_in_doubt_once_another_one_has_been_at_work_since_it_was_seen() {
        let ran = |sightings: &mut Sightings, step| sightings.ran(step, ProofKind::Probe, Duration::ZERO);
        let mut sightings = Sightings::new(3);
        // Nothing to do: everything was checked ahead, and nothing ran.
        assert!((0..3).all(|step| !sightings.is_in_doubt(step)));
        // 0 runs, then 1 is checked, then 2 runs.
        sightings.begins(0);
        ran(&mut sightings, 0);
        sightings.begins(1);
        assert_eq!([0, 1, 2].map(|step| sightings.is_in_doubt(step)), [false, false, true]);
        sightings.begins(2);
        assert_eq!([0, 1, 2].map(|step| sightings.is_in_doubt(step)), [false, false, false]);
        ran(&mut sightings, 2);
        assert_eq!([0, 1, 2].map(|step| sightings.is_in_doubt(step)), [true, true, false]);
        // Two at the same time: each may have undone the other.
        let mut sightings = Sightings::new(2);
        sightings.begins(0);
        sightings.begins(1);
        ran(&mut sightings, 0);
        ran(&mut sightings, 1);
        assert_eq!([0, 1].map(|step| sightings.is_in_doubt(step)), [true, true]);
    }

    #[test]
    fn a_quick_verification_leaves_nothing_in_doubt_and_one_that_waits_does() {
        for (proof, duration, in_doubt) in [
            (ProofKind::Check, Duration::from_millis(999), false),
            (ProofKind::Check, QUICK, true),
            (ProofKind::Seen, Duration::ZERO, true),
            (ProofKind::Ran, Duration::ZERO, true),
        ] {
            let mut sightings = Sightings::new(2);
            sightings.begins(0);
            sightings.begins(1);
            assert_eq!(sightings.ran(1, proof, duration), in_doubt);
            assert_eq!([0, 1].map(|step| sightings.is_in_doubt(step)), [in_doubt, false], "{proof:?} {duration:?}");
        }
    }
}
