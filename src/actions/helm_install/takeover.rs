//! What helm deletes on the way: the objects that only the chart of before has, when a release becomes one of another
//! chart, and archives of the project, when it gets a chart's dependencies.

use super::HelmInstall;
use crate::action::StepContext;
use crate::error::Failure;
use crate::tools::blocking;
use crate::tools::deletion::{Deletion, Proof};
use crate::tools::helm::{Chart, Helm};
use crate::tools::kubernetes::{Release, ReleaseStatus};
use crate::tools::process::shell_quoted;

impl HelmInstall {
    /// Fails if `there` is a release of another chart that this step has not installed, unless the user agrees to its
    /// replacement.
    pub(super) async fn permit_upgrade(&self, cx: &StepContext, helm: &Helm, there: &Release) -> Result<(), Failure> {
        let name = match Chart::at(cx.path(&self.chart)) {
            Some(chart) => blocking(move || Ok(chart.name())).await?,
            None => name_of_remote(&self.chart).map(str::to_owned),
        };
        // Helm's record names the run that made it, and nobody else knows that name.
        let last = cx.last_output().and_then(|output| output.get("record"));
        if there.status == ReleaseStatus::Uninstalled
            || name.is_none_or(|name| name == there.chart_name)
            || last == Some(there.description.as_str())
        {
            return Ok(());
        }
        let deletion = Deletion {
            subject: format!("what the release `{}` has of the chart `{}` alone", self.release, there.chart),
            reason: format!("this step would upgrade it to the chart `{}`", self.chart),
            ours: Proof::Lacking("this step did not install it".into()),
            empty: Proof::Lacking("its objects may hold data".into()),
            in_use: None,
            consent_covers_ownership: true,
            by_hand: format!("{} uninstall {}", helm.typed_in(&self.namespace), self.release),
        };
        deletion
            .permit(cx.tools().consent())
            .map_err(|failure| failure.hint("or give this one a name of its own: `release`"))?;
        cx.line(&format!("replacing the release of the chart `{}`, as `--yes` allows", there.chart));
        Ok(())
    }

    /// Fails if getting the dependencies of `chart` would cost an archive that nothing names, unless the user agrees.
    pub(super) fn permit_loss_of_archives(cx: &StepContext, chart: &Chart) -> Result<(), Failure> {
        for archive in chart.undeclared_archives()? {
            let shown = archive.strip_prefix(cx.tools().root()).unwrap_or(&archive).display();
            let deletion = Deletion {
                subject: format!("`{shown}`"),
                reason: "helm deletes what no dependency names when it gets the chart's dependencies".into(),
                ours: Proof::Lacking("helm did not put it there".into()),
                empty: Proof::Lacking("it may be the only copy".into()),
                in_use: None,
                consent_covers_ownership: true,
                by_hand: format!("rm {}", shell_quoted(&shown.to_string())),
            };
            deletion
                .permit(cx.tools().consent())
                .map_err(|failure| failure.hint("or name it under `dependencies` in `Chart.yaml`"))?;
            cx.line(&format!("`{shown}` will be deleted, as `--yes` allows"));
        }
        Ok(())
    }
}

/// The name of a chart that helm gets from elsewhere: `oci://host/path/NAME`, `REPOSITORY/NAME`. `None` where its
/// address says nothing of the name.
fn name_of_remote(chart: &str) -> Option<&str> {
    if chart.starts_with("http://") || chart.starts_with("https://") {
        return None;
    }
    let last = chart.rsplit('/').next()?;
    last.split(['@', ':']).next().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_chart_is_read_from_its_address() {
        let cases = [
            ("oci://ghcr.io/x/todo", Some("todo")),
            ("oci://ghcr.io/x/todo@sha256:00", Some("todo")),
            ("oci://localhost:5000/todo:1.0", Some("todo")),
            ("repo/todo", Some("todo")),
            ("https://example.com/todo-1.0.tgz", None),
        ];
        for (chart, name) in cases {
            assert_eq!(name_of_remote(chart), name, "{chart}");
        }
    }
}
