//! The pipeline as reporters and the checklist see it: ids, titles and covered items, without actions.

use std::sync::Arc;

use super::{ItemId, StageId, StepId};

/// A pipeline's stages and steps, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The pipeline's name.
    pub name: String,
    /// Its stages.
    pub stages: Vec<StageOutline>,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageOutline {
    /// Its id.
    pub id: StageId,
    /// Its title; by default the id.
    pub title: String,
    /// Its steps.
    pub steps: Vec<StepOutline>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepOutline {
    /// Its id.
    pub id: StepId,
    /// Its title; by default the name.
    pub title: Arc<str>,
    /// The action's name.
    pub action: &'static str,
    /// The checklist items that it proves.
    pub covers: Vec<ItemId>,
    /// Whether the run may succeed without it.
    pub optional: bool,
}

impl Outline {
    /// Returns all steps, in the order of the file.
    pub fn steps(&self) -> impl Iterator<Item = &StepOutline> {
        self.stages.iter().flat_map(|stage| &stage.steps)
    }
}
