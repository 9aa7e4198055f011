//! `cluster-addon`: addons of the cluster's provider are on, and their pods are ready.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Presence, StepContext, names};
use crate::actions::rollout_check::wait;
use crate::cluster::{Addon, AddonPlace, Addons, Session, provider};
use crate::error::{Failure, FailureKind, ids};
use crate::model::Output;
use crate::tools::cluster::ClusterSpec;
use crate::tools::kubernetes::{Kube, Target, Workload, WorkloadKind};
use crate::tools::process::{ChildRegistry, ProcessObserver};
use crate::tools::{Cancel, Poll};

/// How often the workloads are looked for.
const INTERVAL: Duration = Duration::from_millis(500);

/// After how many equal looks all workloads are there: they are made one after the other.
const EQUAL_LOOKS: usize = 3;

/// Settings of `cluster-addon`: `addon` or `addons`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ClusterAddon {
    /// The addon, as the provider's tool calls it: `ingress`.
    addon: Option<String>,
    /// Several, turned on one after the other. A step for each of them can have a `fallback` of its own.
    #[serde(default)]
    addons: Vec<String>,
    /// Images in place of the addon's own, by the names that minikube has for them (`minikube addons images NAME`).
    #[serde(default)]
    images: BTreeMap<String, String>,
    /// The registries that they come from, by the same names.
    #[serde(default)]
    registries: BTreeMap<String, String>,
    /// The namespace of the addon's workloads, where it is not the one that is known.
    namespace: Option<String>,
    /// The labels of its workloads in that namespace; by default everything there is its own.
    selector: Option<String>,
    /// The provider's program; the one in `PATH` by default.
    program: Option<String>,
}

impl ActionSettings for ClusterAddon {
    const NAME: &'static str = "cluster-addon";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Turns addons of the cluster on and waits for their workloads itself; done when the provider \
         has them on record as enabled and every workload is rolled out. Fails at once, with the image and the cause, when \
         an image can't be had, so that a `fallback` can stand in; the addon then stays on";
    const EXAMPLE: &'static str = "addon = \"ingress\"";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("addons", "the addons: `ingress,metrics-server`"),
        ("workloads", "how many workloads they have"),
        ("pods", "how many pods these have, all of them ready"),
    ];
    const IN_CLUSTER: bool = true;

    fn check_cluster(cluster: &ClusterSpec) -> Result<(), String> {
        let has_addons = provider(cluster).is_ok_and(|provider| provider.addons().is_some());
        if has_addons {
            return Ok(());
        }
        Err(format!(
            "a cluster of provider `{}` has no addons: install what is needed with a `helm-install` or `manifest-apply` step",
            cluster.provider
        ))
    }

    fn validate(&self) -> Result<(), String> {
        if self.addon.is_some() != self.addons.is_empty() {
            return Err("either `addon` or `addons` has to name what is turned on".into());
        }
        self.addon.iter().try_for_each(|name| names::label("addon", name))?;
        self.addons.iter().try_for_each(|name| names::label("addons", name))?;
        self.namespace.iter().try_for_each(|name| names::label("namespace", name))?;
        let is_of_one = self.images.is_empty() && self.registries.is_empty() && self.namespace.is_none();
        if !is_of_one && self.addon.is_none() {
            return Err("`images`, `registries` and `namespace` are of one `addon`".into());
        }
        if self.selector.is_some() && self.namespace.is_none() {
            return Err("`selector` needs the `namespace`".into());
        }
        Ok(())
    }
}

impl Action for ClusterAddon {
    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let cluster = cx.tools().declared_cluster()?;
            let (addons, kube) = (addons_of(cluster)?, cx.tools().kube().await?);
            for name in self.names() {
                if !addons.is_enabled(cluster, name)? {
                    return Ok(Presence::Missing(format!("the addon `{name}` is not enabled")));
                }
                let Some(place) = self.place(addons, name) else { continue };
                let workloads = kube.workloads(&place.namespace, &place.selector).await?;
                if workloads.is_empty() {
                    return Ok(Presence::Missing(format!("the workloads of the addon `{name}` are gone")));
                }
                if let Some(workload) = workloads.iter().find(|workload| !workload.complete) {
                    return Ok(Presence::Missing(workload.missing()));
                }
            }
            Ok(Presence::Present)
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let cluster = cx.tools().declared_cluster()?;
            let addons = addons_of(cluster)?;
            let kube = cx.unless_cancelled("connecting to the cluster", cx.tools().kube()).await?;
            let mut all = Ready::default();
            for name in self.names() {
                let enabling = Enabling {
                    cx,
                    kube: &kube,
                    cluster,
                    addons,
                    addon: Addon {
                        name: name.to_owned(),
                        images: self.images.clone(),
                        registries: self.registries.clone(),
                    },
                    place: self.place(addons, name),
                    program: self.program.as_ref().map(|program| cx.path(program)),
                    has_ended: AtomicBool::new(false),
                };
                let ready = Box::pin(enabling.until_ready()).await;
                let ready = ready.map_err(|failure| {
                    let on: Vec<String> = self.names().take_while(|other| *other != name).map(str::to_owned).collect();
                    cx.leaves_of(failure, &on, "addons that were turned on", "they stay enabled")
                })?;
                all = Ready { workloads: all.workloads + ready.workloads, pods: all.pods + ready.pods };
            }
            Ok(Output::new()
                .with("addons", self.names().collect::<Vec<_>>().join(","))
                .with("workloads", all.workloads.to_string())
                .with("pods", all.pods.to_string()))
        })
    }
}

