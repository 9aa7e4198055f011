//! The secrets that a run needs: one that has no value is an error before the first step, and not when its step comes.

use super::project::Project;
use crate::error::Failure;
use crate::pipeline::{Condition, Outputs, Step};
use crate::plan::Plan;

/// Fails if a step that is to run, or to be compared with what it did, needs a secret that has no value. A step that a
/// run may do without is left to fail by itself: one that is optional, has a fallback or is one, or whose `when`
/// depends on what other steps find.
pub(super) fn require(project: &Project, plan: &Plan) -> Result<(), Failure> {
    if project.pipeline.secrets.is_empty() {
        return Ok(());
    }
    let steps = project.graph.steps.iter().enumerate();
    let required =
        steps.filter(|(number, node)| plan.selected[*number] && !plan.standby[*number] && is_certain(&node.step));
    let needs = required.flat_map(|(_, node)| node.step.secrets.iter().map(|name| (&node.step.id, name.as_str())));
    project.tools.secrets().require(needs)
}

/// Whether a run that includes a step can't succeed unless it does.
fn is_certain(step: &Step) -> bool {
    let applies = |when: &Condition| !when.uses_outputs && (when.decide)(&Outputs::default()).unwrap_or(false);
    !step.optional && step.fallback.is_none() && step.when.as_ref().is_none_or(applies)
}
