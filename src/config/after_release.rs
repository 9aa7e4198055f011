//! [`bind`]: which steps check the release that an earlier step deploys.

use std::sync::Arc;

use super::after_files::{FileUse, Order};
use crate::action::{Action, ReleaseName};
use crate::error::Failure;
use crate::model::StepId;
use crate::pipeline::{Binding, FromOutputs, Outputs, Stage};

/// The output that names the revision.
const REVISION: &str = "revision";

/// Lets each step that checks a release in whatever revision it is check the one that was deployed last before it: an
/// upgrade by somebody else in between is none that this pipeline has proven.
pub(super) fn bind(stages: &mut [Stage], steps: &[FileUse]) {
    let of = |step: &FileUse| Some((step.step.clone(), step.action.deploys().map(owned)?));
    let deploying: Vec<(StepId, (String, String))> = steps.iter().filter_map(of).collect();
    if deploying.is_empty() {
        return;
    }
    let mut found = Vec::new();
    {
        let order = Order::of(stages);
        for check in steps {
            let Some(release) = check.action.checks_any_revision_of().map(owned) else { continue };
            let earlier = order.before(&check.step);
            let is_exercise = |step: &StepId| order.step(step).is_some_and(|step| step.exercise);
            // What an exercise has deployed is undone by the time of the last look.
            let counts = |step: &StepId| earlier.contains(step) && (!is_exercise(step) || is_exercise(&check.step));
            let before: Vec<&StepId> = deploying
                .iter()
                .filter(|(step, deployed)| *deployed == release && counts(step))
                .map(|(step, _)| step)
                .collect();
            let is_last = |step: &&&StepId| {
                let all = order.before(step);
                before.iter().all(|other| other == *step || all.contains(other))
            };
            found.extend(before.iter().find(is_last).map(|last| (check.step.clone(), (*last).clone())));
        }
    }
    for (check, last) in found {
        let mut all = stages.iter_mut().flat_map(|stage| &mut stage.steps);
        // Nobody else has the step yet.
        if let Some(step) = all.find(|step| step.id == check).and_then(Arc::get_mut) {
            let unbound =
                Binding::Later { uses: Vec::new(), make: Arc::new(|_: &Outputs| Err(Failure::bug("no action"))) };
            step.binding = bound(std::mem::replace(&mut step.binding, unbound), last);
        }
    }
}

fn owned(release: ReleaseName<'_>) -> (String, String) {
    (release.namespace.to_owned(), release.name.to_owned())
}

/// The action for the revision that `step` has made; as it is where that has made none.
fn bound(binding: Binding, step: StepId) -> Binding {
    let mut uses = binding.uses().to_vec();
    uses.push((step.clone(), REVISION.to_owned()));
    uses.sort();
    uses.dedup();
    let make: FromOutputs<Arc<dyn Action>> = Arc::new(move |outputs| {
        let action = binding.action(outputs)?;
        let revision = outputs.get(&step).and_then(|output| output.get(REVISION));
        Ok(revision.and_then(|revision| action.of_revision(revision)).unwrap_or(action))
    });
    Binding::Later { uses, make }
}
