//! Helm and its charts in the settings of a step.

use std::path::{Path, PathBuf};

use fs_err as fs;

use super::StepContext;
use crate::error::{Context, Failure};
use crate::files::{FileSet, Seen};
use crate::fingerprint::{Digest, Inputs};
use crate::tools::blocking;
use crate::tools::helm::{Chart, Helm, Rendering, folder_for_helm};
use crate::tools::kubernetes::KubeSource;
use crate::tools::process::find;

impl StepContext {
    /// Helm for the cluster: the program that the step names, by default the one in `PATH`. Fails if the kubeconfig
    /// that it would get is not ours.
    pub fn helm(&self, program: Option<&str>) -> Result<Helm, Failure> {
        let (cluster, state_dir) = (self.tools().declared_cluster()?, self.tools().state_dir());
        // Helm goes where the kubeconfig leads.
        KubeSource::of(cluster, state_dir).own().map_or(Ok(()), |own| own.check())?;
        match program {
            Some(program) => Ok(Helm::new(self.path(program), cluster, state_dir)),
            None => Helm::find(cluster, state_dir),
        }
    }

    /// Helm for what needs no cluster.
    pub async fn helm_without_cluster(&self, program: Option<&str>) -> Result<Helm, Failure> {
        let program = match program {
            Some(program) => self.path(program),
            None => blocking(|| find("helm")).await?,
        };
        Ok(Helm::without_cluster(program))
    }

    /// Returns the folder that helm gets for the chart in `chart`; see [`folder_for_helm`].
    pub async fn chart_for_helm(&self, chart: &Path) -> Result<PathBuf, Failure> {
        let (chart, state_dir) = (chart.to_owned(), self.tools().state_dir().to_owned());
        blocking(move || folder_for_helm(&chart, &state_dir)).await
    }

    /// Returns the manifest that a chart becomes. In a copy of the project, a chart that has not changed is rendered
    /// only once with the same values.
    pub async fn render(&self, helm: &Helm, rendering: &Rendering<'_>) -> Result<String, Failure> {
        match self.tools().renderings() {
            Some(known) => known.get_or_render(helm, rendering, self).await,
            None => helm.template(rendering, self).await,
        }
    }

    /// Adds the files of a chart of the project, and those of its values, to `inputs`: `chart PATH`, `values FILE`.
    pub async fn add_chart(
        &self,
        chart: Option<Chart>,
        values: impl IntoIterator<Item = &String>,
        inputs: &mut Inputs,
    ) -> Result<(), Failure> {
        let values = values.into_iter().map(|file| (format!("values {file}"), self.path(file)));
        let values: Vec<(String, PathBuf)> = values.collect();
        let seen = self.tools().seen().cloned();
        if let Some(chart) = chart {
            if let Some(seen) = seen.clone() {
                let chart = chart.clone();
                blocking(move || note_chart(&seen, &chart)).await?;
            }
            for (path, digest) in &*self.tools().digest_chart(chart).await? {
                inputs.digest(format!("chart {path}").trim_end(), *digest);
            }
        }
        let digests = blocking(move || {
            let mut digests = Vec::new();
            for (label, path) in values {
                if let Some(seen) = &seen {
                    seen.note_file(&path);
                }
                let bytes = fs::read(path).context(|| "reading the chart's values".into())?;
                digests.push((label, Digest::of(&bytes)));
            }
            Ok(digests)
        });
        for (label, digest) in digests.await? {
            inputs.digest(label, digest);
        }
        Ok(())
    }
}

/// Notes the files of a chart and of those that it names: not what helm packs of these, which follows from them.
fn note_chart(seen: &Seen, chart: &Chart) -> Result<(), Failure> {
    const MADE: [&str; 5] = ["charts/*.tgz", "Chart.lock", "requirements.lock", ".provision/**", ".git/**"];
    if chart.path().is_file() {
        seen.note_file(chart.path());
        return Ok(());
    }
    for folder in chart.folders()? {
        seen.note_all(&FileSet::glob(&folder, "**", &MADE).map_err(Failure::failed)?);
    }
    Ok(())
}
