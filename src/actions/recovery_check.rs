//! `recovery-check`: a pod is deleted, another one takes its place, and requests succeed meanwhile.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::exercise::{Exercise, NUMBERS, Requests, WorkloadName, add_inputs, nothing_left};
use crate::action::units::Time;
use crate::action::{Action, ActionSettings, Presence, StepContext, defaults, names};
use crate::error::{Failure, ids};
use crate::fingerprint::Inputs;
use crate::model::{Output, ProofKind};
use crate::tools::deletion::{Deletion, Proof};
use crate::tools::kubernetes::PodOfWorkload;
use crate::tools::pause::Stopwatch;
use crate::tools::poll_until;
use crate::tools::process::ProcessObserver;

/// How soon another pod has to be ready by default.
const WITHIN: Duration = Duration::from_secs(60);

/// How long the workload may take to be rolled out before the pod is deleted, and to be steady after it.
const SETTLED: Duration = Duration::from_secs(120);

/// How often is looked whether another pod is ready.
const INTERVAL: Duration = Duration::from_millis(250);

/// Settings of `recovery-check`: of which workload a pod is deleted, and what is asked meanwhile.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RecoveryCheck {
    /// The workload: `"deployment/backend"`.
    workload: WorkloadName,
    /// Its namespace.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// The requests that go on meanwhile.
    requests: Requests,
    /// How soon another pod has to be ready; `"60s"` by default.
    within: Option<Time>,
    /// The names of volumes of the pod that may go with it: an `emptyDir` for temporary files. Without it, or `--yes`,
    /// a pod that has such volumes is not deleted.
    #[serde(default)]
    disposable_volumes: BTreeSet<String>,
}

impl ActionSettings for RecoveryCheck {
    const NAME: &'static str = "recovery-check";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Deletes one pod of a workload while requests go on; done when another pod has taken its \
         place and is ready within the limit, and no more requests failed than may. Only a pod that the workload replaces \
         and that has no data of its own is deleted: docs/exercises.md";
    const EXAMPLE: &'static str = "workload = \"deployment/backend\"\nnamespace = \"todo\"\n\
        requests = { service = \"backend\", port = 8000, path = \"/health\" }\nwithin = \"60s\"";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("deleted", "the pod that was deleted, with its uid"),
        ("replaced-by", "the pod that took its place, with its uid"),
        ("recovery-ms", "how long it took until that one was ready, in milliseconds"),
        NUMBERS[0],
        NUMBERS[1],
        NUMBERS[2],
        NUMBERS[3],
    ];
    const IN_CLUSTER: bool = true;

    fn validate(&self) -> Result<(), String> {
        names::label("namespace", &self.namespace)?;
        self.requests.validate()
    }
}

impl Action for RecoveryCheck {
    fn proof(&self) -> ProofKind {
        ProofKind::Seen
    }

    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            add_inputs(cx, &self.workload.target(&self.namespace), Some(self.requests.service().0), inputs).await
        })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move { nothing_left(cx, &self.workload.target(&self.namespace)).await })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let kube = cx.unless_cancelled("connecting to the cluster", cx.tools().kube()).await?;
            let target = self.workload.target(&self.namespace);
            let exercise = Box::pin(Exercise::begin(cx, &kube, target, SETTLED)).await?;
            let chosen = cx.unless_cancelled("choosing a pod", self.choose(&exercise)).await?;
            let work = |_| self.delete_and_wait(&exercise, &chosen);
            Box::pin(exercise.under_requests(&self.requests, "recovery", work)).await
        })
    }
}

impl RecoveryCheck {
    /// The pod to delete, if it may be.
    async fn choose(&self, exercise: &Exercise<'_>) -> Result<PodOfWorkload, Failure> {
        let kube = exercise.kube;
        let pod = kube.pods_of(&exercise.target).await?.into_iter().find(|pod| pod.is_ready);
        let Some(pod) = pod else {
            return Err(Failure::of(ids::ROLLOUT_STUCK, format!("{} has no pod that is ready", exercise.name())));
        };
        let lost: Vec<&str> = pod.own_volumes.difference(&self.disposable_volumes).map(String::as_str).collect();
        let empty = if lost.is_empty() {
            Proof::Shown
        } else {
            Proof::Lacking(format!("what is in {} goes with it", lost.join(", ")))
        };
        let namespace = &exercise.target.1;
        let deletion = Deletion {
            subject: format!("the pod {}", pod.name),
            reason: "the step tries whether another one takes its place".into(),
            ours: kube.replaces(&exercise.target, &pod).await?,
            empty,
            in_use: None,
            consent_covers_ownership: false,
            by_hand: format!("{} -n {namespace} delete pod {}", kube.kubectl(), pod.name),
        };
        deletion.permit(exercise.cx.tools().consent()).map_err(|mut failure| {
            // Deleted by hand, its successor would be refused as it is.
            failure.hints.retain(|hint| !hint.contains(&deletion.by_hand));
            if lost.is_empty() {
                return failure;
            }
            failure.hint("name the volumes whose content may be lost in `disposable-volumes`")
        })?;
        Ok(pod)
    }

    async fn delete_and_wait(&self, exercise: &Exercise<'_>, chosen: &PodOfWorkload) -> Result<Output, Failure> {
        let (kube, cx, namespace) = (exercise.kube, exercise.cx, &exercise.target.1);
        let before = exercise.pod_uids().await?;
        cx.check_cancel()?;
        let began = Stopwatch::start();
        kube.delete_pod(namespace, chosen).await?;
        cx.line(&format!("deleted the pod {}", chosen.name));
        let limit = self.within.map_or(WITHIN, |time| time.0);
        let what = format!("waiting for another pod of {}", exercise.name());
        let heir = poll_until(cx.cancel(), Some(limit), INTERVAL, &what, || async {
            let pods = kube.pods_of(&exercise.target).await?;
            let heir = pods.iter().find(|pod| pod.is_ready && !before.contains(&pod.uid));
            let n_ready = pods.iter().filter(|pod| pod.is_ready).count();
            Ok(match heir {
                Some(heir) if n_ready >= before.len() => ControlFlow::Break(heir.clone()),
                _ => ControlFlow::Continue(
                    Failure::of(
                        ids::ROLLOUT_STUCK,
                        format!("the pod {} was not replaced within {} s", chosen.name, limit.as_secs_f64()),
                    )
                    .cause(format!(
                        "{n_ready} of {} pods of {} are ready",
                        before.len(),
                        exercise.name()
                    )),
                ),
            })
        });
        let heir = heir.await?;
        let took = began.elapsed();
        cx.line(&format!("the pod {} is ready after {:.1} s", heir.name, took.as_secs_f64()));
        exercise.settled(SETTLED).await?;
        // It may be asked as long as it is there.
        let gone = format!("waiting for the end of the pod {}", chosen.name);
        poll_until(cx.cancel(), Some(SETTLED), INTERVAL, &gone, || async {
            let is_gone = kube.is_gone(namespace, chosen).await?;
            let pending = || Failure::failed(format!("the pod {} does not end", chosen.name));
            Ok(if is_gone { ControlFlow::Break(()) } else { ControlFlow::Continue(pending()) })
        })
        .await?;
        let named = |pod: &PodOfWorkload| format!("{} ({})", pod.name, pod.uid);
        Ok(Output::new()
            .with("deleted", named(chosen))
            .with("replaced-by", named(&heir))
            .with("recovery-ms", took.as_millis().to_string()))
    }
}
