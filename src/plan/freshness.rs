//! The one check that decides whether a step has to run; a run acts on it, `plan` and `report` show it.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{self, MaybeDone};
use jiff::SignedDuration;

use crate::action::{Action, Presence, StepContext, standing};
use crate::error::{Failure, ids};
use crate::fingerprint::{Freshness, Inputs, StaleReason};
use crate::journal::{StepEnd, StepHistory, now_ms};
use crate::model::{Outcome, Output, ProofKind};
use crate::pipeline::{Outputs, Step};

/// How far the clock may have been put back: a proof from later on has no age.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);

/// What the check of a step found.
#[derive(Debug)]
pub struct FreshnessCheck {
    /// Its inputs as they are now.
    pub inputs: Inputs,
    /// Why it has to run, the reason that decides first; none when it is fresh.
    pub reasons: Vec<StaleReason>,
    /// The facts of its last success.
    pub output: Option<Output>,
}

impl FreshnessCheck {
    /// Whether it has to run.
    pub fn freshness(&self) -> Freshness {
        self.reasons.first().cloned().map_or(Freshness::Fresh, Freshness::Stale)
    }

    /// The reason that says most: of a check that runs every time, what has changed since it held.
    pub fn reason(&self) -> Option<&StaleReason> {
        let says_more = |reason: &&StaleReason| **reason != StaleReason::AlwaysRuns;
        self.reasons.iter().find(says_more).or(self.reasons.first())
    }
}

/// How far a check goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Until it is decided.
    Decide,
    /// The same, and also a step that runs every time is probed, where a probe can see what it verifies.
    Probe,
    /// Further, also when inputs have decided already: the world is probed for every reason that there is.
    Explain,
}

/// Checks whether `step` has to run: compares its inputs with those of its last success, and probes the world.
/// `action` is the step's, with `outputs` filled in; `imposed` is why it has to run whatever is found.
pub async fn check(
    step: &Step,
    action: &Arc<dyn Action>,
    outputs: &Outputs,
    history: Option<&StepHistory>,
    imposed: Option<StaleReason>,
    depth: Depth,
    cx: &StepContext,
) -> Result<FreshnessCheck, Failure> {
    // The daemon and the cluster take a while to answer: they are asked before it is known whether that counts.
    let mut begun = seen_early(step, action, history, depth)
        .filter(|_| imposed.is_none())
        .map(|end| future::maybe_done(standing(&**action, cx, &end.output)));
    let inputs = beside(begun.as_mut(), inputs_of(step, action, outputs, cx)).await?;
    if let Some(failure) = never_matched(&inputs, history) {
        return Err(failure);
    }
    let (mut checked, compared) = judge(step, inputs, action, history, imposed, depth);
    let compared = compared.filter(|_| is_probed(&checked.reasons, depth));
    if compared.is_none()
        && depth != Depth::Decide
        && let Ok(Some(what)) = action.obstacle(cx).await
    {
        // A run would not help, so this says more than what has changed.
        checked.reasons.insert(0, StaleReason::Missing(what));
    }
    if let Some(end) = compared {
        if end.outcome == Outcome::Fallback {
            if action.needs_no_fallback(cx).await {
                checked.reasons.push(StaleReason::NeedsNoFallback);
            }
        } else {
            let mut probe = begun.unwrap_or_else(|| future::maybe_done(standing(&**action, cx, &end.output)));
            (&mut probe).await;
            if let Some(Presence::Missing(what)) = Pin::new(&mut probe).take_output().transpose()? {
                checked.reasons.push(StaleReason::Missing(what));
            }
        }
    }
    Ok(checked)
}

/// The end that a probe is begun for before the inputs are known: one that may still hold, of a step that works with
/// the Docker daemon or in the cluster. What runs a user's program waits until it is known that it has to.
fn seen_early<'a>(
    step: &Step,
    action: &Arc<dyn Action>,
    history: Option<&'a StepHistory>,
    depth: Depth,
) -> Option<&'a StepEnd> {
    let is_asked_for = step.action_type.uses_docker || step.action_type.in_cluster;
    let is_never_probed = depth == Depth::Decide && action.always_runs();
    let end = proven(step, history).ok().filter(|_| is_asked_for && !is_never_probed)?;
    (end.outcome == Outcome::Succeeded).then_some(end)
}

/// Awaits `work`, and drives `side` meanwhile.
async fn beside<S: Future + Unpin, T>(mut side: Option<&mut MaybeDone<S>>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    future::poll_fn(|cx| {
        if let Some(side) = side.as_deref_mut() {
            // What it returns is kept in it.
            let _ = Pin::new(side).poll(cx);
        }
        work.as_mut().poll(cx)
    })
    .await
}

/// Whether the world is probed, after what was found by comparing.
fn is_probed(reasons: &[StaleReason], depth: Depth) -> bool {
    match depth {
        Depth::Decide => reasons.is_empty(),
        // Other items than those with another text, and what runs every time, may still be proven.
        Depth::Probe => reasons.iter().all(|reason| {
            matches!(reason, StaleReason::AlwaysRuns | StaleReason::TooOld(_) | StaleReason::ItemsChanged(_))
        }),
        Depth::Explain => true,
    }
}

