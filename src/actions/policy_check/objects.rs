//! The objects that rules check: those of manifests, and those of a rendered chart.

use fs_err as fs;

use super::PolicyCheck;
use super::verdict::Verdict;
use crate::action::{FileProof, ProjectFiles, StepContext};
use crate::error::{Context, Failure, ids};
use crate::files::{EntryKind, FileSet};
use crate::fingerprint::Inputs;
use crate::policy::{Object, Report, read_manifest};
use crate::tools::blocking;
use crate::tools::helm::{Chart, Rendering};

/// The release that a chart is rendered as.
const RELEASE: &str = "release";

impl PolicyCheck {
    /// Adds what decides about the objects.
    pub(super) async fn object_inputs(&self, cx: &StepContext, inputs: &mut Inputs) -> Result<(), Failure> {
        for pattern in &self.manifests {
            let label = format!("files {pattern}");
            let digest = cx.tools().digest(manifest_set(cx, pattern)?).await?;
            if digest == FileSet::nothing() {
                inputs.unmatched(&label);
            }
            inputs.digest(label, digest);
        }
        let Some(chart) = self.chart.as_ref().and_then(|chart| Chart::at(cx.path(chart))) else { return Ok(()) };
        cx.add_chart(Some(chart), &self.values, inputs).await
    }

    /// Adds the files that decide about the objects to `proof`.
    pub(super) fn add_objects_to(&self, proof: &mut FileProof, files: &ProjectFiles) -> Result<(), Failure> {
        for pattern in &self.manifests {
            proof.add_contents(files, pattern)?;
        }
        match &self.chart {
            Some(chart) => proof.add_chart(files, chart, &self.values),
            None => Ok(()),
        }
    }

    /// Checks the objects. Returns how many there are.
    pub(super) async fn check_objects(
        &self,
        cx: &StepContext,
        report: &mut Report,
        verdict: &mut Verdict,
    ) -> Result<usize, Failure> {
        let rules = self.object_rules();
        if rules.is_empty() {
            return Ok(0);
        }
        let mut unreadable = Vec::new();
        // Manifests are applied together, and so is a chart; one does not select the other's pods.
        let sets = [self.of_manifests(cx, &mut unreadable).await?, self.of_chart(cx, &mut unreadable).await?];
        for objects in &sets {
            report.check_objects(&rules, objects);
        }
        verdict.unreadable(unreadable);
        Ok(sets.iter().map(Vec::len).sum())
    }

    async fn of_manifests(&self, cx: &StepContext, unreadable: &mut Vec<String>) -> Result<Vec<Object>, Failure> {
        let mut objects = Vec::new();
        for pattern in &self.manifests {
            let set = manifest_set(cx, pattern)?;
            let texts = blocking(move || {
                let mut texts = Vec::new();
                for entry in set.walk() {
                    let entry = entry?;
                    if entry.kind == EntryKind::File {
                        let name = entry.name().display().to_string();
                        let bytes = fs::read(&entry.path).context(|| format!("reading `{name}`"))?;
                        texts.push((name, String::from_utf8_lossy(&bytes).into_owned()));
                    }
                }
                Ok(texts)
            });
            let texts = texts.await?;
            if texts.is_empty() {
                unreadable.push(format!("there is no `{pattern}`"));
            }
            for (name, text) in texts {
                let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
                objects.extend(read_manifest(&name, text, unreadable));
            }
        }
        Ok(objects)
    }

    async fn of_chart(&self, cx: &StepContext, unreadable: &mut Vec<String>) -> Result<Vec<Object>, Failure> {
        let Some(chart) = &self.chart else { return Ok(Vec::new()) };
        let path = cx.path(chart);
        if Chart::at(path.clone()).is_none() {
            return Err(Failure::of(ids::CHART_MISSING, format!("there is no chart `{chart}`")));
        }
        let path = cx.chart_for_helm(&path).await?;
        let helm = cx.helm_without_cluster(self.helm.as_deref()).await?;
        let values = (!self.set.is_empty()).then(|| serde_json::to_vec(&self.set)).transpose();
        let values = values.context(|| "writing the chart's values".into())?;
        let rendering = Rendering {
            chart: &path,
            release: RELEASE,
            namespace: &self.namespace,
            values_files: &self.values.iter().map(|file| cx.path(file)).collect::<Vec<_>>(),
            values: values.as_deref(),
        };
        let manifest = cx.render(&helm, &rendering).await?;
        Ok(read_manifest(chart, &manifest, unreadable))
    }
}

fn manifest_set(cx: &StepContext, pattern: &str) -> Result<FileSet, Failure> {
    FileSet::glob(cx.tools().root(), pattern, &[]).map_err(Failure::failed)
}
