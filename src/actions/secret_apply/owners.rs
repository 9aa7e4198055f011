//! [`Owners`]: whose the fields of a Secret are.

use crate::model::StepId;
use crate::tools::Tools;
use crate::tools::kubernetes::FieldManager;

/// Whose the fields of a Secret are, as one step sees it.
pub(super) struct Owners<'a> {
    tools: &'a Tools,
    /// The step's own manager.
    pub(super) manager: FieldManager,
}

impl<'a> Owners<'a> {
    pub(super) fn new(tools: &'a Tools, step: &StepId) -> Self {
        Self { tools, manager: FieldManager::of_step(tools.pipeline(), step.as_str()) }
    }

    /// Whether `manager` is another step that the pipeline has.
    pub(super) fn is_other_step(&self, manager: &str) -> bool {
        let of = |step: &StepId| FieldManager::of_step(self.tools.pipeline(), step.as_str());
        manager != self.manager.as_str() && self.tools.steps().iter().any(|step| of(step).as_str() == manager)
    }

    /// Whether `manager` is a step that this pipeline does not have: another branch of the repository may have it.
    pub(super) fn is_of_no_step(&self, manager: &str) -> bool {
        FieldManager::is_of_pipeline(manager, self.tools.pipeline())
            && manager != self.manager.as_str()
            && !self.is_other_step(manager)
    }

    /// Whether anything of this pipeline's is among `managers`.
    pub(super) fn have_ours<'m>(&self, mut managers: impl Iterator<Item = &'m str>) -> bool {
        managers.any(|manager| {
            FieldManager::is_of_an_older_version(manager)
                || FieldManager::is_of_pipeline(manager, self.tools.pipeline())
        })
    }

    /// Whether `manager` is neither this step nor one that it succeeds.
    pub(super) fn is_foreign(&self, manager: &str) -> bool {
        manager != self.manager.as_str() && !self.is_predecessor(manager)
    }

    /// Whether this step succeeds `manager`: an older version of ours, or a step that the pipeline no longer has.
    pub(super) fn is_predecessor(&self, manager: &str) -> bool {
        FieldManager::is_of_an_older_version(manager)
            || FieldManager::is_of_pipeline(manager, self.tools.pipeline()) && !self.is_other_step(manager)
    }
}

/// A field's path as a JSON pointer: below `data`, `labels` and `annotations` a name may have dots of its own.
pub(super) fn json_pointer(field: &str) -> String {
    let parents = ["data.", "metadata.labels.", "metadata.annotations."];
    let parent = parents.into_iter().find(|parent| field.starts_with(parent)).unwrap_or_default();
    let name = field[parent.len()..].replace('~', "~0").replace('/', "~1");
    format!("/{}{name}", parent.replace('.', "/"))
}
