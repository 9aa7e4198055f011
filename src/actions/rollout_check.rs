//! `rollout-check`: workloads are rolled out, or the reason why they never will be.

mod waiting;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Opening, Presence, ReleaseName, StepContext, defaults, names};
use crate::actions::image_load::strangers;
use crate::error::{Failure, ids};
use crate::model::{Output, ProofKind};
use crate::tools::kubernetes::{Kube, Target, WorkloadKind};
use crate::tools::process::pause;

pub(super) use waiting::wait;
use waiting::{Provisional, wait_until_ready};

/// For how long after it was ready the end of a container counts as a failure of its start.
const RECENT: Duration = Duration::from_secs(60);

/// Settings of `rollout-check`: at least one of `release`, `selector` and the lists.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RolloutCheck {
    /// The namespace.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// A Helm release: all workloads of its manifest, jobs and pods too.
    release: Option<String>,
    /// The revision that the release has to have: `${{ steps.deploy.release.revision }}`. An upgrade by somebody else
    /// is a failure then, even if it was there first. By default it is the one that the last step before this one made
    /// which deploys the release, if there is such a step and it has made one.
    revision: Option<String>,
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
    /// Jobs by name: they have to complete.
    #[serde(default)]
    jobs: Vec<String>,
    /// Whether a workload may want no pods: because an autoscaler or the settings of this profile say so.
    #[serde(default)]
    allow_empty: bool,
}

impl ActionSettings for RolloutCheck {
    const NAME: &'static str = "rollout-check";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Waits until workloads are rolled out: every pod is of the newest revision, ready, and \
         runs the image that the node has under its name; none of an older one is left, and jobs are complete. That pods \
         which have just come up stay up is seen at the end of the run. Fails at once with the cause when waiting can't \
         help: docs/rollouts.md has the table";
    const EXAMPLE: &'static str = "namespace = \"todo\"\nrelease = \"todo\"";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("workloads", "how many workloads were checked"),
        ("pods", "how many pods they have, all of them ready"),
        ("ready-at", "when pods that have just come up were ready; whether they stay up is seen at the end of the run"),
        ("up-seconds", "for how long each container of these pods had run by then, at least"),
        ("restarts", "how often the containers of these pods had been restarted by then"),
    ];
    const IN_CLUSTER: bool = true;

    fn validate(&self) -> Result<(), String> {
        if self.revision.is_some() && self.release.is_none() {
            return Err("`revision` belongs to `release`".into());
        }
        names::label("namespace", &self.namespace)?;
        self.release.iter().try_for_each(|name| names::release("release", name))?;
        for (setting, names) in [
            ("deployments", &self.deployments),
            ("statefulsets", &self.statefulsets),
            ("daemonsets", &self.daemonsets),
            ("jobs", &self.jobs),
        ] {
            names.iter().try_for_each(|name| names::object(setting, name))?;
        }
        let named = self.names().next().is_some();
        if named || self.release.is_some() || self.selector.is_some() {
            Ok(())
        } else {
            Err("nothing to check: name `release`, `selector`, `deployments`, `statefulsets`, `daemonsets` or `jobs`"
                .into())
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

    fn openings<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Vec<Opening>, Failure>> {
        Box::pin(async move {
            match &self.release {
                Some(release) => Opening::of_release(cx, &self.namespace, release).await,
                None => Ok(Vec::new()),
            }
        })
    }

    fn checks_any_revision_of(&self) -> Option<ReleaseName<'_>> {
        let name = self.release.as_ref().filter(|_| self.revision.is_none())?;
        Some(ReleaseName { namespace: &self.namespace, name })
    }

    fn of_revision(&self, revision: &str) -> Option<Arc<dyn Action>> {
        Some(Arc::new(Self { revision: Some(revision.to_owned()), ..self.clone() }))
    }

    fn is_provisional(&self, output: &Output) -> bool {
        Provisional::of(output).is_some()
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let kube = cx.tools().kube().await?;
            let subject = self.subject(cx, &kube).await?;
            if let Some(why) = self.other_revision(subject.stands_for) {
                return Ok(Presence::Missing(why));
            }
            let ready = Provisional::of(output);
            if let Some(ready) = &ready {
                pause::sleep(ready.remaining()).await;
            }
            let workloads = kube.targets(&subject.targets, self.allow_empty).await?;
            if let Some(ready) = ready.filter(|ready| ready.lasts() < RECENT)
                && let Some(why) = kube.has_not_lasted(&workloads, ready.restarts).await?
            {
                return Ok(Presence::Missing(why));
            }
            if let Some(workload) = workloads.iter().find(|workload| !workload.complete) {
                return Ok(Presence::Missing(workload.missing()));
            }
            let strangers = strangers(cx, &kube, &workloads).await?;
            Ok(strangers.into_iter().next().map_or(Presence::Present, |(_, why)| Presence::Missing(why)))
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let kube = cx.unless_cancelled("connecting to the cluster", cx.tools().kube()).await?;
            self.check(cx, &kube).await
        })
    }
}