/// Compares with what is on record. Also returns the end that was compared: what it made is still to be probed.
fn judge<'a>(
    step: &Step,
    inputs: Inputs,
    action: &Arc<dyn Action>,
    history: Option<&'a StepHistory>,
    imposed: Option<StaleReason>,
    depth: Depth,
) -> (FreshnessCheck, Option<&'a StepEnd>) {
    let success = history.and_then(|history| history.last_success.as_deref());
    let mut reasons = Vec::from_iter(imposed);
    let proven = proven(step, history);
    let is_by_fallback = proven.as_ref().is_ok_and(|end| end.outcome == Outcome::Fallback);
    if action.always_runs() && !is_by_fallback {
        reasons.push(StaleReason::AlwaysRuns);
    }
    let output = proven.as_ref().ok().copied().or(success).map(|end| end.output.clone());
    if let Err(reason) = &proven {
        reasons.push(reason.clone());
    }
    // An end that proves nothing is compared only to explain.
    let compared = if depth == Depth::Explain { proven.ok().or(success) } else { proven.ok() };
    if let Some(end) = compared {
        // One that runs every time is seen again anyway.
        if action.proof() == ProofKind::Seen
            && !action.always_runs()
            && !is_by_fallback
            && let Some(when) = too_old(end, now_ms(), step.max_age)
        {
            reasons.push(StaleReason::TooOld(when));
        }
        if !end.changed.is_empty() {
            reasons.push(StaleReason::ChangedWhileRunning(end.changed.clone()));
        }
        if end.inputs != inputs {
            reasons.push(StaleReason::InputsChanged(inputs.changed_labels(&end.inputs)));
        }
        let other_text = step.items.iter().filter(|(item, text)| end.items.get(item) != Some(*text));
        let items: Vec<String> = other_text.map(|(item, _)| item.to_owned()).collect();
        if !items.is_empty() {
            reasons.push(StaleReason::ItemsChanged(items));
        }
    }
    if !inputs.all_unknown().is_empty() {
        reasons.push(StaleReason::Unknown(inputs.all_unknown().to_vec()));
    }
    (FreshnessCheck { inputs, reasons, output }, compared)
}

/// Returns how long ago a step has ended, in words that follow "seen", if that is longer than `max_age`.
pub(super) fn too_old(end: &StepEnd, now_ms: i64, max_age: Duration) -> Option<String> {
    let age = SignedDuration::from_millis(now_ms.saturating_sub(end.at_ms));
    let limit = SignedDuration::try_from(max_age).unwrap_or(SignedDuration::MAX);
    if age < -CLOCK_SLACK {
        return Some("in the future, by the clock".to_owned());
    }
    (age > limit).then(|| format!("longer ago than {limit:#}"))
}

/// Returns the failure of a step with a pattern that matches no file and never has: a misspelt one would be fresh for
/// ever. One that did match when the step last succeeded, or was in effect then, may have nothing left to match.
fn never_matched(inputs: &Inputs, history: Option<&StepHistory>) -> Option<Failure> {
    let last = history.and_then(|history| history.last_success.as_deref());
    let label = inputs.all_unmatched().iter().find(|label| {
        let had_matched = last.is_some_and(|end| end.inputs.get(label).is_some());
        !had_matched
    })?;
    let pattern = label.strip_prefix("files ").unwrap_or(label);
    Some(
        Failure::of(ids::INPUT_MISSING, format!("`inputs`: `{pattern}` matches no file"))
            .hint("correct the pattern: it starts at the folder of `pipeline.toml`"),
    )
}

/// Returns all inputs of a step as they are now.
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
    if step.action_type.in_cluster || step.action_type.hands_cluster_on && step.after_cluster {
        // Boxed, as what asks a cluster is large, and most steps have none.
        let (cluster, read) = Box::pin(future::join(cluster_of(step, cx), action.inputs(cx, &mut inputs))).await;
        match cluster? {
            Ok(cluster) => inputs.text("cluster", &cluster),
            Err(why) => inputs.unknown(why),
        }
        read?;
    } else {
        action.inputs(cx, &mut inputs).await?;
    }
    // Labels are recorded and shown as they are.
    let redactor = cx.tools().redactor();
    let has_secret = !redactor.is_empty() && inputs.iter().any(|(label, _)| redactor.finds_in(label));
    Ok(if has_secret { inputs.relabelled(|label| redactor.text(label)) } else { inputs })
}

/// Which cluster a step works in, or why a step that hands it to a user's program can't know: what was made in a
/// cluster that has been replaced since is gone with the old one.
async fn cluster_of(step: &Step, cx: &StepContext) -> Result<Result<String, String>, Failure> {
    if step.action_type.in_cluster {
        return cx.tools().cluster_uid().await.map(Ok);
    }
    cx.tools().handed_cluster().await
}

/// Returns the last end of a step, if it is a success that may still hold, or that of its fallback.
fn proven<'a>(step: &Step, history: Option<&'a StepHistory>) -> Result<&'a StepEnd, StaleReason> {
    let history = history.ok_or(StaleReason::NeverRun)?;
    if let Some(down) = history.down {
        // Of what was taken down in part nobody knows what is there.
        return Err(if down.is_done { StaleReason::TakenDown(down.at_ms) } else { StaleReason::HalfDown });
    }
    // Started and never finished: in doubt.
    let unended = if history.is_on { StaleReason::Running } else { StaleReason::Interrupted };
    let end = history.last.as_deref().ok_or(unended)?;
    match end.outcome {
        Outcome::Succeeded => Ok(end),
        _ if step.fallback.as_ref().is_some_and(|fallback| end.is_by(fallback)) => Ok(end),
        Outcome::Interrupted => Err(StaleReason::Interrupted),
        _ => Err(StaleReason::FailedLastTime),
    }
}
