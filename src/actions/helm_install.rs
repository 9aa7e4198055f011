//! `helm-install`: a release of a chart is deployed.

mod definitions;
mod deployed;
mod down;
mod images;
pub(in crate::actions) mod others;
pub(in crate::actions) mod pending;
mod released;
mod takeover;

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::units::Time;
use crate::action::{
    Action, ActionSettings, Opening, Presence, ReleaseName, StepContext, defaults, ignored, names, wait_for_namespace,
};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::model::{Output, Progress};
use crate::tools::blocking;
use crate::tools::deletion::Deletion;
use crate::tools::helm::{self, Chart, Helm, Install};
use crate::tools::kubernetes::{Kube, Release, ReleaseStatus, Revision};
use crate::tools::process::{ProcessObserver, shell_quoted};

pub(in crate::actions) mod drift;

use deployed::{Before, Released};
use others::CommonRelease;
use pending::free_pending;

/// How often it is checked whether the cluster has followed.
const INTERVAL: Duration = Duration::from_millis(200);

/// Settings of `helm-install`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct HelmInstall {
    /// The chart: a folder or an archive of the project, or what else helm takes (`oci://…`).
    chart: String,
    /// Its version, for a chart of a repository. Without an exact one (`1.2.3`) such a step is never fresh, because
    /// nobody knows which version helm takes.
    version: Option<String>,
    /// The release's name.
    release: String,
    /// Its namespace.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// Files of values, later ones over earlier ones.
    #[serde(default)]
    values: Vec<String>,
    /// Values over those of the files: any table. They go to helm by its standard input.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    set: toml::Table,
    /// Whether the namespace is made when it is missing.
    #[serde(default = "defaults::yes")]
    create_namespace: bool,
    /// How many revisions helm keeps.
    #[serde(default = "default_history")]
    history_max: u32,
    /// How long helm waits for each hook of the chart; `"5m"` by default.
    hook_timeout: Option<Time>,
    /// Fields that belong to somebody else, such as an operator, although the chart sets them: a change of them does
    /// not make the release stale. Written as the messages write them: `deployment/web: spec.replicas` is that field
    /// with all below it.
    #[serde(default)]
    ignore_changes: Vec<String>,
    /// The helm program; the one in `PATH` by default.
    helm: Option<String>,
}

fn default_history() -> u32 {
    10
}

impl ActionSettings for HelmInstall {
    const NAME: &'static str = "helm-install";
    const REVISION: u32 = 2;
    const SUMMARY: &'static str = "Installs or upgrades a Helm release; done when Helm's record says that it is deployed \
         and every object of its manifest, and what its hooks have left, is in the cluster as it was released; fields \
         that the manifest does not set, and replicas that an autoscaler chooses, don't count. Pods that \
         run another image than the node has under the name are replaced. Frees a release that a killed run of ours has left pending by its \
         record alone: its objects and their data stay";
    const EXAMPLE: &'static str = "chart = \"charts/todo\"\nrelease = \"todo\"\nnamespace = \"todo\"\n\
        set = { image = { tag = \"1.0\" }, replicas = 2 }";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("release", "the release's name"),
        ("namespace", "its namespace"),
        ("revision", "its revision, counted from 1"),
        ("status", "what Helm says of it: `deployed`"),
        ("chart", "the chart with its version: `todo-0.1.0`"),
        ("app-version", "the version of what the chart installs"),
        ("record", "how Helm's record describes the revision: by the step and the run that made it"),
    ];
    const IDENTITY: &'static [&'static str] = &["release", "namespace"];
    const PROGRAMS: &'static [&'static str] = &["helm"];
    const IN_CLUSTER: bool = true;
    const PROBE_SETTINGS: &'static [&'static str] = &["helm"];

    fn validate(&self) -> Result<(), String> {
        names::release("release", &self.release)?;
        names::label("namespace", &self.namespace)?;
        if self.chart.is_empty() || self.chart.starts_with('-') {
            return Err(format!("`chart` can't be `{}`: helm would read it as an option", self.chart));
        }
        if self.history_max == 1 {
            return Err(
                "`history-max` of 1 leaves no revision to roll back to: it must be 0 (all) or at least 2".into()
            );
        }
        ignored::check(&self.ignore_changes)
    }
}

