//! [`Timeline`]: what ran in a run, and when.

use std::sync::Arc;

use crate::model::{Outcome, StepId};

/// A run with the steps that ran in it.
#[derive(Clone, Debug)]
pub(crate) struct Timeline<'a> {
    /// Its id.
    pub(crate) run: &'a str,
    /// The command that began it.
    pub(crate) command: &'a str,
    /// The commit that was checked out; `None` outside of a git work tree.
    pub(crate) commit: Option<&'a str>,
    /// How it ended; `None` if it was killed, or is still running.
    pub(crate) outcome: Option<Outcome>,
    /// When it began, in milliseconds since the Unix epoch.
    pub(crate) began_ms: i64,
    /// The steps that ended in it, by the time at which they began. A step that was fresh did not run.
    pub(crate) steps: Vec<TimelineStep<'a>>,
}

/// A step that ran.
#[derive(Clone, Debug)]
pub(crate) struct TimelineStep<'a> {
    /// Its id.
    pub(crate) id: &'a StepId,
    /// Its title.
    pub(crate) title: Arc<str>,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// When it ended, in milliseconds since the Unix epoch.
    pub(crate) finished_ms: i64,
    /// How long it took, in milliseconds.
    pub(crate) duration_ms: u64,
    /// Why it failed.
    pub(crate) message: Option<&'a str>,
}

impl TimelineStep<'_> {
    /// Returns when it began, in milliseconds since the Unix epoch.
    pub(crate) fn began_ms(&self) -> i64 {
        self.finished_ms.saturating_sub_unsigned(self.duration_ms)
    }
}

impl Timeline<'_> {
    /// Returns the time from the beginning of the run to its last end, in milliseconds; at least 1.
    pub(crate) fn length_ms(&self) -> i64 {
        self.steps.iter().map(|step| step.finished_ms - self.began_ms).max().unwrap_or(0).max(1)
    }

    /// Returns where a step begins and how long it is, in percent of the run. A clock that was set meanwhile moves
    /// nothing out of it.
    pub(crate) fn place(&self, step: &TimelineStep) -> (f64, f64) {
        let percent = |ms: i64| {
            let ms = i32::try_from(ms.clamp(0, self.length_ms())).unwrap_or(i32::MAX);
            let length = i32::try_from(self.length_ms()).unwrap_or(i32::MAX);
            f64::from(ms) * 100.0 / f64::from(length)
        };
        let (from, to) = (percent(step.began_ms() - self.began_ms), percent(step.finished_ms - self.began_ms));
        (from, to - from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_placed_within_the_run() {
        let id = StepId::new("a.b").unwrap();
        let step = |finished_ms, duration_ms| TimelineStep {
            id: &id,
            title: "".into(),
            outcome: Outcome::Succeeded,
            finished_ms,
            duration_ms,
            message: None,
        };
        let steps = vec![step(1_500, 500), step(3_000, 1_000)];
        let run = Timeline { run: "r", command: "up", commit: None, outcome: None, began_ms: 1_000, steps };
        assert_eq!(run.length_ms(), 2_000);
        assert_eq!(run.place(&run.steps[0]), (0.0, 25.0));
        assert_eq!(run.place(&run.steps[1]), (50.0, 50.0));
        // The clock was set back before it ended.
        assert_eq!(run.place(&step(900, 5_000)), (0.0, 0.0));
    }
}
