//! `scale-check`: a workload gets another number of pods, each of them is reached, and then it has as many as before.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::exercise::{Exercise, NUMBERS, Requests, WorkloadName, add_inputs, nothing_left};
use crate::action::units::Time;
use crate::action::{Action, ActionSettings, Presence, StepContext, defaults, names};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::model::{Output, ProofKind};
use crate::tools::kubernetes::{Change, WorkloadKind};
use crate::tools::pause::Stopwatch;
use crate::tools::poll_until;
use crate::tools::process::ProcessObserver;
use crate::tools::traffic::{Reply, Route, ask};

/// How long each change of the number may take by default.
const WITHIN: Duration = Duration::from_secs(120);

/// How long it may take until every pod has answered.
const REACHED: Duration = Duration::from_secs(30);

/// The pause between two rounds.
const INTERVAL: Duration = Duration::from_millis(100);

/// Settings of `scale-check`: what is scaled, to how many pods, and what is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ScaleCheck {
    /// The workload: `"deployment/backend"` or `"statefulset/db"`.
    workload: WorkloadName,
    /// Its namespace.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// How many pods it gets; another number than it has.
    #[schemars(range(min = 1))]
    replicas: u32,
    /// The requests that go on meanwhile, and that each pod has to answer. With `pod-header` each pod also has to
    /// answer one that was sent to the Service.
    requests: Requests,
    /// How long it may take until it has that many, and as long again until it has as many as before; `"2m"` by
    /// default.
    within: Option<Time>,
}

impl ActionSettings for ScaleCheck {
    const NAME: &'static str = "scale-check";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Scales a workload, waits until the Service leads to each of its pods and each has \
         answered, and scales back, all while requests go on; done when no more of them failed than may and the workload \
         has as many pods as before: docs/exercises.md";
    const EXAMPLE: &'static str = "workload = \"deployment/backend\"\nnamespace = \"todo\"\nreplicas = 3\n\
        requests = { service = \"backend\", port = 8000, path = \"/health\" }";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("before", "how many pods there were before, and are now"),
        ("reached", "the pods that have answered"),
        ("scale-ms", "how long it took until all pods were ready, in milliseconds"),
        NUMBERS[0],
        NUMBERS[1],
        NUMBERS[2],
        NUMBERS[3],
    ];
    const IN_CLUSTER: bool = true;

    fn validate(&self) -> Result<(), String> {
        names::label("namespace", &self.namespace)?;
        if self.workload.kind == WorkloadKind::DaemonSet {
            return Err("`workload` can't be a daemon set: the nodes decide how many pods it has".into());
        }
        if self.replicas == 0 {
            return Err("`replicas` must be at least 1: no pod answers anything".into());
        }
        self.requests.validate()
    }
}

impl Action for ScaleCheck {
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
            let exercise = Box::pin(Exercise::begin(cx, &kube, target, self.within())).await?;
            let work = |route| exercise.and_back(self.scale(&exercise, route));
            Box::pin(exercise.under_requests(&self.requests, "scaling", work)).await
        })
    }
}

impl ScaleCheck {
    fn within(&self) -> Duration {
        self.within.map_or(WITHIN, |time| time.0)
    }

    async fn scale(&self, exercise: &Exercise<'_>, route: Arc<dyn Route>) -> Result<Output, Failure> {
        let before = exercise.pod_uids().await?.len();
        let began = Stopwatch::start();
        exercise.change(&Change::Replicas(self.replicas)).await?;
        exercise.settled(self.within()).await?;
        let took = began.elapsed();
        let reached = self.reach_each(exercise, &*route).await?;
        exercise.cx.line(&format!("every pod has answered: {reached}"));
        exercise.change_back().await?;
        exercise.settled(self.within()).await?;
        let now = exercise.pod_uids().await?.len();
        if now != before {
            return Err(Failure::failed(format!("{} had {before} pods before and has {now} now", exercise.name())));
        }
        Ok(Output::new()
            .with("before", before.to_string())
            .with("reached", reached)
            .with("scale-ms", took.as_millis().to_string()))
    }

    /// Waits until the Service leads to every pod and every pod has answered. Returns their names.
    async fn reach_each(&self, exercise: &Exercise<'_>, route: &dyn Route) -> Result<String, Failure> {
        let (service, port) = self.requests.service();
        let request = self.requests.request();
        let seen_by_service = Mutex::new(BTreeSet::new());
        let what = format!("waiting until each pod of {} has answered", exercise.name());
        poll_until(exercise.cx.cancel(), Some(REACHED), INTERVAL, &what, || async {
            let pods = exercise.kube.pods_of(&exercise.target).await?;
            let names: Vec<&str> = pods.iter().map(|pod| pod.name.as_str()).collect();
            let wait = |why: String| Ok(ControlFlow::Continue(Failure::failed(why)));
            if names.len() != self.replicas as usize {
                return wait(format!("{} has {} pods and not {}", exercise.name(), names.len(), self.replicas));
            }
            let ways = exercise.kube.ways_to_pods(&exercise.target.1, service, port).await?;
            for name in &names {
                let Some(way) = ways.get(*name) else {
                    return wait(format!("the service `{service}` does not lead to the pod {name}"));
                };
                if let Reply::Bad(why) | Reply::Unsent(why) = ask(&**way, &request).await {
                    return wait(format!("the pod {name} does not answer: {why}"));
                }
            }
            if self.requests.names_pods() {
                if let Reply::Good(Some(pod)) = ask(route, &request).await {
                    lock(&seen_by_service).insert(pod);
                }
                if let Some(name) = names.iter().find(|name| !lock(&seen_by_service).contains(**name)) {
                    return wait(format!("no request to the service `{service}` was answered by the pod {name}"));
                }
            }
            Ok(ControlFlow::Break(names.join(" ")))
        })
        .await
    }
}

fn lock(named: &Mutex<BTreeSet<String>>) -> MutexGuard<'_, BTreeSet<String>> {
    named.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_scaled_is_refused() {
        let check = |workload: &str, replicas: u32| {
            let requests = "requests = { service = 'web', port = 80 }";
            let settings = format!("workload = '{workload}'\nreplicas = {replicas}\n{requests}");
            toml::from_str::<ScaleCheck>(&settings).unwrap().validate()
        };
        check("deployment/web", 3).unwrap();
        check("statefulset/web", 1).unwrap();
        assert!(check("daemonset/web", 3).is_err());
        assert!(check("deployment/web", 0).is_err());
    }
}
