//! `rollout-check`: workloads are rolled out, or the reason why they never will be.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, try_join_all};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Presence, StepContext, defaults};
use crate::error::Failure;
use crate::model::{Output, Progress};
use crate::tools::kubernetes::{Hope, Kube, Trouble, Workload, WorkloadKind, hints};
use crate::tools::process::ProcessObserver;

/// How often the workloads are looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// How long a trouble that nobody is going to mend may last; a Secret that is made a moment later is none.
const DOUBTFUL: Duration = Duration::from_secs(6);

/// The same for a pod that fits nowhere: an old pod may be about to leave.
const UNSCHEDULABLE: Duration = Duration::from_secs(15);

/// How long a pod may wait for its volume: in a young cluster the one who makes volumes has to come up first.
const UNBOUND: Duration = Duration::from_secs(90);

/// Pods that have been up for less have not shown yet that they stay: one that crashes at its start is ready for a moment
/// where it has no readiness probe.
const YOUNG: Duration = Duration::from_secs(10);

/// How long young pods have to be seen up, without a restart.
const STEADY: Duration = Duration::from_secs(3);

/// How long the API server may be away.
const AWAY: Duration = Duration::from_secs(20);

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
        &[("workloads", "how many workloads were looked at"), ("pods", "how many pods they have, all of them ready")];
    const IN_CLUSTER: bool = true;

    fn validate(&self) -> Result<(), String> {
        let named = self.names().next().is_some();
        if named || self.release.is_some() || self.selector.is_some() {
            Ok(())
        } else {
            Err("nothing to look at: name `release`, `selector`, `deployments` or `statefulsets`".into())
        }
    }
}

impl Action for RolloutCheck {
    fn always_runs(&self) -> bool {
        true
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let kube = cx.tools().kube().await?;
            let targets = self.targets(&kube).await?;
            let workloads = look(&kube, &targets).await?;
            Ok(match workloads.iter().find(|workload| !workload.complete) {
                None => Presence::Present,
                Some(workload) => Presence::Missing(format!("{workload} waits for {}", workload.waits_for)),
            })
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let kube = cx.unless_cancelled("connecting to the cluster", cx.tools().kube()).await?;
            let targets = cx.unless_cancelled("finding the workloads", self.targets(&kube)).await?;
            let mut watch = Watch::default();
            loop {
                let looked = cx
                    .unless_cancelled("looking at the workloads", async { Ok(watch.look(cx, &kube, &targets).await) });
                match looked.await {
                    Ok(Ok(Seen::Complete { pods })) => {
                        return Ok(Output::new()
                            .with("workloads", targets.len().to_string())
                            .with("pods", pods.to_string()));
                    }
                    Ok(Ok(Seen::Hopeless(workload, trouble))) => {
                        let failure = Failure::failed(format!("{workload} is not coming up")).cause(trouble.line());
                        let diagnosis = diagnose(&kube, &watch.unfinished).await;
                        return Err(explain(failure, &kube, diagnosis));
                    }
                    Ok(Ok(Seen::Waiting)) => {}
                    Ok(Err(failure)) => return Err(failure),
                    Err(interrupted) => return Err(last_look(cx, &kube, &watch, interrupted).await),
                }
                tokio::select! {
                    () = tokio::time::sleep(INTERVAL) => {}
                    () = cx.cancel().cancelled() => {}
                }
            }
        })
    }
}

/// A workload: its kind, namespace and name.
type Target = (WorkloadKind, String, String);

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
            let objects = found.objects()?.into_iter();
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
            return Err(Failure::failed(format!("nothing to look at in the namespace `{}`", self.namespace))
                .cause("no workload is of the release or has the labels"));
        }
        Ok(targets)
    }
}

async fn look(kube: &Kube, targets: &[Target]) -> Result<Vec<Workload>, Failure> {
    try_join_all(targets.iter().map(|(kind, namespace, name)| async move {
        kube.workload(*kind, namespace, name).await?.ok_or_else(|| {
            Failure::failed(format!("there is no {}/{name} in the namespace `{namespace}`", kind.word()))
                .hint(format!("see what is there: `{} -n {namespace} get deployments,statefulsets`", kube.kubectl()))
        })
    }))
    .await
}

enum Seen {
    Complete { pods: u64 },
    Waiting,
    Hopeless(Box<Workload>, Trouble),
}

/// What was seen so far: which troubles last since when, which workloads are unfinished.
#[derive(Default)]
struct Watch {
    since: BTreeMap<String, Instant>,
    away_since: Option<Instant>,
    /// Since when everything has been complete, and with how many restarts.
    steady_since: Option<(Instant, i32)>,
    unfinished: Vec<Workload>,
}

impl Watch {
    async fn look(&mut self, cx: &StepContext, kube: &Kube, targets: &[Target]) -> Result<Seen, Failure> {
        match self.look_once(cx, kube, targets).await {
            Err(failure) if failure.transient => {
                let since = *self.away_since.get_or_insert_with(Instant::now);
                if since.elapsed() > AWAY {
                    return Err(failure);
                }
                cx.progress(Progress::items(0, None, format!("{failure}")));
                Ok(Seen::Waiting)
            }
            result => {
                self.away_since = None;
                result
            }
        }
    }

