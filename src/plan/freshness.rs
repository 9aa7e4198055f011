//! The one look that decides whether a step has to run; a run acts on it, `plan` and `report` show it.

use std::sync::Arc;

use crate::actions::{Action, Presence, StepContext};
use crate::error::Failure;
use crate::fingerprint::{Freshness, Inputs, StaleReason};
use crate::journal::{StepEnd, StepHistory};
use crate::model::{Outcome, Output};
use crate::pipeline::{Outputs, Step};

/// What a look at a step found.
#[derive(Debug)]
pub struct Checked {
    /// Its inputs as they are now.
    pub inputs: Inputs,
    /// Whether it has to run.
    pub freshness: Freshness,
    /// The facts of its last success.
    pub output: Option<Output>,
}

/// Looks whether `step` has to run: compares its inputs with those of its last success, then probes the world. `action`
/// is the step's, with the facts of `outputs` filled in.
pub async fn check(
    step: &Step,
    action: &Arc<dyn Action>,
    outputs: &Outputs,
    history: Option<&StepHistory>,
    forced: bool,
    cx: &StepContext,
) -> Result<Checked, Failure> {
    let inputs = inputs_of(step, action, outputs, cx).await?;
    let output = history.and_then(|history| history.last_success.as_ref()).map(|end| end.output.clone());
    let freshness = match proven(history) {
        _ if forced => Freshness::Stale(StaleReason::Forced),
        _ if action.always_looks() => Freshness::Stale(StaleReason::AlwaysLooks),
        Err(reason) => Freshness::Stale(reason),
        Ok(end) if !end.changed.is_empty() => Freshness::Stale(StaleReason::ChangedWhileRunning(end.changed.clone())),
        Ok(end) if end.inputs != inputs => {
            Freshness::Stale(StaleReason::InputsChanged(inputs.changed_labels(&end.inputs)))
        }
        Ok(end) => match action.probe(cx, &end.output).await? {
            Presence::Present => Freshness::Fresh,
            Presence::Missing(what) => Freshness::Stale(StaleReason::Missing(what)),
        },
    };
    Ok(Checked { inputs, freshness, output })
}

/// All inputs of a step as they are now.
pub async fn inputs_of(
    step: &Step,
    action: &Arc<dyn Action>,
    outputs: &Outputs,
    cx: &StepContext,
) -> Result<Inputs, Failure> {
    let mut inputs = step.static_inputs.clone();
    for (used, name) in step.binding.uses() {
        let value = outputs.get(used).and_then(|output| output.get(name)).unwrap_or_default();
        inputs.text(format!("steps.{used}.{name}"), value);
    }
    if step.action_type.in_cluster {
        // What was made in a cluster that has been made anew since is gone with the old one.
        inputs.text("cluster", &cx.tools().cluster_uid().await?);
    }
    action.inputs(cx, &mut inputs).await?;
    Ok(inputs)
}

/// The last end of a step, if it is a success that may still hold.
fn proven(history: Option<&StepHistory>) -> Result<&StepEnd, StaleReason> {
    let history = history.ok_or(StaleReason::NeverRun)?;
    // Started and never finished: in doubt.
    let end = history.last.as_ref().ok_or(StaleReason::Interrupted)?;
    match end.outcome {
        Outcome::Succeeded => Ok(end),
        Outcome::Interrupted => Err(StaleReason::Interrupted),
        _ => Err(StaleReason::FailedLastTime),
    }
}
