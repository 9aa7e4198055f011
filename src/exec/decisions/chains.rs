//! Steps that count only together: an exercise with the others of its chain, and a step that its fallback has proven
//! with that fallback.

use std::sync::Arc;

use super::Decisions;
use crate::error::Failure;
use crate::exec::chain_verdict::ChainVerdict;
use crate::exec::tasks::{Companion, Companions};
use crate::fingerprint::{Freshness, StaleReason};
use crate::model::StepId;
use crate::pipeline::Outputs;

impl Decisions<'_> {
    /// Returns why a step has to run whatever its check finds, and the steps that count only together with it.
    pub(super) fn together(&self, number: usize) -> (Option<StaleReason>, Companions) {
        let forced = self.plan.forced[number].then_some(StaleReason::Forced);
        if let Some(fallback) = self.graph.stand_in(number, &self.run.history) {
            return (forced, Companions { steps: vec![self.companion(fallback)], of_one_run: false });
        }
        let node = &self.graph.steps[number];
        let Some(chain) = node.chain else { return (forced, Companions::default()) };
        match &self.verdicts[chain] {
            ChainVerdict::Holds => (forced, Companions::default()),
            ChainVerdict::Again(step) => {
                (forced.or_else(|| Some(StaleReason::AgainWith(step.clone()))), Companions::default())
            }
            ChainVerdict::Open => {
                let others = self.graph.chains[chain].iter().copied();
                let counts = |other: &usize| {
                    *other != number
                        && self.plan.selected[*other]
                        && !matches!(self.schedule.applies(*other), Ok(false))
                };
                (
                    forced,
                    Companions {
                        steps: others.filter(counts).map(|other| self.companion(other)).collect(),
                        of_one_run: true,
                    },
                )
            }
        }
    }

    /// A companion, with the outputs that there are now, or the last ones of steps that are not over.
    fn companion(&self, number: usize) -> Companion {
        let step = Arc::clone(&self.graph.steps[number].step);
        let uses = step.binding.uses().iter();
        let output =
            |id: &StepId| self.schedule.outputs().get(id).or_else(|| self.run.history.output_for_others(id)).cloned();
        let outputs: Outputs = uses.filter_map(|(id, _)| Some((id.clone(), output(id)?))).collect();
        let action = step.binding.action(&outputs).ok();
        Companion { step, action, outputs, forced: self.plan.forced[number] }
    }

    /// Returns whether a step has to run, by what is decided of its chain.
    pub(super) fn judged(&mut self, number: usize, freshness: Freshness) -> Result<Freshness, Failure> {
        let node = &self.graph.steps[number];
        if let Some(chain) = node.chain {
            self.verdicts[chain].judge(&node.step.id, &freshness)?;
        }
        Ok(freshness)
    }

    /// Returns what is said of a fresh step that its fallback has proven.
    pub(super) fn stand_in_note(&self, number: usize) -> Option<String> {
        let fallback = self.graph.stand_in(number, &self.run.history)?;
        Some(format!("proven by {} instead", self.graph.steps[fallback].step.id))
    }
}