/// What is checked.
struct Subject {
    targets: Vec<Target>,
    /// The revision of the release, where there is one.
    revision: Option<u32>,
    /// The same, or the one that was asked for, if the release was rolled back to it.
    stands_for: Option<u32>,
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
            .chain(of(WorkloadKind::Job, &self.jobs))
    }

    async fn check(&self, cx: &StepContext, kube: &Kube) -> Result<Output, Failure> {
        let subject = cx.unless_cancelled("finding the workloads", self.subject(cx, kube)).await?;
        self.check_revision(subject.stands_for)?;
        let n_workloads = subject.targets.len();
        let ready = wait_until_ready(cx, kube, subject.targets.clone(), self.allow_empty).await?;
        let confirm = Box::pin(self.confirm(cx, kube, &subject));
        cx.unless_cancelled("checking what the pods run", confirm).await?;
        let output = Output::new().with("workloads", n_workloads.to_string()).with("pods", ready.pods.to_string());
        Ok(match ready.provisional {
            Some(provisional) => provisional.add_to(output),
            None => output,
        })
    }

    async fn subject(&self, cx: &StepContext, kube: &Kube) -> Result<Subject, Failure> {
        let mut subject = Subject { targets: self.names().collect(), revision: None, stands_for: None };
        let targets = &mut subject.targets;
        if let Some(release) = &self.release {
            let Some(found) = kube.latest_release(&self.namespace, release).await? else {
                return Err(Failure::of(
                    ids::RELEASE_MISSING,
                    format!("there is no release `{release}` in the namespace `{}`", self.namespace),
                ));
            };
            subject.revision = Some(found.revision);
            let wanted = self.revision.as_ref().and_then(|revision| revision.parse().ok());
            let is_back = match wanted {
                Some(wanted) => kube.is_back_at(&found, wanted).await?,
                None => false,
            };
            subject.stands_for = if is_back { wanted } else { subject.revision };
            let (found, gone) = kube.workloads_of(&found).await?;
            for why in &gone {
                cx.line(why);
            }
            targets.extend(found);
        }
        if let Some(selector) = &self.selector {
            let found = kube.workloads(&self.namespace, selector).await?;
            targets.extend(found.into_iter().map(|workload| (workload.kind, workload.namespace, workload.name)));
        }
        targets.sort();
        targets.dedup();
        if targets.is_empty() {
            return Err(Failure::of(
                ids::WORKLOAD_MISSING,
                format!("nothing to check in the namespace `{}`", self.namespace),
            )
            .cause("no workload belongs to the release or has the labels"));
        }
        Ok(subject)
    }

    /// Says that the release is at another revision than the one that was asked for.
    fn other_revision(&self, found: Option<u32>) -> Option<String> {
        let (release, wanted) = (self.release.as_ref()?, self.revision.as_ref()?);
        let found = found.map(|found| found.to_string())?;
        (found != *wanted).then(|| format!("the release `{release}` is at revision {found}, not {wanted}"))
    }

    fn check_revision(&self, found: Option<u32>) -> Result<(), Failure> {
        self.other_revision(found).map_or(Ok(()), |why| Err(upgraded_by_somebody(why)))
    }

    /// Checks what only shows when all pods are ready: that nobody has upgraded the release meanwhile, so that the
    /// workloads are still those that were checked, and that the pods run the images that were brought to the node.
    async fn confirm(&self, cx: &StepContext, kube: &Kube, subject: &Subject) -> Result<(), Failure> {
        if let (Some(release), Some(before)) = (&self.release, subject.revision) {
            let history = kube.release_history(&self.namespace, release).await?;
            let now = history.last().map(|last| last.number);
            if now != Some(before) {
                let now = now.map_or("gone".to_owned(), |now| format!("at revision {now}"));
                return Err(upgraded_by_somebody(format!(
                    "the release `{release}` was at revision {before} when the check began, and is {now}"
                )));
            }
        }
        let workloads = kube.targets(&subject.targets, self.allow_empty).await?;
        let strangers = strangers(cx, kube, &workloads).await?;
        if strangers.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = workloads.iter().map(ToString::to_string).collect();
        Err(Failure::of(ids::POD_IMAGE_STALE, "pods run other images than those that the node has under their names")
            .details(strangers.into_iter().map(|(_, why)| why))
            .hint(format!(
                "replace the pods, so that they use the images that are there: `{} -n {} rollout restart {}`",
                kube.kubectl(),
                self.namespace,
                names.join(" ")
            )))
    }
}

fn upgraded_by_somebody(why: String) -> Failure {
    Failure::failed(why)
        .cause("somebody else has changed the release meanwhile")
        .hint("run the same command again, so that it is deployed and checked as this pipeline says")
}

#[cfg(test)]
mod tests;
