//! Whether the release that is there may become one of this step's chart: an upgrade removes every object that only the
//! chart of before has.

use super::HelmInstall;
use crate::action::StepContext;
use crate::error::Failure;
use crate::tools::blocking;
use crate::tools::deletion::{Deletion, Proof};
use crate::tools::helm::{Chart, Helm};
use crate::tools::kubernetes::{Release, ReleaseStatus};

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
            by_hand: helm.line(&self.namespace, &["uninstall", &self.release]),
        };
        deletion
            .permit(cx.tools().consent())
            .map_err(|failure| failure.hint("or give this one a name of its own: `release`"))?;
        cx.line(&format!("replacing the release of the chart `{}`, as `--yes` allows", there.chart));
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
