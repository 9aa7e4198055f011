//! [`View`]: all events so far, folded into rows. All reporters for people render it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::event::{Event, EventKind, RunFinished, RunStarted, StepFinished};
use crate::model::{Change, IdMap, Outcome, RunId, StageId, StepId, StepState};
use crate::report::run::rate::Rate;
use crate::report::run::row::{Retry, StageRow, StateCounts, StepRow};

/// The state of a run. Applying an event takes the same time however many steps there are.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// The run; `None` before its first event.
    pub(crate) run: Option<RunId>,
    /// The pipeline's name.
    pub(crate) pipeline: String,
    /// The stages, in the order of the file.
    pub(crate) stages: Vec<StageRow>,
    /// The steps, in the order of the file.
    pub(crate) steps: Vec<StepRow>,
    /// The indices in `steps` of those that are being checked or running.
    pub(crate) active: BTreeSet<usize>,
    /// The indices in `steps` of those that failed, in the order of their failures.
    pub(crate) failed: Vec<usize>,
    /// The number of selected steps in each state.
    pub(crate) counts: StateCounts,
    /// The age of the run.
    pub(crate) elapsed: Duration,
    /// The signal that stops the run, and whether running steps are killed.
    pub(crate) interrupted: Option<(&'static str, bool)>,
    /// The step that waits for an answer, and its question.
    pub(crate) asking: Option<(StepId, String)>,
    /// How it ended.
    pub(crate) finished: Option<RunFinished>,
    step_places: IdMap<StepId, usize>,
    stage_places: IdMap<StageId, usize>,
}

impl View {
    /// Creates a view without events.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Applies an event. An impossible one, such as the end of a step that never started, changes nothing.
    pub(crate) fn apply(&mut self, event: &Event) {
        self.elapsed = self.elapsed.max(event.elapsed);
        let now = event.elapsed;
        match &event.kind {
            EventKind::RunStarted(started) => self.start(started),
            EventKind::StageStarted { stage } => {
                if let Some(stage) = self.stage_mut(stage) {
                    stage.started = Some(now);
                }
            }
            EventKind::StageFinished { stage, outcome, duration } => {
                if let Some(stage) = self.stage_mut(stage) {
                    stage.ended = Some((*outcome, *duration));
                }
            }
            EventKind::StepChecking { step } => {
                if let Some(row) = self.advance(step, Change::Check) {
                    row.began = Some(now);
                }
            }
            EventKind::StepFresh { step, output, duration, note } => {
                if let Some(row) = self.advance(step, Change::Finish(Outcome::Fresh)) {
                    row.output.clone_from(output);
                    row.note.clone_from(note);
                    row.duration = *duration;
                }
            }
            EventKind::StepStarted { step, reason } => {
                if let Some(row) = self.advance(step, Change::Start) {
                    row.began.get_or_insert(now);
                    row.started.get_or_insert(now);
                    row.reason = Some(reason.clone());
                    row.progress = None;
                    row.rate = None;
                    row.last_line = None;
                }
            }
            EventKind::StepRetrying { step, attempt, attempts, delay, reason, .. } => {
                if let Some(row) = self.running(step) {
                    row.progress = None;
                    row.rate = None;
                    row.last_line = None;
                    row.retry = Some(Box::new(Retry {
                        attempt: *attempt,
                        attempts: *attempts,
                        next: now + *delay,
                        reason: reason.clone(),
                    }));
                }
            }
            EventKind::StepProgress { step, progress } => {
                if let Some(row) = self.running(step) {
                    row.rate = Rate::after(row.rate.take(), now, progress);
                    row.progress = Some(progress.clone());
                }
            }
            EventKind::StepAsking { step, question } => self.asking = Some((step.clone(), question.clone())),
            EventKind::StepAnswered { .. } => self.asking = None,
            EventKind::StepLine { step, line } => {
                if let Some(row) = self.running(step)
                    && !line.trim().is_empty()
                {
                    row.last_line = Some(line.clone());
                }
            }
            EventKind::StepFinished(finished) => self.finish_step(finished),
            EventKind::RunInterrupted { signal, kill } => self.interrupted = Some((signal, *kill)),
            EventKind::RunFinished(finished) => self.finished = Some(finished.clone()),
        }
    }

    /// Notes how long `step` took the last time.
    pub(crate) fn expect(&mut self, step: &StepId, expected: Option<Duration>) {
        if let Some(row) = self.running(step) {
            row.expected = expected;
        }
    }

    /// Returns the row of `step`.
    pub(crate) fn step(&self, step: &StepId) -> Option<&StepRow> {
        self.step_places.get(step).map(|place| &self.steps[*place])
    }

    /// Returns the rows of the failed steps, in the order of their failures.
    pub(crate) fn failures(&self) -> impl Iterator<Item = &StepRow> {
        self.failed.iter().map(|place| &self.steps[*place])
    }

