//! `chart-check`: a chart is well formed, and becomes what is expected with each set of values.

mod render;

use std::path::PathBuf;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, FileProof, Presence, ProjectFiles, StepContext, defaults, names};
use crate::documents::Rendered;
use crate::error::{Failure, ids};
use crate::expr::Tree;
use crate::fingerprint::Inputs;
use crate::model::{Output, Progress};
use crate::tools::blocking;
use crate::tools::helm::{Chart, Helm, Rendering};
use crate::tools::kubernetes::{Kube, Validity};
use render::Render;

/// Settings of `chart-check`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ChartCheck {
    /// The chart: a folder or an archive of the project.
    chart: String,
    /// The name of the release that it is rendered for.
    #[serde(default = "default_release")]
    release: String,
    /// The namespace of the release.
    #[serde(default = "defaults::namespace")]
    namespace: String,
    /// Whether `helm lint --strict` has to pass with each set of values.
    #[serde(default = "defaults::yes")]
    lint: bool,
    /// Whether every rendered object has to be valid: for the API server, which tries it and changes nothing, where the
    /// cluster is there; else by what this program knows of the kinds of Kubernetes: their fields and types, which of
    /// them are required, and which values they can have.
    #[serde(default = "defaults::yes")]
    validate: bool,
    /// The sets of values; without one the chart is rendered once with its own values.
    #[serde(default)]
    render: Vec<Render>,
    /// Values for assertions, which know them as `given.NAME`.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    given: toml::Table,
    /// The helm program; the one in `PATH` by default.
    helm: Option<String>,
}

fn default_release() -> String {
    "release-name".into()
}

impl ActionSettings for ChartCheck {
    const NAME: &'static str = "chart-check";
    const REVISION: u32 = 2;
    const SUMMARY: &'static str = "Lints a chart strictly and renders it with each set of values: the objects that it becomes \
         are there or not, are as asserted, and are valid; says of each object that could not be validated why not";
    const EXAMPLE: &'static str = "chart = \"charts/todo\"\nrender = [\n  \
        { name = \"local\", values = [\"charts/todo/values-local.yaml\"], absent = [\"Ingress/todo\"], objects = [\n    \
          { object = \"Deployment/backend\", assert = [\"spec.replicas == 1\"] },\n  ] },\n  \
        { name = \"with-ingress\", set = { ingress = { enabled = true } }, present = [\"Ingress/todo\"] },\n]";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("objects", "how many objects were rendered, with all sets of values"),
        ("validated", "how many of them were found valid"),
        ("unvalidated", "how many could not be validated; the step's log has the reasons"),
        ("validated-by", "`cluster`, `types` (what this program knows of Kubernetes) or `nothing`"),
    ];
    const PROGRAMS: &'static [&'static str] = &["helm"];
    const HANDS_CLUSTER_ON: bool = true;

    fn validate(&self) -> Result<(), String> {
        names::release("release", &self.release)?;
        names::label("namespace", &self.namespace)?;
        if self.chart.is_empty() || self.chart.starts_with('-') {
            return Err(format!("`chart` can't be `{}`: helm would read it as an option", self.chart));
        }
        for (n, render) in self.render.iter().enumerate() {
            render.validate()?;
            if self.render[..n].iter().any(|other| other.name == render.name) {
                return Err(format!("`render` has two sets with the name `{}`", render.name));
            }
        }
        Ok(())
    }
}

impl Action for ChartCheck {
    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let chart = self.chart(cx)?;
            let mut files: Vec<&String> = self.render.iter().flat_map(|render| &render.values).collect();
            files.sort();
            files.dedup();
            cx.add_chart(Some(chart), files, inputs).await
        })
    }

    /// What it found follows from its inputs.
    fn probe<'a>(&'a self, _cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(std::future::ready(Ok(Presence::Present)))
    }

    /// On a copy there is no cluster: objects are validated by what this program knows of Kubernetes.
    fn file_proof(&self, files: &ProjectFiles) -> Result<Option<FileProof>, Failure> {
        let mut proof = FileProof::default();
        proof.add_chart(files, &self.chart, self.render.iter().flat_map(|render| &render.values))?;
        Ok(Some(proof))
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let chart = self.chart(cx)?;
            let helm = cx.helm_without_cluster(self.helm.as_deref()).await?;
            let packed = chart.clone();
            if let Some(why) = blocking(move || packed.missing_dependency()).await? {
                cx.line(&format!("getting the chart's dependencies: {why}"));
                helm.get_dependencies(&chart, cx).await?;
            }
            let kube = self.cluster(cx).await?;
            let given = Tree::given(&self.given).map_err(Failure::failed)?;
            let own_values = [Render::default()];
            let renders = if self.render.is_empty() { &own_values } else { self.render.as_slice() };
            let (mut wrong, mut counts) = (Vec::new(), Counts::default());
            for (n, render) in renders.iter().enumerate() {
                cx.progress(Progress::items(n as u64, Some(renders.len() as u64), render.subject()));
                let rendered = self.rendered(cx, &helm, &chart, render).await?;
                let rendered = match rendered {
                    Ok(rendered) => rendered,
                    Err(unreadable) => {
                        wrong.extend(unreadable.into_iter().map(|line| format!("{}: {line}", render.subject())));
                        continue;
                    }
                };
                for note in &rendered.document.notes {
                    cx.line(note);
                }
                let found = render.wrong(&rendered, given.as_ref());
                wrong.extend(found.into_iter().map(|line| format!("{}: {line}", render.subject())));
                if self.validate {
                    self.validate_objects(cx, kube.as_ref(), render, &rendered, &mut counts, &mut wrong).await?;
                }
                counts.objects += rendered.sources.len();
            }
            for line in &wrong {
                cx.line(line);
            }
            let validated_by = match kube {
                _ if !self.validate => "nothing",
                Some(_) => "cluster",
                None => "types",
            };
            match wrong.as_slice() {
                [] => Ok(Output::new()
                    .with("objects", counts.objects.to_string())
                    .with("validated", counts.valid.to_string())
                    .with("unvalidated", counts.unknown.to_string())
                    .with("validated-by", validated_by)),
                [one] => Err(Failure::of(ids::CHART_INVALID, one)),
                many => {
                    let message = format!("the chart `{}` is not as expected in {} ways", self.chart, many.len());
                    Err(Failure::of(ids::CHART_INVALID, message).details(wrong))
                }
            }
        })
    }
}

