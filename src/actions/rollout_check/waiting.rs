//! Waits for a rollout, and explains one that does not come up by the steps that a pipeline can have.

use std::time::Duration;

use jiff::Timestamp;

use crate::action::StepContext;
use crate::error::{Failure, ids};
use crate::model::Output;
use crate::tools::Poll;
use crate::tools::kubernetes::{Kube, Remedy, Rollout, RolloutState, STEADY, Target, Workload};
use crate::tools::process::ProcessObserver;

/// How often the workloads are checked.
const INTERVAL: Duration = Duration::from_millis(250);

/// A rollout that is complete.
pub(super) struct RolledOut {
    /// How many pods the workloads have.
    pub(super) pods: u64,
    /// There if the pods have just come up: whether they stay up is seen at the end of the run.
    pub(super) provisional: Option<Provisional>,
}

/// Pods that had just come up and were ready.
#[derive(Debug, PartialEq)]
pub(super) struct Provisional {
    /// When they were, by this machine's clock.
    at: Timestamp,
    /// For how long each of their containers had run by then.
    up: Duration,
    /// How often these had been restarted by then.
    pub(super) restarts: i32,
}

impl Provisional {
    pub(super) fn of(output: &Output) -> Option<Self> {
        let number = |name| output.get(name)?.parse::<i32>().ok();
        let up = number("up-seconds").and_then(|up| u64::try_from(up).ok()).map(Duration::from_secs);
        let at = output.get("ready-at")?.parse().ok()?;
        Some(Self { at, up: up.unwrap_or_default(), restarts: number("restarts")? })
    }

    /// Adds it to an output.
    pub(super) fn add_to(&self, output: Output) -> Output {
        output
            .with("ready-at", self.at.to_string())
            .with("up-seconds", self.up.as_secs().to_string())
            .with("restarts", self.restarts.to_string())
    }

    /// Returns how long it takes until each of the containers has run for [`STEADY`]: a check of them from then on says
    /// that they stay up. They have started and passed their readiness probe within that time.
    pub(super) fn remaining(&self) -> Duration {
        STEADY.saturating_sub(self.up).saturating_sub(self.lasts())
    }

    /// Returns how long they have been ready; nothing if the clock was set back.
    pub(super) fn lasts(&self) -> Duration {
        Duration::try_from(self.at.duration_until(Timestamp::now())).unwrap_or_default()
    }
}

/// Waits until workloads are rolled out and their pods stay up, for `limit` at most; fails at once when waiting can't
/// help. Returns how many pods they have.
pub(in crate::actions) async fn wait(
    cx: &StepContext,
    kube: &Kube,
    targets: Vec<Target>,
    allow_empty: bool,
    limit: Option<Duration>,
) -> Result<u64, Failure> {
    wait_for(cx, kube, Rollout::new(targets, allow_empty), limit, |state| match state {
        RolloutState::Complete { pods } => Some(*pods),
        _ => None,
    })
    .await
}

/// Waits until the pods are ready. Those that pass a readiness probe are taken at their word, so that the checks that
/// follow don't wait for what the end of the run shows.
pub(super) async fn wait_until_ready(
    cx: &StepContext,
    kube: &Kube,
    targets: Vec<Target>,
    allow_empty: bool,
) -> Result<RolledOut, Failure> {
    wait_for(cx, kube, Rollout::new(targets, allow_empty), None, |state| match *state {
        RolloutState::Complete { pods } => Some(RolledOut { pods, provisional: None }),
        RolloutState::Ready { pods, restarts, up } => {
            Some(RolledOut { pods, provisional: Some(Provisional { at: Timestamp::now(), up, restarts }) })
        }
        _ => None,
    })
    .await
}

/// Checks the rollout until `end` returns something for its state; fails at once when waiting can't help.
async fn wait_for<T>(
    cx: &StepContext,
    kube: &Kube,
    mut rollout: Rollout,
    limit: Option<Duration>,
    end: impl Fn(&RolloutState) -> Option<T>,
) -> Result<T, Failure> {
    let poll = Poll::new(cx.cancel(), limit, INTERVAL, "checking the workloads");
    loop {
        let checked = poll.check(async { Ok(rollout.check(kube).await) }).await;
        tell(cx, &mut rollout);
        match checked {
            Ok(Ok(RolloutState::Fatal(fatal))) => {
                let (workload, problem) = *fatal;
                let failure =
                    Failure::of(ids::ROLLOUT_STUCK, format!("{workload} is not coming up")).cause(problem.line());
                return Err(kube.explain(failure, rollout.unfinished(), hint).await);
            }
            Ok(Ok(state)) => {
                if let Some(result) = end(&state) {
                    return Ok(result);
                }
            }
            Ok(Err(failure)) => return Err(failure),
            Err(interrupted) => return Err(explain_interruption(cx, kube, &rollout, interrupted).await),
        }
        let pending = Failure::of(ids::ROLLOUT_STUCK, "the workloads are not rolled out");
        if let Err(stopped) = poll.next(pending).await {
            return Err(explain_interruption(cx, kube, &rollout, stopped).await);
        }
    }
}

/// Passes on what the last check has shown.
fn tell(cx: &StepContext, rollout: &mut Rollout) {
    let (lines, progress) = rollout.take_news();
    for line in lines {
        cx.line(&line);
    }
    if let Some(progress) = progress {
        cx.progress(progress);
    }
}

/// The hint that a remedy makes, by the steps that a pipeline can have.
fn hint(remedy: &Remedy) -> String {
    match remedy {
        Remedy::LoadImage(image) => format!(
            "the image `{image}` is not in the node: load it with an `image-load` step, or correct the image that the \
             chart names"
        ),
        Remedy::Create { kind, namespace, name } => {
            let maker = if kind == "secret" { "a `secret-apply` step" } else { "the chart" };
            let place = if namespace.is_empty() { String::new() } else { format!(" in `{namespace}`") };
            format!("the {kind} `{name}` is missing{place}: make it with {maker} that runs before")
        }
        Remedy::AddKey { kind, namespace, name, key } => {
            format!("the {kind} `{name}` in `{namespace}` has no key `{key}`: add it to the step that makes it")
        }
        Remedy::Other(text) => text.clone(),
    }
}

/// The interruption with what was wrong at that moment: after a time limit that is what one wants to know.
async fn explain_interruption(cx: &StepContext, kube: &Kube, rollout: &Rollout, interrupted: Failure) -> Failure {
    let mut failure = interrupted;
    failure.causes = rollout.unfinished().iter().map(Workload::missing).collect();
    tokio::select! {
        explained = kube.explain(failure.clone(), rollout.unfinished(), hint) => explained,
        () = cx.out_of_time() => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_becomes_a_hint_that_names_the_step() {
        let object = |kind: &str| Remedy::Create { kind: kind.into(), namespace: "apps".into(), name: "s".into() };
        let key = Remedy::AddKey { kind: "Secret".into(), namespace: "apps".into(), name: "s".into(), key: "K".into() };
        let cases = [
            (object("secret"), "the secret `s` is missing in `apps`: make it with a `secret-apply` step that"),
            (object("configmap"), "the configmap `s` is missing in `apps`: make it with the chart"),
            (key, "the Secret `s` in `apps` has no key `K`"),
            (Remedy::LoadImage("todo:1".into()), "the image `todo:1` is not in the node: load it with an `image-load`"),
        ];
        for (remedy, expected) in cases {
            let said = hint(&remedy);
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
