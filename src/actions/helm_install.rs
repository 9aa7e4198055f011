//! `helm-install`: a release of a chart is deployed.

use std::path::{Path, PathBuf};

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
use crate::tools::helm::{self, Helm, Install, PendingRelease};
use crate::tools::kubernetes::{Kube, Release, ReleaseStatus};

/// Settings of `helm-install`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct HelmInstall {
    /// The chart: a folder or an archive of the project, or what else helm takes (`oci://…`).
    chart: String,
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
    const REVISION: u32 = 1;
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
            let chart = cx.path(&self.chart);
            let values: Vec<(String, PathBuf)> =
                self.values.iter().map(|file| (format!("values {file}"), cx.path(file))).collect();
            let digests = blocking(move || {
                let mut digests = Vec::new();
                if chart.exists() {
                    digests.push(("chart".to_owned(), chart_digest(&chart)?));
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

/// The digest of a chart: every file's path below it and content, in order; or of an archive's bytes.
fn chart_digest(chart: &Path) -> Result<Digest, Failure> {
    let reading = || format!("reading the chart {}", chart.display());
    if chart.is_file() {
        return Ok(Digest::of(&fs::read(chart).context(reading)?));
    }
    let mut hasher = blake3::Hasher::new();
    // helm follows links, so what they lead to is part of the chart: a file set of ours would stop at them.
    for entry in walkdir::WalkDir::new(chart).follow_links(true).sort_by_file_name() {
        let entry = entry.context(reading)?;
        if !entry.file_type().is_file() {
            continue;
        }
        let name = entry.path().strip_prefix(chart).unwrap_or(entry.path());
        let name = name.as_os_str().as_encoded_bytes();
        let content = blake3::hash(&fs::read(entry.path()).context(reading)?);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update(content.as_bytes());
    }
    Ok(Digest::from_hash(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charts_digest_is_that_of_its_files_and_not_of_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let digest = |name: &str, files: &[(&str, &str)]| {
            let chart = dir.path().join(name);
            for (path, text) in files {
                let path = chart.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            chart_digest(&chart).unwrap()
        };
        let a = digest("a", &[("Chart.yaml", "name: x"), ("templates/web.yaml", "kind: A")]);
        assert_eq!(a, digest("b", &[("templates/web.yaml", "kind: A"), ("Chart.yaml", "name: x")]));
        assert_ne!(a, digest("c", &[("templates/web.yaml", "kind: B"), ("Chart.yaml", "name: x")]));
        assert_ne!(a, digest("d", &[("templates/api.yaml", "kind: A"), ("Chart.yaml", "name: x")]));
    }
}