    fn start(&mut self, started: &RunStarted) {
        *self = Self {
            run: Some(started.run.clone()),
            pipeline: started.outline.name.clone(),
            elapsed: self.elapsed,
            ..Self::default()
        };
        let n_steps = started.outline.stages.iter().map(|stage| stage.steps.len()).sum();
        self.steps.reserve(n_steps);
        self.step_places.reserve(n_steps);
        for (place, stage) in started.outline.stages.iter().enumerate() {
            let first = self.steps.len();
            for step in &stage.steps {
                self.step_places.insert(step.id.clone(), self.steps.len());
                self.steps.push(StepRow::new(step.id.clone(), step.title.clone(), place, step.optional));
            }
            self.stage_places.insert(stage.id.clone(), place);
            self.stages.push(StageRow {
                title: stage.title.clone(),
                steps: first..self.steps.len(),
                counts: StateCounts::default(),
                started: None,
                ended: None,
            });
        }
        for step in &started.selected {
            if let Some(place) = self.step_places.get(step) {
                let row = &mut self.steps[*place];
                if !std::mem::replace(&mut row.is_selected, true) {
                    for counts in [&mut self.counts, &mut self.stages[row.stage].counts] {
                        counts.total += 1;
                        counts.waiting += 1;
                    }
                }
            }
        }
    }

    fn finish_step(&mut self, finished: &StepFinished) {
        let place = self.step_places.get(&finished.step).copied();
        let Some(row) = self.advance(&finished.step, Change::Finish(finished.outcome)) else {
            return;
        };
        row.duration = finished.duration;
        row.output.clone_from(&finished.output);
        row.failure = finished.failure.clone().map(Box::new);
        row.log.clone_from(&finished.log);
        row.note.clone_from(&finished.note);
        if finished.is_failure() {
            self.failed.extend(place);
        }
    }

    /// Changes the state of `step`, and the counts. Returns `None` if that change is impossible.
    fn advance(&mut self, step: &StepId, change: Change) -> Option<&mut StepRow> {
        let place = *self.step_places.get(step)?;
        let row = &mut self.steps[place];
        let next = row.state.advance(change)?;
        if row.is_selected {
            for counts in [&mut self.counts, &mut self.stages[row.stage].counts] {
                *counts.slot(row.state) -= 1;
                *counts.slot(next) += 1;
            }
        }
        if matches!(next, StepState::Checking | StepState::Running) {
            self.active.insert(place);
        } else {
            self.active.remove(&place);
        }
        row.state = next;
        Some(row)
    }

    /// Returns the row of `step` if it is running.
    fn running(&mut self, step: &StepId) -> Option<&mut StepRow> {
        let place = *self.step_places.get(step)?;
        Some(&mut self.steps[place]).filter(|row| row.state == StepState::Running)
    }

    fn stage_mut(&mut self, stage: &StageId) -> Option<&mut StageRow> {
        self.stage_places.get(stage).map(|place| &mut self.stages[*place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::StaleReason;
    use crate::model::Progress;
    use crate::report::testing::runs::failing;
    use crate::report::testing::script::{Script, step};

    fn view(events: &[Event]) -> View {
        let mut view = View::new();
        for event in events {
            view.apply(event);
        }
        view
    }

    #[test]
    fn a_run_folds_into_rows_and_counts() {
        let view = view(&failing());
        let outcomes: Vec<_> = view.steps.iter().filter_map(StepRow::outcome).collect();
        assert_eq!(
            outcomes,
            [
                Outcome::Fresh,
                Outcome::Succeeded,
                Outcome::Succeeded,
                Outcome::Failed,
                Outcome::Blocked,
                Outcome::Blocked
            ]
        );
        assert_eq!((view.counts.total, view.counts.ended(), view.counts.active), (6, 6, 0));
        assert_eq!(view.counts.of(Outcome::Blocked), 2);
        assert_eq!(view.stages[1].counts.of(Outcome::Failed), 1);
        assert!(view.active.is_empty());
        let failed: Vec<_> = view.failures().map(StepRow::label).collect();
        assert_eq!(failed, ["build.frontend (Build the frontend)"]);
        assert_eq!(view.elapsed, Duration::from_secs(65));
    }

    #[test]
    fn a_further_attempt_keeps_the_start_and_forgets_the_progress() {
        let mut run = Script::new(&[("a", "A", &[("b", "B")])]);
        run.at(1).check("a.b").at(2).start("a.b", StaleReason::NeverRun);
        run.progress("a.b", Progress::items(1, None, "")).line("a.b", "x").line("a.b", " ");
        let mut view = view(&run.events);
        let row = view.step(&step("a.b")).unwrap();
        assert_eq!((row.last_line.as_deref(), row.progress.is_some()), (Some("x"), true));
        run.events.clear();
        run.at(9).start("a.b", StaleReason::NeverRun);
        view.apply(&run.events[0]);
        let row = view.step(&step("a.b")).unwrap();
        assert_eq!(row.started, Some(Duration::from_millis(2)));
        assert!(row.progress.is_none() && row.last_line.is_none());
    }

    #[test]
    fn impossible_events_change_nothing() {
        let mut run = Script::new(&[("a", "A", &[("b", "B")])]);
        run.end("a.b", Outcome::Succeeded, 5).end("x.y", Outcome::Failed, 5);
        run.line("a.b", "early").progress("x.y", Progress::items(1, None, ""));
        run.stage("x").stage_end("x", Outcome::Failed, 1);
        let view = view(&run.events);
        let row = view.step(&step("a.b")).unwrap();
        assert_eq!((row.state, row.last_line.as_deref()), (StepState::Waiting, None));
        assert_eq!((view.counts.waiting, view.counts.ended(), view.failed.len()), (1, 0, 0));
    }

    #[test]
    fn events_before_the_start_are_ignored() {
        assert!(view(&failing()[1..]).steps.is_empty());
    }
}
