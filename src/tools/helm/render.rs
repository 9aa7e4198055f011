//! Charts are checked and rendered, without a cluster.

use std::path::{Path, PathBuf};

use super::program::{Helm, run};
use crate::error::Failure;
use crate::tools::process::{Command, ProcessObserver};

/// What a chart is rendered with.
#[derive(Clone, Copy, Debug)]
pub struct Rendering<'a> {
    /// The chart's folder or archive.
    pub chart: &'a Path,
    /// The release's name.
    pub release: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Files of values, later ones over earlier ones.
    pub values_files: &'a [PathBuf],
    /// Values as JSON over all files.
    pub values: Option<&'a [u8]>,
}

impl Rendering<'_> {
    fn add_values(&self, mut command: Command) -> Command {
        for file in self.values_files {
            command = command.arg("-f").arg(file);
        }
        match self.values {
            Some(values) => command.args(["-f", "-"]).stdin(values.to_owned()),
            None => command,
        }
    }
}

impl Helm {
    /// Fails where the chart is not well formed, or helm would do otherwise: `helm lint --strict`.
    pub async fn lint(&self, rendering: &Rendering<'_>, host: &dyn ProcessObserver) -> Result<(), Failure> {
        let command = self.command(rendering.namespace).args(["lint", "--strict"]).arg(rendering.chart);
        let linted = run("helm's check of the chart", rendering.add_values(command), host).await;
        linted.map(drop).map_err(|mut failure| {
            // What is wrong stands in lines of their own, and the last line only counts them.
            let found =
                failure.details.iter().filter(|line| line.starts_with("[ERROR]") || line.starts_with("[WARNING]"));
            let found: Vec<String> = found.cloned().collect();
            failure.causes.splice(0..0, found);
            failure
        })
    }

    /// Returns the manifest that the chart becomes.
    pub async fn template(&self, rendering: &Rendering<'_>, host: &dyn ProcessObserver) -> Result<String, Failure> {
        let command = self.command(rendering.namespace).args(["template", rendering.release]).arg(rendering.chart);
        let printed = run("rendering the chart", rendering.add_values(command).capture(), host).await?;
        String::from_utf8(printed).map_err(|error| Failure::failed("reading a rendered chart").source(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::fake::{FakeHost, fake_program};

    #[tokio::test]
    async fn no_cluster_is_asked_and_the_causes_come_first() {
        let folder = tempfile::tempdir().unwrap();
        let script = "case \"$*\" in *lint*) echo '==> Linting c'; echo '[ERROR] templates/: no'; \
             echo 'Error: 1 chart(s) linted, 1 chart(s) failed' >&2; exit 1;; *) echo \"args: $*\"; cat;; esac";
        let helm = Helm::without_cluster(fake_program(folder.path(), "helm", script).await);
        let files = [PathBuf::from("v.yaml")];
        let rendering = Rendering {
            chart: Path::new("c"),
            release: "r",
            namespace: "n",
            values_files: &files,
            values: Some(b"{\"a\":1}"),
        };
        let failure = helm.lint(&rendering, &FakeHost::default()).await.unwrap_err();
        assert_eq!(failure.message, "helm's check of the chart failed: 1 chart(s) linted, 1 chart(s) failed");
        assert_eq!(failure.causes, ["[ERROR] templates/: no"]);
        let text = helm.template(&rendering, &FakeHost::default()).await.unwrap();
        assert_eq!(text, "args: -n n template r c -f v.yaml -f -\n{\"a\":1}");
    }
}
