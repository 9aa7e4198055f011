//! [`render_chart`]: what helm makes of a chart, without a cluster.

use std::path::{Path, PathBuf};

use super::program::run;
use crate::error::Failure;
use crate::tools::process::{Command, ProcessObserver};

/// A chart to render.
#[derive(Clone, Debug)]
pub struct Rendering<'a> {
    /// The helm program.
    pub program: &'a Path,
    /// The chart: a path.
    pub chart: &'a Path,
    /// The release that it is rendered as.
    pub release: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Files of values, later ones over earlier ones.
    pub values_files: &'a [PathBuf],
    /// Values as JSON over all files; they go in by standard input.
    pub values: Option<Vec<u8>>,
}

/// Renders a chart to a manifest. Each document has a comment that names its template. Helm contacts no cluster, and is
/// given none.
pub async fn render_chart(rendering: &Rendering<'_>, host: &dyn ProcessObserver) -> Result<String, Failure> {
    let mut command = Command::new(rendering.program)
        .env("KUBECONFIG", "/dev/null")
        .args(["template", rendering.release])
        .arg(rendering.chart)
        .args(["-n", rendering.namespace]);
    for file in rendering.values_files {
        command = command.arg("-f").arg(file);
    }
    if let Some(values) = &rendering.values {
        command = command.args(["-f", "-"]).stdin(values.clone());
    }
    let what = format!("rendering the chart `{}`", rendering.chart.display());
    let printed = run(&what, command.capture(), host).await?;
    String::from_utf8(printed).map_err(|error| Failure::failed(what).source(&error))
}