impl ClusterAddon {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.addon.iter().chain(&self.addons).map(String::as_str)
    }

    fn place(&self, addons: &dyn Addons, name: &str) -> Option<AddonPlace> {
        match &self.namespace {
            Some(namespace) => {
                let selector = self.selector.clone().unwrap_or_default();
                Some(AddonPlace { namespace: namespace.clone(), selector })
            }
            None => addons.place(name),
        }
    }
}

fn addons_of(cluster: &ClusterSpec) -> Result<&dyn Addons, Failure> {
    let none =
        || Failure::new(FailureKind::Config, format!("a cluster of provider `{}` has no addons", cluster.provider));
    provider(cluster)?.addons().ok_or_else(none)
}

/// What is ready of an addon.
#[derive(Clone, Copy, Debug, Default)]
struct Ready {
    workloads: usize,
    pods: u64,
}

/// One addon that is turned on.
struct Enabling<'a> {
    cx: &'a StepContext,
    kube: &'a Kube,
    cluster: &'a ClusterSpec,
    addons: &'a dyn Addons,
    addon: Addon,
    place: Option<AddonPlace>,
    program: Option<std::path::PathBuf>,
    /// Whether the provider's program has ended.
    has_ended: AtomicBool,
}

impl Enabling<'_> {
    /// Turns the addon on and waits for its workloads beside the provider's program, which may wait for them too:
    /// longer than they are worth waiting for, or not long enough.
    async fn until_ready(&self) -> Result<Ready, Failure> {
        let stop = self.cx.cancel().child();
        let enabling = async {
            let result = self.enable(&stop).await;
            self.has_ended.store(true, Ordering::Relaxed);
            result
        };
        let watching = async {
            let result = self.watch().await;
            if result.is_err() {
                stop.wind_down();
            }
            let has_ended = self.has_ended.load(Ordering::Relaxed);
            (result, has_ended)
        };
        let (enabled, (watched, saw_the_end)) = tokio::join!(enabling, watching);
        let ready = match watched {
            Ok(ready) => ready,
            // It says what was still missing.
            Err(failure) if failure.kind == FailureKind::Interrupted => return Err(self.stays_enabled(failure)),
            Err(failure) => return Err(self.explain(failure)),
        };
        self.cx.check_cancel().map_err(|failure| self.stays_enabled(failure))?;
        match (enabled, ready) {
            // What was ready already may have been changed since.
            (Ok(()), Some(_)) if !saw_the_end => self.watch().await.map(Option::unwrap_or_default),
            (Ok(()), Some(ready)) => Ok(ready),
            // Its own wait was too short; now there is nothing to wait for.
            (Err(_), Some(ready)) => self.enable(&stop).await.map(|()| ready),
            (Err(failure), None) => Err(failure),
            (Ok(()), None) => Err(self.not_found()),
        }
    }

    async fn enable(&self, stop: &Cancel) -> Result<(), Failure> {
        let host = Stoppable { cx: self.cx, stop };
        let on_progress = |progress| self.cx.progress(progress);
        let session = Session::new(self.cx.tools(), &host, &on_progress);
        self.addons.enable(&session, self.cluster, &self.addon, self.program.as_deref()).await
    }

    /// Waits until the addon's workloads are there and rolled out; `None` if the provider's program has ended and there
    /// are none.
    async fn watch(&self) -> Result<Option<Ready>, Failure> {
        let Some(place) = &self.place else { return Ok(Some(Ready::default())) };
        let mut ready: Option<(Vec<Target>, u64)> = None;
        loop {
            let targets = self.settled_targets(place).await?;
            match &ready {
                Some((before, pods)) if *before == targets => {
                    return Ok(Some(Ready { workloads: targets.len(), pods: *pods }));
                }
                _ if targets.is_empty() => return Ok(None),
                _ => {}
            }
            // What jobs make, others may wait for.
            let jobs = targets.iter().filter(|(kind, ..)| *kind == WorkloadKind::Job);
            let jobs: Vec<Target> = jobs.cloned().collect();
            if !jobs.is_empty() {
                wait(self.cx, self.kube, jobs, false, None).await?;
            }
            let pods = wait(self.cx, self.kube, targets.clone(), false, None).await?;
            ready = Some((targets, pods));
        }
    }

    /// Returns the addon's workloads once no more of them are made.
    async fn settled_targets(&self, place: &AddonPlace) -> Result<Vec<Target>, Failure> {
        let what = format!("looking for the workloads of the addon `{}`", self.addon.name);
        let poll = Poll::new(self.cx.cancel(), None, INTERVAL, &what);
        let (mut before, mut n_equal) = (Vec::new(), 0);
        loop {
            let has_ended = self.has_ended.load(Ordering::Relaxed);
            let found = match poll.check(self.kube.workloads(&place.namespace, &place.selector)).await {
                // The API server may restart meanwhile.
                Err(failure) if failure.transient && !has_ended => Vec::new(),
                found => found?,
            };
            let targets = targets_of(found);
            n_equal = if targets == before { n_equal + 1 } else { 0 };
            if has_ended || (!targets.is_empty() && n_equal >= EQUAL_LOOKS) {
                return Ok(targets);
            }
            before = targets;
            poll.next(Failure::of(
                ids::ADDON_NOT_READY,
                format!("the addon `{}` has no workloads yet", self.addon.name),
            ))
            .await?;
        }
    }

    /// The failure of workloads that do not come up, in terms of the addon.
    fn explain(&self, failure: Failure) -> Failure {
        let name = &self.addon.name;
        let disable = self.addons.disable_line(self.cluster, name);
        // What is known of a pod says more.
        let is_known = failure.id.is_some_and(|id| id != ids::ROLLOUT_STUCK);
        let failure = if is_known { failure } else { failure.with_id(ids::ADDON_NOT_READY) };
        failure.while_doing(format!("the addon `{name}` does not come up")).hint(format!(
            "it stays enabled and comes up once that is solved; a `fallback` can stand in for this step; to turn it off: \
             `{disable}`"
        ))
    }

    /// Adds to the failure of a step that was stopped that the addon is on, where it is.
    fn stays_enabled(&self, failure: Failure) -> Failure {
        let name = &self.addon.name;
        let state = match self.addons.is_enabled(self.cluster, name) {
            Ok(true) => "stays enabled",
            Ok(false) => return failure,
            Err(_) => "may be enabled",
        };
        let disable = self.addons.disable_line(self.cluster, name);
        self.cx.leaves(failure, &format!("the addon `{name}` {state}; to turn it off: `{disable}`"))
    }

    fn not_found(&self) -> Failure {
        let name = &self.addon.name;
        let place = self.place.as_ref().map(|place| (place.namespace.as_str(), place.selector.as_str()));
        let (namespace, selector) = place.unwrap_or_default();
        let labels = if selector.is_empty() { String::new() } else { format!(" with {selector}") };
        Failure::of(ids::ADDON_NOT_READY, format!("the addon `{name}` is enabled, and its workloads are not found"))
            .cause(format!("there are none in the namespace `{namespace}`{labels}"))
            .hint("name where they are: set `namespace` and `selector`")
    }
}

fn targets_of(workloads: Vec<Workload>) -> Vec<Target> {
    let mut targets: Vec<Target> =
        workloads.into_iter().map(|workload| (workload.kind, workload.namespace, workload.name)).collect();
    targets.sort();
    targets
}

/// The host of a program that is stopped with the step, or alone.
struct Stoppable<'a> {
    cx: &'a StepContext,
    stop: &'a Cancel,
}

impl ProcessObserver for Stoppable<'_> {
    fn output(&self, bytes: &[u8]) {
        self.cx.output(bytes);
    }

    fn started(&self, pid: u32) {
        self.cx.started(pid);
    }

    fn ended(&self, pid: u32) {
        self.cx.ended(pid);
    }

    fn cancel(&self) -> &Cancel {
        self.stop
    }

    fn children(&self) -> &Arc<ChildRegistry> {
        self.cx.children()
    }
}

#[cfg(test)]
mod tests;
