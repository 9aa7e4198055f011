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
    /// Returns why a step has to run, whatever its check finds.
    pub(super) fn imposed(&self, number: usize) -> Option<StaleReason> {
        if self.plan.forced[number] {
            return Some(StaleReason::Forced);
        }
        match &self.verdicts[self.graph.steps[number].chain?] {
            ChainVerdict::Again(step) => Some(StaleReason::AgainWith(step.clone())),
            ChainVerdict::Open | ChainVerdict::Holds => None,
        }
    }

    /// Returns the steps that count only together with a step, as far as that is not decided.
    pub(super) fn companions(&self, number: usize) -> Companions {
        let stand_ins = self.graph.stand_ins(number, &self.run.history);
        let steps: Vec<Companion> = stand_ins.map(|fallback| self.companion(fallback)).collect();
        if !steps.is_empty() {
            return Companions { steps, of_one_run: false };
        }
        let undecided = |chain: &usize| matches!(self.verdicts[*chain], ChainVerdict::Open);
        let Some(chain) = self.graph.steps[number].chain.filter(undecided) else {
            return Companions::default();
        };
        let counts = |other: &usize| {
            *other != number && self.plan.selected[*other] && !matches!(self.schedule.applies(*other), Ok(false))
        };
        let others = self.graph.chains[chain].iter().copied().filter(counts);
        Companions { steps: others.map(|other| self.companion(other)).collect(), of_one_run: true }
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