    async fn look_once(&mut self, cx: &StepContext, kube: &Kube, targets: &[Target]) -> Result<Seen, Failure> {
        let workloads = look(kube, targets).await?;
        let ready = workloads.iter().map(|workload| workload.ready).sum();
        let wanted = workloads.iter().map(|workload| workload.wanted).sum();
        let complete;
        (complete, self.unfinished) = workloads.into_iter().partition::<Vec<_>, _>(|workload| workload.complete);
        let message = self
            .unfinished
            .first()
            .map_or_else(String::new, |workload| format!("{workload} waits for {}", workload.waits_for));
        cx.progress(Progress::items(ready, Some(wanted), message));
        if self.unfinished.is_empty() {
            return Ok(if self.is_steady(kube, &complete).await? {
                Seen::Complete { pods: wanted }
            } else {
                cx.progress(Progress::items(ready, Some(wanted), "seeing that the pods stay up"));
                Seen::Waiting
            });
        }
        self.steady_since = None;
        let found = try_join_all(self.unfinished.iter().map(|workload| kube.troubles_of(workload))).await?;
        let now = Instant::now();
        let current: Vec<String> = found.iter().flatten().map(Trouble::key).collect();
        self.since.retain(|key, _| current.contains(key));
        for (workload, trouble) in
            self.unfinished.iter().zip(&found).flat_map(|(w, all)| all.iter().map(move |t| (w, t)))
        {
            let since = *self.since.entry(trouble.key()).or_insert_with(|| {
                cx.line(&format!("{workload}: pod {}: {}", trouble.pod, trouble.line()));
                now
            });
            if is_hopeless(trouble, now - since) {
                return Ok(Seen::Hopeless(Box::new(workload.clone()), trouble.clone()));
            }
        }
        Ok(Seen::Waiting)
    }
}

impl Watch {
    /// Whether the pods of complete workloads have been up long enough to believe that they stay.
    async fn is_steady(&mut self, kube: &Kube, workloads: &[Workload]) -> Result<bool, Failure> {
        let looks = try_join_all(workloads.iter().map(|workload| kube.restarts(workload, YOUNG))).await?;
        if looks.iter().all(|(_, young)| !young) {
            return Ok(true);
        }
        let restarts = looks.iter().map(|(restarts, _)| restarts).sum();
        match self.steady_since {
            Some((since, before)) if before == restarts => Ok(since.elapsed() >= STEADY),
            _ => {
                self.steady_since = Some((Instant::now(), restarts));
                Ok(false)
            }
        }
    }
}

fn is_hopeless(trouble: &Trouble, lasts: Duration) -> bool {
    match trouble.hope {
        Hope::None => true,
        Hope::Doubtful if trouble.waits_for_volume() => lasts >= UNBOUND,
        Hope::Doubtful if trouble.reason == "Unschedulable" => lasts >= UNSCHEDULABLE,
        Hope::Doubtful => lasts >= DOUBTFUL,
        Hope::Waiting => false,
    }
}

/// What is wrong with the workloads: lines for a person, and each trouble with its namespace, the worst first.
async fn diagnose(kube: &Kube, workloads: &[Workload]) -> (Vec<String>, Vec<(String, Trouble)>) {
    let (mut lines, mut troubles) = (Vec::new(), Vec::new());
    for workload in workloads {
        match kube.diagnose(workload).await {
            Ok(diagnosis) => {
                lines.extend(diagnosis.lines);
                troubles.extend(diagnosis.troubles.into_iter().map(|trouble| (workload.namespace.clone(), trouble)));
            }
            Err(failure) => lines.push(format!("{workload}: {failure}")),
        }
    }
    troubles.sort_by_key(|(_, trouble)| std::cmp::Reverse(trouble.hope));
    (lines, troubles)
}

fn explain(failure: Failure, kube: &Kube, (lines, troubles): (Vec<String>, Vec<(String, Trouble)>)) -> Failure {
    let mut failure = failure.details(lines);
    failure.hints.extend(hints(troubles.iter().map(|(_, trouble)| trouble)));
    let command = match troubles.first().filter(|(_, worst)| !worst.pod.is_empty()) {
        Some((namespace, Trouble { pod, container: Some(container), exit: Some(_), .. })) => {
            format!("see its whole log: `{} -n {namespace} logs {pod} -c {container}`", kube.kubectl())
        }
        Some((namespace, Trouble { pod, .. })) => {
            format!("see all of it: `{} -n {namespace} describe pod {pod}`", kube.kubectl())
        }
        None => return failure,
    };
    failure.hint(command)
}

/// The interruption with what was wrong at that moment: after a time limit that is what one wants to know.
async fn last_look(cx: &StepContext, kube: &Kube, watch: &Watch, interrupted: Failure) -> Failure {
    let mut failure = interrupted;
    failure.causes =
        watch.unfinished.iter().map(|workload| format!("{workload} waits for {}", workload.waits_for)).collect();
    tokio::select! {
        diagnosis = diagnose(kube, &watch.unfinished) => explain(failure, kube, diagnosis),
        () = cx.out_of_time() => failure,
    }
}
