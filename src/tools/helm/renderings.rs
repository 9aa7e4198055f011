//! [`Renderings`]: what charts have become, for checks that ask for the same.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fs_err as fs;

use super::chart::Chart;
use super::program::Helm;
use super::render::Rendering;
use crate::error::{Context, Failure};
use crate::fingerprint::Digest;
use crate::tools::blocking;
use crate::tools::process::ProcessObserver;

/// How many are kept: the checks of a pipeline hardly use more sets of values.
const KEPT: usize = 48;

/// What charts have become lately, by everything that decides it.
#[derive(Debug, Default)]
pub struct Renderings {
    kept: Mutex<VecDeque<(Digest, Arc<str>)>>,
    asked: AtomicUsize,
    refused: AtomicUsize,
}

impl Renderings {
    /// Returns what a chart becomes; renders it unless its files and values are those of an earlier call.
    pub async fn get_or_render(
        &self,
        helm: &Helm,
        rendering: &Rendering<'_>,
        host: &dyn ProcessObserver,
    ) -> Result<String, Failure> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let key = key(helm, rendering).await?;
        if let Some(known) = self.get(key) {
            return Ok(known.as_ref().to_owned());
        }
        let manifest = helm.template(rendering, host).await.inspect_err(|_| {
            self.refused.fetch_add(1, Ordering::Relaxed);
        })?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front((key, manifest.as_str().into()));
        Ok(manifest)
    }

    /// How often a chart was asked for, and how often helm could not render it.
    pub fn counts(&self) -> (usize, usize) {
        (self.asked.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }

    /// Returns the one with the key, which is the last to be forgotten then.
    fn get(&self, key: Digest) -> Option<Arc<str>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| *known == key)?;
        let found = kept.remove(at)?;
        let manifest = Arc::clone(&found.1);
        kept.push_front(found);
        Some(manifest)
    }
}

/// One digest for everything that decides what a chart becomes.
async fn key(helm: &Helm, rendering: &Rendering<'_>) -> Result<Digest, Failure> {
    let mut parts = vec![format!("{helm:?}"), rendering.release.to_owned(), rendering.namespace.to_owned()];
    parts.push(String::from_utf8_lossy(rendering.values.unwrap_or_default()).into_owned());
    let (path, values_files) = (rendering.chart.to_owned(), rendering.values_files.to_vec());
    blocking(move || {
        let digests = Chart::at(path).map(|chart| chart.digests()).transpose()?.unwrap_or_default();
        parts.extend(digests.iter().map(|(path, digest)| format!("{path} {digest}")));
        for file in &values_files {
            let bytes = fs::read(file).context(|| "reading the chart's values".into())?;
            parts.push(Digest::of(&bytes).to_string());
        }
        Ok(Digest::of(parts.join("\0").as_bytes()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::fake::{FakeHost, fake_program};

    #[tokio::test]
    async fn the_same_chart_with_the_same_values_is_rendered_once() {
        let folder = tempfile::tempdir().unwrap();
        let (chart, count) = (folder.path().join("c"), folder.path().join("count"));
        fs::create_dir_all(&chart).unwrap();
        fs::write(chart.join("Chart.yaml"), "name: c\n").unwrap();
        let script = format!("echo x >> '{}'; cat '{}/Chart.yaml'", count.display(), chart.display());
        let helm = Helm::without_cluster(fake_program(folder.path(), "helm", &script).await);
        let (renderings, host) = (Renderings::default(), FakeHost::default());
        let values = Rendering { chart: &chart, release: "r", namespace: "n", values_files: &[], values: None };
        let n_calls = || fs::read_to_string(&count).unwrap().lines().count();
        for _ in 0..2 {
            assert_eq!(renderings.get_or_render(&helm, &values, &host).await.unwrap(), "name: c\n");
        }
        assert_eq!(n_calls(), 1);
        fs::write(chart.join("Chart.yaml"), "name: d\n").unwrap();
        assert_eq!(renderings.get_or_render(&helm, &values, &host).await.unwrap(), "name: d\n");
        let others = Rendering { values: Some(b"{}"), ..values };
        renderings.get_or_render(&helm, &others, &host).await.unwrap();
        assert_eq!((n_calls(), renderings.counts()), (3, (4, 0)));
    }
}