impl Action for HelmInstall {
    fn reads(&self) -> Vec<&str> {
        self.values.iter().map(String::as_str).collect()
    }

    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let chart = Chart::at(cx.path(&self.chart));
            if chart.is_none() && !self.names_version() {
                inputs.unknown(format!("which version of the chart `{}` helm takes", self.chart));
            }
            cx.add_chart(chart, &self.values, inputs).await
        })
    }

    fn deploys(&self) -> Option<ReleaseName<'_>> {
        Some(ReleaseName { namespace: &self.namespace, name: &self.release })
    }

    fn openings<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Vec<Opening>, Failure>> {
        Box::pin(Opening::of_release(cx, &self.namespace, &self.release))
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let kube = cx.tools().kube().await?;
            let missing = |why: String| Ok(Presence::Missing(why));
            let Some(release) = kube.latest_release(&self.namespace, &self.release).await? else {
                return missing(format!("the release `{}` is gone", self.release));
            };
            if release.status != ReleaseStatus::Deployed {
                return missing(format!("the release `{}` is {}", self.release, release.status.word()));
            }
            if let Some(why) = self.other_revision(&kube, &release, output).await? {
                return missing(why);
            }
            let drift = kube.release_drift(&release, &|field| self.ignores(field)).await?;
            drift.unknown.iter().for_each(|why| cx.line(why));
            if let Some(why) = drift.summary() {
                return missing(why);
            }
            let foreign = Self::foreign_images(cx, &kube, &release).await?.into_iter().next();
            Ok(foreign.map_or(Presence::Present, |(_, why)| Presence::Missing(why)))
        })
    }

    fn removals<'a>(
        &'a self,
        cx: &'a StepContext,
        _output: &'a Output,
    ) -> BoxFuture<'a, Result<Vec<Deletion>, Failure>> {
        Box::pin(async move { Ok(self.removal(cx).await?.into_iter().collect()) })
    }

    fn remove<'a>(&'a self, cx: &'a StepContext, removal: &'a Deletion) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.take_down(cx, removal))
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let helm = cx.helm(self.helm.as_deref())?;
            let kube = cx.unless_cancelled("connecting to the cluster", cx.tools().kube()).await?;
            self.deploy(cx, &helm, &kube).await
        })
    }
}

impl HelmInstall {
    /// Deploys the release. Once helm has succeeded, nothing that only can't be read fails it.
    async fn deploy(&self, cx: &StepContext, helm: &Helm, kube: &Kube) -> Result<Output, Failure> {
        let release = ReleaseName { namespace: &self.namespace, name: &self.release };
        let gone = wait_for_namespace(cx, kube, &self.namespace);
        cx.unless_cancelled("waiting until a namespace is gone", gone).await?;
        free_pending(cx, helm, kube, release).await?;
        self.get_dependencies(cx, helm).await?;
        let work = self.before_upgrade(cx, helm, kube);
        let before = cx.unless_cancelled("comparing the release's objects", work).await?;
        let released = self.upgrade(cx, helm, kube).await?;
        let work = Box::pin(self.after_upgrade(cx, kube, &released, &before));
        cx.unless_cancelled("comparing the release's objects", work).await?;
        let work = Box::pin(self.warn_of_old_definitions(cx, helm, kube));
        cx.unless_cancelled("comparing the chart's definitions", async {
            work.await;
            Ok(())
        })
        .await?;
        Ok(self.output_of(released))
    }

    /// Says that the newest revision is not the one of `output`; a rollback to that one is as good.
    async fn other_revision(&self, kube: &Kube, latest: &Release, output: &Output) -> Result<Option<String>, Failure> {
        let made = output.get("revision").and_then(|revision| revision.parse().ok()).unwrap_or(latest.revision);
        let found = if made == latest.revision {
            Some(latest.description.clone())
        } else if kube.is_back_at(latest, made).await? {
            kube.release(&self.namespace, &self.release, made).await?.map(|release| release.description)
        } else {
            return Ok(Some(format!(
                "the release `{}` is now at revision {}, not {made}",
                self.release, latest.revision
            )));
        };
        // One that was removed and installed again begins at 1 again.
        let is_ours = output.get("record").is_none_or(|record| found.as_deref() == Some(record));
        Ok((!is_ours).then(|| format!("the release `{}` was installed again by somebody else", self.release)))
    }

