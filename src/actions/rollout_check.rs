//! `rollout-check`: workloads are rolled out, or the reason why they never will be.

use std::time::Duration;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Presence, StepContext, defaults, names};
use crate::error::Failure;
use crate::model::{Output, ProofKind};
use crate::tools::Poll;
use crate::tools::kubernetes::{Kube, Remedy, Rollout, RolloutState, Target, Workload, WorkloadKind};
use crate::tools::process::ProcessObserver;

/// How often the workloads are checked.
const INTERVAL: Duration = Duration::from_millis(500);

/// Settings of `rollout-check`: at least one of `release`, `selector` and the lists.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RolloutCheck {
    /// The namespace.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// A Helm release: all workloads of its manifest.
    release: Option<String>,
    /// A label selector: all workloads that have these labels (`app=todo,tier!=job`).
    selector: Option<String>,
    /// Deployments by name.
    #[serde(default)]
    deployments: Vec<String>,
    /// Stateful sets by name.
    #[serde(default)]
    statefulsets: Vec<String>,
    /// Daemon sets by name.
    #[serde(default)]
    daemonsets: Vec<String>,
}

impl ActionSettings for RolloutCheck {
    const NAME: &'static str = "rollout-check";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Waits until workloads are rolled out: every pod is of the newest revision and ready, \
         none of an older one is left. Fails at once with the cause when waiting can't help";
    const EXAMPLE: &'static str = "namespace = \"todo\"\nrelease = \"todo\"";
    const OUTPUTS: &'static [(&'static str, &'static str)] =
        &[("workloads", "how many workloads were checked"), ("pods", "how many pods they have, all of them ready")];
    const IN_CLUSTER: bool = true;

    fn validate(&self) -> Result<(), String> {
        names::label("namespace", &self.namespace)?;
        self.release.iter().try_for_each(|name| names::release("release", name))?;
        for (setting, names) in
            [("deployments", &self.deployments), ("statefulsets", &self.statefulsets), ("daemonsets", &self.daemonsets)]
        {
            names.iter().try_for_each(|name| names::object(setting, name))?;
        }
        let named = self.names().next().is_some();
        if named || self.release.is_some() || self.selector.is_some() {
            Ok(())
        } else {
            Err("nothing to check: name `release`, `selector`, `deployments` or `statefulsets`".into())
        }
    }
}

impl Action for RolloutCheck {
    fn always_runs(&self) -> bool {
        true
    }

    fn proof(&self) -> ProofKind {
        ProofKind::Check
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let kube = cx.tools().kube().await?;
            let targets = self.targets(&kube).await?;
            let workloads = kube.targets(&targets).await?;
            Ok(match workloads.iter().find(|workload| !workload.complete) {
                None => Presence::Present,
                Some(workload) => Presence::Missing(workload.missing()),
            })
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let kube = cx.unless_cancelled("connecting to the cluster", cx.tools().kube()).await?;
            let targets = cx.unless_cancelled("finding the workloads", self.targets(&kube)).await?;
            let n_workloads = targets.len();
            let mut rollout = Rollout::new(targets);
            let poll = Poll::new(cx.cancel(), None, INTERVAL, "checking the workloads");
            loop {
                let checked = poll.check(async { Ok(rollout.check(&kube).await) }).await;
                tell(cx, &mut rollout);
                match checked {
                    Ok(Ok(RolloutState::Complete { pods })) => {
                        return Ok(Output::new()
                            .with("workloads", n_workloads.to_string())
                            .with("pods", pods.to_string()));
                    }
                    Ok(Ok(RolloutState::Fatal(fatal))) => {
                        let (workload, problem) = *fatal;
                        let failure = Failure::failed(format!("{workload} is not coming up")).cause(problem.line());
                        return Err(kube.explain(failure, rollout.unfinished(), hint).await);
                    }
                    Ok(Ok(RolloutState::Waiting)) => {}
                    Ok(Err(failure)) => return Err(failure),
                    Err(interrupted) => return Err(explain_interruption(cx, &kube, &rollout, interrupted).await),
                }
                let pending = Failure::failed("the workloads are not rolled out");
                if let Err(interrupted) = poll.next(pending).await {
                    return Err(explain_interruption(cx, &kube, &rollout, interrupted).await);
                }
            }
        })
    }
}

impl RolloutCheck {
    fn names(&self) -> impl Iterator<Item = Target> {
        let of = |kind, names: &Vec<String>| {
            let target = |name: &String| (kind, self.namespace.clone(), name.clone());
            names.iter().map(target).collect::<Vec<_>>()
        };
        of(WorkloadKind::Deployment, &self.deployments)
            .into_iter()
            .chain(of(WorkloadKind::StatefulSet, &self.statefulsets))
            .chain(of(WorkloadKind::DaemonSet, &self.daemonsets))
    }

    async fn targets(&self, kube: &Kube) -> Result<Vec<Target>, Failure> {
        let mut targets: Vec<Target> = self.names().collect();
        if let Some(release) = &self.release {
            let Some(found) = kube.latest_release(&self.namespace, release).await? else {
                return Err(Failure::failed(format!(
                    "there is no release `{release}` in the namespace `{}`",
                    self.namespace
                )));
            };
            let objects = found.objects().objects.into_iter();
            targets.extend(
                objects.filter_map(|object| Some((WorkloadKind::of(&object.kind)?, object.namespace, object.name))),
            );
        }
        if let Some(selector) = &self.selector {
            let found = kube.workloads(&self.namespace, selector).await?;
            targets.extend(found.into_iter().map(|workload| (workload.kind, workload.namespace, workload.name)));
        }
        targets.sort();
        targets.dedup();
        if targets.is_empty() {
            return Err(Failure::failed(format!("nothing to check in the namespace `{}`", self.namespace))
                .cause("no workload belongs to the release or has the labels"));
        }
        Ok(targets)
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
            format!("the {kind} `{name}` is missing in `{namespace}`: make it with {maker} that runs before")
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
