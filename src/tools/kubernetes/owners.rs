//! [`Owners`]: whose the fields of an object are, as the step that applies it sees it.

use super::managers::{FieldConflict, FieldManager};
use crate::model::StepId;
use crate::tools::deletion::{Deletion, Proof};

/// Whose the fields of an object are, as one step sees it.
#[derive(Clone, Debug)]
pub struct Owners<'a> {
    pipeline: &'a str,
    steps: &'a [StepId],
    /// The step's own manager.
    pub manager: FieldManager,
}

impl<'a> Owners<'a> {
    /// As `step` of a pipeline with the steps `steps` sees it.
    pub fn new(pipeline: &'a str, steps: &'a [StepId], step: &StepId) -> Self {
        Self { pipeline, steps, manager: FieldManager::of_step(pipeline, step.as_str()) }
    }

    /// Whether `manager` is another step that the pipeline has.
    pub fn is_other_step(&self, manager: &str) -> bool {
        let of = |step: &StepId| FieldManager::of_step(self.pipeline, step.as_str());
        manager != self.manager.as_str() && self.steps.iter().any(|step| of(step).as_str() == manager)
    }

    /// Whether `manager` is a step that this pipeline does not have: another branch of the repository may have it.
    pub fn is_of_no_step(&self, manager: &str) -> bool {
        FieldManager::is_of_pipeline(manager, self.pipeline)
            && manager != self.manager.as_str()
            && !self.is_other_step(manager)
    }

    /// Whether anything of this pipeline's is among `managers`.
    pub fn have_ours<'m>(&self, mut managers: impl Iterator<Item = &'m str>) -> bool {
        managers.any(|manager| {
            FieldManager::is_of_an_older_version(manager) || FieldManager::is_of_pipeline(manager, self.pipeline)
        })
    }

    /// Whether `manager` is neither this step nor one that it succeeds.
    pub fn is_foreign(&self, manager: &str) -> bool {
        manager != self.manager.as_str() && !self.is_predecessor(manager)
    }

    /// Whether this step succeeds `manager`: an older version of ours, or a step that the pipeline no longer has.
    pub fn is_predecessor(&self, manager: &str) -> bool {
        FieldManager::is_of_an_older_version(manager)
            || FieldManager::is_of_pipeline(manager, self.pipeline) && !self.is_other_step(manager)
    }
}

impl FieldConflict {
    /// The decision on a value that somebody else has set; `by_hand` removes the field.
    pub fn overwriting(&self, by_hand: String) -> Deletion {
        Deletion {
            subject: format!("the value of `{}` that `{}` set", self.field, self.manager),
            reason: "this step sets another one".into(),
            ours: Proof::Lacking(format!("`{}` set it", self.manager)),
            empty: Proof::Lacking("it may be in use".into()),
            in_use: None,
            consent_covers_ownership: true,
            by_hand,
        }
    }
}
