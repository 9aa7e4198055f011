//! How a step ends: what is recorded, who is told, what it lets go.

use std::time::Duration;

use super::engine::{After, Engine};
use super::schedule::Verdict;
use super::step::Ran;
use crate::error::{Failure, FailureKind};
use crate::event::{EventKind, StepFinished, log_path};
use crate::journal::{Entry, StepEnd};
use crate::model::{Outcome, Output, StageId, StepId};

/// Most characters of a line of evidence; the log has all of it.
const MAX_DETAIL: usize = 400;

impl Engine<'_> {
    /// Puts a step's end on the way: into the journal first. `stand_in` is the fallback that proved the same.
    pub(super) fn finish(&mut self, ran: Ran, stand_in: Option<usize>, held: bool) {
        let Ran { number, cx, inputs, changed, result, duration } = ran;
        let node = &self.graph.steps[number];
        let step = node.step.id.clone();
        let (log, mut remark) = match cx.finish() {
            Ok(has_log) => (has_log.then(|| self.log_name(&step)), None),
            Err(why) => (None, Some(format!("its log is not whole: {why}"))),
        };
        if cx.leaked() {
            remark = Some("it left processes behind, which were stopped".to_owned());
        }
        if !changed.is_empty() {
            remark = Some(format!("{} changed while it ran: the next run does it again", changed.join(", ")));
        }
        let (outcome, output, failure) = match (result, stand_in) {
            (Ok(output), _) => (Outcome::Succeeded, output, None),
            (Err(failure), Some(reserve)) => {
                remark = Some(format!("proven by {} instead", self.graph.steps[reserve].step.id));
                let output = self.schedule.outputs().get(&self.graph.steps[reserve].step.id).cloned();
                (Outcome::Fallback, output.unwrap_or_default(), Some(failure))
            }
            (Err(failure), None) => {
                let stopped = self.cancel.is_cancelled() && failure.kind == FailureKind::Interrupted;
                (if stopped { Outcome::Interrupted } else { Outcome::Failed }, Output::new(), Some(failure))
            }
        };
        let end = StepEnd {
            outcome,
            run: self.run.id.clone(),
            at_ms: 0,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            inputs,
            changed,
            output: output.clone(),
            log: log.clone(),
            message: failure.as_ref().map(|failure| self.run.tools.redactor().text(&failure.to_string())),
        };
        self.entries.push(Entry::StepFinished { step: step.clone(), end: Box::new(end) });
        let failure = failure.map(|failure| self.redact(failure));
        let finished = StepFinished { step, outcome, duration, output, failure, log, note: remark };
        self.after.push(After::Finish { number, finished: Box::new(finished), held });
    }

    fn log_name(&self, step: &StepId) -> String {
        let path = log_path(self.run.tools.state_dir(), &self.run.id, step);
        path.strip_prefix(self.run.tools.root()).unwrap_or(&path).display().to_string()
    }

    fn redact(&self, mut failure: Failure) -> Failure {
        let redactor = self.run.tools.redactor();
        failure.message = redactor.text(&failure.message);
        for text in failure.causes.iter_mut().chain(&mut failure.details).chain(&mut failure.hints) {
            *text = redactor.text(text);
        }
        for line in &mut failure.details {
            if let Some((cut, _)) = line.char_indices().nth(MAX_DETAIL) {
                line.truncate(cut);
                line.push('…');
            }
        }
        failure
    }

    /// A step whose look at the world failed: nothing was touched, so its earlier record stands.
    pub(super) fn fail_unstarted(&mut self, number: usize, failure: Failure) {
        let step = &self.graph.steps[number].step;
        if self.schedule.fallback(number).is_some() {
            let cx = Box::new(self.context(&step.id, &self.cancel));
            let inputs = step.static_inputs.clone();
            let result = Err(failure);
            self.ran(Ran { number, cx, inputs, changed: Vec::new(), result, duration: Duration::ZERO });
            return;
        }
        let mut finished = plain_end(step.id.clone(), Outcome::Failed, None);
        finished.failure = Some(self.redact(failure));
        self.announce(number, finished, Verdict::Failed, true);
    }

    /// Tells of a step's end, which is durable or needs no record, and lets go what waited for it.
    pub(super) fn announce(&mut self, number: usize, finished: StepFinished, verdict: Verdict, held: bool) {
        let optional = self.graph.is_optional(number);
        if verdict == Verdict::Failed && !optional {
            let kind = finished.failure.as_ref().map_or(FailureKind::Failed, |failure| failure.kind);
            // A step's own time limit is a failure, not an interruption.
            let kind = if kind == FailureKind::Interrupted { FailureKind::Failed } else { kind };
            self.worst.get_or_insert(kind);
        }
        self.path.end(number, self.run.sink.elapsed());
        let (outcome, output) = (finished.outcome, finished.output.clone());
        self.run.sink.send(EventKind::StepFinished(Box::new(finished)));
        self.release(number, outcome, verdict, output, held);
    }

    pub(super) fn release(&mut self, number: usize, outcome: Outcome, verdict: Verdict, output: Output, held: bool) {
        let released = self.schedule.ended(number, outcome, verdict, output, held);
        for next in released.ready {
            self.path.released(next, number);
        }
        for (blocked, by) in released.blocked {
            let id = self.graph.steps[blocked].step.id.clone();
            let note = Some(format!("needs {}", self.graph.steps[by].step.id));
            self.run.sink.send(EventKind::StepFinished(Box::new(plain_end(id, Outcome::Blocked, note))));
        }
        for reserve in released.not_needed {
            let id = self.graph.steps[reserve].step.id.clone();
            let note = Some(format!("not needed: {} did not fail", self.graph.steps[number].step.id));
            self.run.sink.send(EventKind::StepFinished(Box::new(plain_end(id, Outcome::Skipped, note))));
        }
        for (stage, outcome) in released.stages {
            let duration = self.schedule.stage_time(stage, self.run.sink.elapsed());
            let stage: StageId = self.graph.stages[stage].id.clone();
            self.run.sink.send(EventKind::StageFinished { stage, outcome, duration });
        }
        let main = self.graph.steps[number].fallback_of;
        if let Some(at) = self.stand_ins.iter().position(|waiting| Some(waiting.number) == main) {
            let waiting = self.stand_ins.swap_remove(at);
            self.finish(waiting, (verdict == Verdict::Passed).then_some(number), false);
        }
    }
}

/// The end of a step without a run.
pub(super) fn plain_end(step: StepId, outcome: Outcome, note: Option<String>) -> StepFinished {
    StepFinished { step, outcome, duration: Duration::ZERO, output: Output::new(), failure: None, log: None, note }
}
