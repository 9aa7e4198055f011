//! [`mark_after_cluster`]: which steps find the cluster there when they begin.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::model::{StageId, StepId};
use crate::pipeline::Stage;
use crate::tools::cluster::ClusterSpec;

/// Marks the steps that need, directly or not, a step that makes or uses the cluster; all of them if the cluster is
/// none that the pipeline makes, because then it is there before the first one.
pub(super) fn mark_after_cluster(stages: &mut [Stage], cluster: &ClusterSpec) {
    let mut touching: HashSet<StageId> = HashSet::new();
    for stage in stages {
        let all = !cluster.managed || stage.needs.iter().any(|need| touching.contains(need));
        let marked = if all { HashSet::new() } else { behind_touching(stage) };
        let mut touches = all;
        for step in &mut stage.steps {
            touches |= step.action_type.in_cluster || step.action_type.makes_cluster;
            // Nobody else has the step yet.
            if (all || marked.contains(&step.id))
                && let Some(step) = Arc::get_mut(step)
            {
                step.after_cluster = true;
            }
        }
        if touches {
            touching.insert(stage.id.clone());
        }
    }
}

/// The steps of `stage` that need one of its steps that makes or uses the cluster.
fn behind_touching(stage: &Stage) -> HashSet<StepId> {
    let mut dependents: HashMap<&StepId, Vec<&StepId>> = HashMap::new();
    let mut open: Vec<&StepId> = Vec::new();
    for step in &stage.steps {
        for need in step.needs.iter().filter(|need| need.stage() == stage.id.as_str()) {
            dependents.entry(need).or_default().push(&step.id);
        }
        if step.action_type.in_cluster || step.action_type.makes_cluster {
            open.push(&step.id);
        }
    }
    let mut marked = HashSet::new();
    while let Some(step) = open.pop() {
        for dependent in dependents.get(step).into_iter().flatten() {
            if marked.insert((*dependent).clone()) {
                open.push(dependent);
            }
        }
    }
    marked
}
