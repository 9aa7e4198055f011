//! `helm-install`: a release of a chart is deployed.

use std::path::PathBuf;

use fs_err as fs;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::units::Time;
use crate::action::{Action, ActionSettings, Presence, StepContext, defaults, names};
use crate::error::{Context, Failure};
use crate::fingerprint::{Digest, Inputs};
use crate::model::{Output, Progress};
use crate::tools::blocking;
use crate::tools::helm::{self, Chart, Helm, Install, PendingRelease};
use crate::tools::kubernetes::{Kube, Release, ReleaseStatus};

/// Settings of `helm-install`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct HelmInstall {
    /// The chart: a folder or an archive of the project, or what else helm takes (`oci://…`).
    chart: String,
    /// Its version, for a chart of a repository. Without an exact one (`1.2.3`) such a step is never fresh, because nobody
    /// knows which version helm takes.
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
         and the objects of its manifest are there. Frees a release that a killed run of ours has left pending by its \
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
        Ok(())
    }
}

impl Action for HelmInstall {
    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let chart = Chart::at(cx.path(&self.chart));
            if chart.is_none() && !self.names_version() {
                inputs.unknown(format!("which version of the chart `{}` helm takes", self.chart));
            }
            let values: Vec<(String, PathBuf)> =
                self.values.iter().map(|file| (format!("values {file}"), cx.path(file))).collect();
            let digests = blocking(move || {
                let mut digests = Vec::new();
                for (path, digest) in chart.map(|chart| chart.digests()).transpose()?.unwrap_or_default() {
                    digests.push((format!("chart {path}").trim_end().to_owned(), digest));
                }
                for (label, path) in values {
                    let bytes = fs::read(path).context(|| "reading the chart's values".into())?;
                    digests.push((label, Digest::of(&bytes)));
                }
                Ok(digests)
            });
            for (label, digest) in digests.await? {
                inputs.digest(label, digest);
            }
            Ok(())
        })
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
            match output.get("revision") {
                Some(revision) if revision != release.revision.to_string() => missing(format!(
                    "the release `{}` is now at revision {}, not {revision}",
                    self.release, release.revision
                )),
                // One that was removed and installed again begins at 1 again.
                _ if output.get("record").is_some_and(|record| record != release.description) => {
                    missing(format!("the release `{}` was installed again by somebody else", self.release))
                }
                _ => {
                    let objects = release.objects();
                    for why in &objects.unreadable {
                        cx.line(&format!("an object of the manifest can't be read, and is not checked: {why}"));
                    }
                    Ok(kube.absence_in(&objects).await?.map_or(Presence::Present, Presence::Missing))
                }
            }
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let tools = cx.tools();
            let cluster = tools.declared_cluster()?;
            let helm = match &self.helm {
                Some(program) => Helm::new(cx.path(program), cluster, tools.state_dir()),
                None => Helm::find(cluster, tools.state_dir())?,
            };
            let kube = cx.unless_cancelled("connecting to the cluster", tools.kube()).await?;
            let pending =
                PendingRelease { release: &self.release, namespace: &self.namespace, consent: tools.consent() };
            if let Some(done) = helm.recover_pending(&kube, pending, cx).await? {
                cx.line(&done);
            }
            self.get_dependencies(cx, &helm).await?;
            let release = self.upgrade(cx, &helm, &kube).await?;
            Ok(Output::new()
                .with("release", &self.release)
                .with("namespace", &self.namespace)
                .with("revision", release.revision.to_string())
                .with("status", release.status.word())
                .with("chart", release.chart)
                .with("app-version", release.app_version)
                .with("record", release.description))
        })
    }
}

impl HelmInstall {
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
        cx.line(&format!("getting the chart's dependencies: {why}"));
        let got = helm.get_dependencies(&chart, cx).await;
        cx.check_cancel()?;
        got.map_err(|failure| {
            failure.hint(format!("bring `Chart.lock` up to date: `helm dependency update {}`", self.chart))
        })
    }

    async fn upgrade(&self, cx: &StepContext, helm: &Helm, kube: &Kube) -> Result<Release, Failure> {
        let chart = cx.path(&self.chart);
        let files: Vec<PathBuf> = self.values.iter().map(|file| cx.path(file)).collect();
        let values = if self.set.is_empty() {
            None
        } else {
            let json = serde_json::to_vec(&self.set)
                .map_err(|error| Failure::failed("the values in `set` can't be passed to helm").source(&error))?;
            Some(json)
        };
        let call = helm::call_id();
        let description = format!("provision:{}:{call}", cx.step());
        let install = Install {
            chart: if chart.exists() { chart.to_str().unwrap_or(&self.chart) } else { &self.chart },
            version: self.version.as_deref(),
            release: &self.release,
            namespace: &self.namespace,
            create_namespace: self.create_namespace,
            history_max: self.history_max,
            values_files: &files,
            values,
            description: &description,
            call: &call,
            hook_timeout: self.hook_timeout.map(|time| time.0),
        };
        cx.progress(Progress::items(0, None, format!("helm upgrade --install {}", self.release)));
        let result = helm.upgrade(&install, cx).await;
        cx.check_cancel()?;
        result.map_err(|failure| self.explain(failure))?;
        let what = "reading the release's record";
        let release = cx.unless_cancelled(what, kube.latest_release(&self.namespace, &self.release)).await?;
        match release {
            Some(release) if release.status == ReleaseStatus::Deployed && release.description == description => {
                Ok(release)
            }
            Some(release) => Err(Failure::failed(format!(
                "helm succeeded, but the release `{}` is {}: {}",
                self.release,
                release.status.word(),
                release.description
            ))),
            None => Err(Failure::failed(format!("helm succeeded, but there is no release `{}`", self.release))),
        }
    }

    fn explain(&self, failure: Failure) -> Failure {
        let said = failure.causes.first().cloned().unwrap_or_default();
        if said.contains("found in Chart.yaml, but missing in charts/") {
            failure.hint(format!("get the chart's dependencies: `helm dependency build {}`", self.chart))
        } else if said.contains("YAML parse error") || said.contains("template:") || said.contains("parse error") {
            failure.hint(format!("see what the chart renders: `helm template {} --debug`", self.chart))
        } else {
            failure
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_exact_version_names_a_chart() {
        let names = |more: &str| {
            let settings: HelmInstall = toml::from_str(&format!("release = \"a\"\n{more}")).unwrap();
            settings.names_version()
        };
        for more in [
            "chart = \"oci://x/y@sha256:00\"",
            "chart = \"r/c\"\nversion = \"1.2.3\"",
            "chart = \"r/c\"\nversion = \"v1.2.3-rc.1+x\"",
        ] {
            assert!(names(more), "{more}");
        }
        for more in [
            "chart = \"oci://x/y\"",
            "chart = \"r/c\"\nversion = \"1.2\"",
            "chart = \"r/c\"\nversion = \"^1.2.3\"",
            "chart = \"r/c\"\nversion = \"1.2.x\"",
            "chart = \"r/c\"\nversion = \">=1.2.3 <2.0.0\"",
        ] {
            assert!(!names(more), "{more}");
        }
    }
}