    /// Whether the chart of a repository is always the same one.
    fn names_version(&self) -> bool {
        let is_number = |part: &str| part.bytes().next().is_some_and(|first| first.is_ascii_digit());
        let is_exact = |version: &String| {
            let parts: Vec<&str> = version.trim_start_matches('v').splitn(3, '.').collect();
            parts.len() == 3
                && parts.into_iter().all(is_number)
                && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte))
        };
        self.chart.contains("@sha256:") || self.version.as_ref().is_some_and(is_exact)
    }

    /// Gets the charts that this one consists of, where `charts/` does not have them as they are.
    async fn get_dependencies(&self, cx: &StepContext, helm: &Helm) -> Result<(), Failure> {
        let Some(chart) = Chart::at(cx.path(&self.chart)) else { return Ok(()) };
        let looked_at = chart.clone();
        let Some(why) = blocking(move || looked_at.missing_dependency()).await? else { return Ok(()) };
        Self::permit_loss_of_archives(cx, &chart)?;
        cx.line(&format!("getting the chart's dependencies: {why}"));
        let got = helm.get_dependencies(&chart, cx).await;
        cx.check_cancel()?;
        got.map_err(|failure| {
            failure
                .hint(format!("bring `Chart.lock` up to date: `helm dependency update {}`", shell_quoted(&self.chart)))
        })
    }

    fn ignores(&self, field: &str) -> bool {
        ignored::ignores(&self.ignore_changes, field)
    }

    /// Returns the objects of the release, and those that somebody has changed.
    async fn before_upgrade(&self, cx: &StepContext, helm: &Helm, kube: &Kube) -> Result<Before, Failure> {
        let Some(release) = kube.latest_release(&self.namespace, &self.release).await? else {
            return Ok(Before::default());
        };
        self.permit_upgrade(cx, helm, &release).await?;
        if !kube.serves_kinds_of(&release).await? {
            self.restore_definitions(cx, helm, kube, &release).await?;
        }
        let changed = kube.release_drift(&release, &|field| self.ignores(field)).await?.changed();
        Ok(Before { objects: release.objects().clone(), changed })
    }

    /// The chart as helm takes it.
    async fn chart_argument(&self, cx: &StepContext) -> Result<Cow<'_, str>, Failure> {
        let path = cx.path(&self.chart);
        let path = if path.is_dir() { cx.chart_for_helm(&path).await? } else { path };
        Ok(match path.to_str().filter(|_| path.exists()) {
            Some(path) => Cow::Owned(path.to_owned()),
            None => Cow::Borrowed(&self.chart),
        })
    }

    async fn upgrade(&self, cx: &StepContext, helm: &Helm, kube: &Kube) -> Result<Released, Failure> {
        let chart = self.chart_argument(cx).await?;
        let files: Vec<PathBuf> = self.values.iter().map(|file| cx.path(file)).collect();
        let values = if self.set.is_empty() {
            None
        } else {
            let json = serde_json::to_vec(&self.set)
                .map_err(|error| Failure::failed("the values in `set` can't be passed to helm").source(&error))?;
            Some(json)
        };
        let call = helm::call_id();
        let history = kube.release_history(&self.namespace, &self.release).await?;
        let description = others::description(cx, &call);
        let install = Install {
            chart: &chart,
            version: self.version.as_deref(),
            release: &self.release,
            namespace: &self.namespace,
            create_namespace: self.create_namespace,
            history_max: self.history_max,
            values_files: &files,
            values,
            description: &description,
            call: &call,
            checkout: Revision::label_of(history.last(), &cx.tools().marks()),
            hook_timeout: self.hook_timeout.map(|time| time.0),
        };
        let common = CommonRelease { cx, kube, namespace: &self.namespace, release: &self.release };
        let permit = Box::pin(common.permit_loss(&history, helm.planned_manifest(&install, cx), "this step's chart"));
        cx.unless_cancelled("comparing with the release of another checkout", permit).await?;
        cx.progress(Progress::items(0, None, format!("helm upgrade --install {}", self.release)));
        let result = helm.upgrade(&install, cx).await;
        cx.check_cancel()?;
        let work = Box::pin(async {
            result.map_err(|failure| self.explain(failure))?;
            self.confirm(cx, kube, &history, &description).await
        });
        let released = cx.unless_cancelled("reading the release's record", work).await;
        match released {
            Err(failure) if !cx.cancel().is_cancelled() => {
                Err(Box::pin(common.with_rival(&history, &call, failure)).await)
            }
            released => released,
        }
    }

    fn explain(&self, failure: Failure) -> Failure {
        let said = failure.to_string();
        if said.contains("found in Chart.yaml, but missing in charts/") {
            failure.hint(format!("get the chart's dependencies: `helm dependency build {}`", shell_quoted(&self.chart)))
        } else if said.contains("YAML parse error") || said.contains("template:") || said.contains("parse error") {
            failure.hint(format!("see what the chart renders: `helm template {} --debug`", shell_quoted(&self.chart)))
        } else {
            failure
        }
    }
}

#[cfg(test)]
mod tests;
