//! [`PipelineGraph`]: what is drawn, with the states by which it is coloured.

use crate::model::{Outcome, StageId, StepId};
use crate::report::LastState;

/// A pipeline.
#[derive(Clone, Debug)]
pub(crate) struct PipelineGraph<'a> {
    /// Its name.
    pub(crate) pipeline: &'a str,
    pub(crate) stages: Vec<GraphStage<'a>>,
}

/// A stage.
#[derive(Clone, Debug)]
pub(crate) struct GraphStage<'a> {
    pub(crate) id: &'a StageId,
    pub(crate) title: &'a str,
    /// The stages that it needs.
    pub(crate) needs: &'a [StageId],
    pub(crate) steps: Vec<GraphStep<'a>>,
}

/// A step.
#[derive(Clone, Debug)]
pub(crate) struct GraphStep<'a> {
    pub(crate) id: &'a StepId,
    pub(crate) title: &'a str,
    pub(crate) action: &'static str,
    /// The steps that it needs by itself.
    pub(crate) needs: &'a [StepId],
    /// The step that stands in for it when it fails.
    pub(crate) fallback: Option<&'a StepId>,
    pub(crate) optional: bool,
    pub(crate) last: LastState,
}

impl PipelineGraph<'_> {
    /// All steps with their numbers, which name them where ids can't.
    pub(super) fn steps(&self) -> impl Iterator<Item = (usize, &GraphStep<'_>)> {
        self.stages.iter().flat_map(|stage| &stage.steps).enumerate()
    }

    pub(super) fn step_number(&self, id: &StepId) -> Option<usize> {
        self.steps().find(|(_, step)| step.id == id).map(|(number, _)| number)
    }

    pub(super) fn stage_number(&self, id: &StageId) -> Option<usize> {
        self.stages.iter().position(|stage| stage.id == id)
    }
}

/// The states of a step by which graphs are coloured: the word, the colour of the area, and that of the line.
pub(super) const STATES: &[(&str, &str, &str)] = &[
    ("proven", "#d3f9d8", "#2b8a3e"),
    ("fallback", "#fff3bf", "#e67700"),
    ("failed", "#ffe3e3", "#c92a2a"),
    ("running", "#d0ebff", "#1971c2"),
    ("doubt", "#fff3bf", "#c92a2a"),
    ("down", "#e9ecef", "#495057"),
    ("open", "#f8f9fa", "#868e96"),
];

/// Returns the word of [`STATES`] for the last known state of a step.
pub(super) fn state(last: &LastState) -> &'static str {
    match last {
        LastState::NeverRun | LastState::Unproven { .. } => "open",
        LastState::Running { .. } => "running",
        LastState::InDoubt { .. } => "doubt",
        LastState::TakenDown { .. } => "down",
        LastState::Ended { outcome, .. } => match outcome {
            Outcome::Succeeded | Outcome::Fresh => "proven",
            Outcome::Fallback => "fallback",
            Outcome::Failed => "failed",
            Outcome::Interrupted => "doubt",
            Outcome::Blocked | Outcome::Skipped => "open",
        },
    }
}