/// How many objects there were.
#[derive(Debug, Default)]
struct Counts {
    objects: usize,
    valid: usize,
    unknown: usize,
}

impl ChartCheck {
    fn chart(&self, cx: &StepContext) -> Result<Chart, Failure> {
        Chart::at(cx.path(&self.chart))
            .ok_or_else(|| Failure::of(ids::CHART_MISSING, format!("there is no chart `{}`", self.chart)))
    }

    /// The cluster, where it is there and objects are to be validated; else says why it is not asked.
    async fn cluster(&self, cx: &StepContext) -> Result<Option<Kube>, Failure> {
        if !self.validate {
            return Ok(None);
        }
        let why = match cx.tools().cluster() {
            None => "the pipeline has no [cluster]".to_owned(),
            Some(_) => match cx.unless_cancelled("connecting to the cluster", cx.tools().kube()).await {
                Ok(kube) => return Ok(Some(kube)),
                Err(failure) => {
                    cx.check_cancel()?;
                    failure.to_string()
                }
            },
        };
        cx.line(&format!("objects are validated by what is known of their kinds, without a cluster: {why}"));
        Ok(None)
    }

    /// Lints and renders the chart with a set of values.
    async fn rendered(
        &self,
        cx: &StepContext,
        helm: &Helm,
        chart: &Chart,
        render: &Render,
    ) -> Result<Result<Rendered, Vec<String>>, Failure> {
        let files: Vec<PathBuf> = render.values.iter().map(|file| cx.path(file)).collect();
        let values = render.values_as_json()?;
        let folder = cx.chart_for_helm(chart.path()).await?;
        let rendering = Rendering {
            chart: &folder,
            release: &self.release,
            namespace: &self.namespace,
            values_files: &files,
            values: values.as_deref(),
        };
        let result = async {
            if self.lint {
                helm.lint(&rendering, cx).await?;
            }
            cx.render(helm, &rendering).await
        };
        let manifest = result.await;
        cx.check_cancel()?;
        let manifest = manifest.map_err(|mut failure| {
            failure.message = format!("{}: {}", render.subject(), failure.message);
            failure
        })?;
        Ok(Rendered::read(&manifest))
    }

    /// Adds to `wrong` each object that is not valid; says which could not be validated.
    async fn validate_objects(
        &self,
        cx: &StepContext,
        kube: Option<&Kube>,
        render: &Render,
        rendered: &Rendered,
        counts: &mut Counts,
        wrong: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let objects: Vec<_> = rendered.objects().map(|(_, tree, _)| tree.to_json()).collect();
        let validities = match kube {
            Some(kube) => {
                let work = async { kube.validate_all(&objects.iter().collect::<Vec<_>>(), &self.namespace).await };
                cx.unless_cancelled("validating the chart's objects", work).await?
            }
            None => objects.iter().map(Validity::without_cluster).collect(),
        };
        for ((name, _, source), validity) in rendered.objects().zip(validities) {
            match validity {
                Validity::Valid => counts.valid += 1,
                Validity::Invalid(why) => {
                    wrong.push(format!("{}: {name} (`{source}`) is not valid: {why}", render.subject()));
                }
                Validity::Unknown(why) => {
                    counts.unknown += 1;
                    cx.line(&format!("{}: {name} (`{source}`) could not be validated: {why}", render.subject()));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<ChartCheck, String> {
        let settings: ChartCheck = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.validate().map(|()| settings)
    }

    #[test]
    fn settings_are_checked() {
        settings(ChartCheck::EXAMPLE).unwrap();
        for (text, part) in [
            ("chart = \"-x\"", "helm would read it as an option"),
            ("chart = \"c\"\n[[render]]\nname = \"a\"\n[[render]]\nname = \"a\"", "two sets with the name `a`"),
            ("chart = \"c\"\n[[render]]\nname = \"a\"\nabsent = [\"ingress\"]", "not of the form `Deployment/backend`"),
            (
                "chart = \"c\"\n[[render]]\nname = \"a\"\npresent = [\"Job/x\"]\nabsent = [\"Job/x\"]",
                "can't be there and not",
            ),
            ("chart = \"c\"\n[[render]]\nassert = [\"objects = 1\"]\nname = \"a\"", "values are compared with `==`"),
        ] {
            let error = settings(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
