//! The ends of steps: what is recorded and announced of them, and what a run has proven by them.

use std::sync::Arc;

use super::Decisions;
use crate::error::{Failure, ids};
use crate::event::{EventKind, log_path};
use crate::exec::completion::{Completion, complete, end_without_run};
use crate::exec::effects::{Durable, Effect, End};
use crate::exec::last_look::Proven;
use crate::exec::messages::ActionResult;
use crate::exec::schedule::Propagation;
use crate::model::{Outcome, StepId};

impl Decisions<'_> {
    /// What the run has proven, can be seen, and may have been undone since it was last seen.
    pub(in crate::exec) fn proven_in_doubt(&self) -> Vec<Proven> {
        // A fresh step that its fallback has proven is shown by that.
        let shown_by = |number| self.graph.stand_ins(number, &self.run.history).last().unwrap_or(number);
        let fresh = self.schedule.ended_with(&[Outcome::Fresh]).map(|number| (number, shown_by(number)));
        let succeeded = self.schedule.ended_with(&[Outcome::Succeeded]).map(|number| (number, number));
        fresh
            .chain(succeeded)
            .filter_map(|(number, shown_by)| {
                let outputs = self.schedule.outputs();
                let step = Arc::clone(&self.graph.steps[shown_by].step);
                let action = step.binding.action(outputs).ok()?;
                let output = outputs.get(&self.graph.steps[number].step.id);
                let is_in_doubt =
                    self.sightings.is_in_doubt(number) || output.is_some_and(|output| action.is_provisional(output));
                let output = output.cloned().unwrap_or_default();
                (is_in_doubt && action.proof().is_visible()).then_some(Proven { number, step, action, output })
            })
            .collect()
    }

    /// Returns the steps that are `gone`, with what is wrong, and whether the run's success does not depend on them.
    pub(in crate::exec) fn named(&self, gone: Vec<(usize, String)>) -> impl Iterator<Item = (StepId, String, bool)> {
        gone.into_iter().map(|(number, what)| {
            let step = self.graph.steps[number].step.id.clone();
            (step, self.run.tools.redactor().text(&what), self.graph.is_optional(number))
        })
    }

    /// Whether steps have failed, and none is proven: all of them are optional.
    pub(in crate::exec) fn has_proven_nothing(&self) -> bool {
        let proofs = [Outcome::Succeeded, Outcome::Fresh, Outcome::Fallback];
        self.schedule.ended_with(&[Outcome::Failed]).next().is_some()
            && self.schedule.ended_with(&proofs).next().is_none()
    }

    /// Whether a step needs a person's answer and there is nobody to give it.
    pub(super) fn lacks_person(&self, number: usize) -> bool {
        !self.run.prompts.has_person() && self.schedule.action(number).is_some_and(|action| action.needs_person())
    }

    /// A step waits for a person who is not there: nothing is recorded, so it is as open as before. Its fallback may
    /// prove the same.
    pub(super) fn leave_open(&mut self, number: usize) -> Option<Effect> {
        let step = &self.graph.steps[number].step.id;
        let failure = Failure::of(ids::ANSWER_NEEDED, "it needs the answer of a person, and nobody can be asked here")
            .hint(format!("answer it on a terminal: `provision stage {} --only`", step.stage()))
            .hint("with `optional = true` the run goes on without it; with `fallback` another step can prove the same");
        if self.schedule.fallback(number).is_some() {
            return self.fail_unstarted(number, failure);
        }
        let mut finished = end_without_run(step.clone(), Outcome::Blocked, None);
        finished.failure = Some(failure);
        Some(End::of(number, None, finished, true).into())
    }

    /// A step's action is over. Where it failed, its fallback may still prove the same.
    pub(super) fn ran(&mut self, result: ActionResult) -> Option<Effect> {
        let number = result.number;
        if let (Err(_), Some(fallback), false) =
            (&result.result, self.schedule.fallback(number), self.cancel.is_cancelled())
        {
            self.schedule.release_slot(number);
            self.schedule.activate_fallback(fallback);
            self.awaiting_fallback.push(result);
            return None;
        }
        Some(self.finish(result, None, true))
    }

    /// A step is over for good. `proven_by` is the fallback that proved the same.
    pub(super) fn finish(&self, result: ActionResult, proven_by: Option<usize>, holds_slot: bool) -> Effect {
        let ActionResult { number, cx, inputs, changed, result, attempts, proof, duration } = result;
        let step = &self.graph.steps[number].step.id;
        let proven_by = proven_by.map(|fallback| {
            let fallback = &self.graph.steps[fallback].step.id;
            (fallback, self.schedule.outputs().get(fallback).cloned().unwrap_or_default())
        });
        let completion = Completion {
            step,
            run: &self.run.id,
            result,
            proven_by,
            cancelled: self.cancel.is_cancelled(),
            inputs,
            changed,
            items: self.graph.steps[number].step.items.clone(),
            attempts,
            proof: Some(proof),
            log: cx.finish().map(|has_log| has_log.then(|| self.log_name(step))),
            leaked: cx.leaked(),
            duration,
        };
        let (record, finished) = complete(completion, self.run.tools.redactor());
        End::of(number, Some(record), finished, holds_slot).into()
    }

    fn log_name(&self, step: &StepId) -> String {
        let path = log_path(self.run.tools.state_dir(), &self.run.id, step);
        path.strip_prefix(self.run.tools.root()).unwrap_or(&path).display().to_string()
    }

    /// Announces a step's end and releases what waited for it. The end of a fallback is that of the step that it stands
    /// in for.
    pub(in crate::exec) fn announce(&mut self, end: Durable<End>) -> Option<Effect> {
        let end = end.into_inner();
        let is_unproven = matches!(end.propagation, Propagation::Failed | Propagation::Open);
        if is_unproven && !self.graph.is_optional(end.number) {
            if self.worst.is_none() {
                self.worst_step = Some(self.graph.steps[end.number].step.id.clone());
            }
            self.worst.get_or_insert_with(|| end.failure());
        }
        let End { number, event, outcome, output, propagation, holds_slot, .. } = end;
        self.path.end(number, self.run.sink.elapsed());
        self.run.sink.send(event);
        let released = self.schedule.ended(number, outcome, propagation, output, holds_slot);
        for next in released.ready {
            self.path.released(next, number);
        }
        for (blocked, by) in released.blocked {
            let note = format!("needs {}", self.graph.steps[by].step.id);
            self.announce_unstarted(blocked, Outcome::Blocked, note);
        }
        for fallback in released.not_needed {
            let note = format!("not needed: {} did not fail", self.graph.steps[number].step.id);
            self.announce_unstarted(fallback, Outcome::Skipped, note);
        }
        for (stage, outcome) in released.stages {
            let duration = self.schedule.stage_time(stage, self.run.sink.elapsed());
            let stage = self.graph.stages[stage].id.clone();
            self.run.sink.send(EventKind::StageFinished { stage, outcome, duration });
        }
        let main = self.graph.steps[number].fallback_of?;
        let at = self.awaiting_fallback.iter().position(|waiting| waiting.number == main)?;
        let waiting = self.awaiting_fallback.swap_remove(at);
        Some(self.finish(waiting, (propagation == Propagation::Passed).then_some(number), false))
    }

    /// Announces the end of a step that another one's end has settled; it needs no record.
    pub(super) fn announce_unstarted(&self, number: usize, outcome: Outcome, note: String) {
        let finished = end_without_run(self.graph.steps[number].step.id.clone(), outcome, Some(note));
        self.run.sink.send(EventKind::StepFinished(Box::new(finished)));
    }
}
