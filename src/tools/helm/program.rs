//! The helm program, always at the declared cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::chart::Chart;
use super::warnings::Listener;
use crate::error::{Failure, ids};
use crate::tools::cluster::ClusterSpec;
use crate::tools::kubernetes::RUN_LABEL;
use crate::tools::process::{self, Command, ProcessObserver};

/// The helm program for one cluster.
#[derive(Clone, Debug)]
pub struct Helm {
    program: PathBuf,
    kubeconfig: Option<PathBuf>,
    context: String,
}

/// An `upgrade --install`.
#[derive(Clone, Debug)]
pub struct Install<'a> {
    /// The chart: a path, or what else helm takes.
    pub chart: &'a str,
    /// Its version, where it comes from a repository.
    pub version: Option<&'a str>,
    /// The release.
    pub release: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Whether helm makes the namespace.
    pub create_namespace: bool,
    /// How many revisions are kept.
    pub history_max: u32,
    /// Files of values, later ones over earlier ones.
    pub values_files: &'a [PathBuf],
    /// Values as JSON over all files; they go in by standard input, where no other process can read them.
    pub values: Option<Vec<u8>>,
    /// What the release is described by once it is deployed.
    pub description: &'a str,
    /// See [`super::call_id`].
    pub call: &'a str,
    /// The label that names the checkout, with its value.
    pub checkout: Option<(String, String)>,
    /// How long helm waits for each hook.
    pub hook_timeout: Option<Duration>,
}

/// A `rollback`.
#[derive(Clone, Debug)]
pub struct Rollback<'a> {
    /// The release.
    pub release: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// The revision whose state it gets.
    pub revision: u32,
    /// How many revisions are kept.
    pub history_max: u32,
    /// How long helm waits for each hook.
    pub hook_timeout: Option<Duration>,
}

impl Helm {
    /// The program at `program`, for the declared cluster.
    pub fn new(program: impl Into<PathBuf>, cluster: &ClusterSpec, state_dir: &Path) -> Self {
        Self { program: program.into(), kubeconfig: cluster.kubeconfig(state_dir), context: cluster.context.clone() }
    }

    /// The program at `program`, for what needs no cluster.
    pub fn without_cluster(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), kubeconfig: None, context: String::new() }
    }

    /// The one in `PATH`.
    pub fn find(cluster: &ClusterSpec, state_dir: &Path) -> Result<Self, Failure> {
        Ok(Self::new(process::find("helm")?, cluster, state_dir))
    }

    /// `upgrade --install`. Ends when helm does; that the release is deployed is for the caller to see.
    pub async fn upgrade(&self, install: &Install<'_>, host: &dyn ProcessObserver) -> Result<(), Failure> {
        // Its output contains every value of the chart: what is needed is read from the cluster instead.
        let what = format!("helm's upgrade of the release `{}`", install.release);
        run(&what, self.upgrade_command(install).capture(), host).await.map(drop)
    }

    /// The manifest that [`Self::upgrade`] would release. The API server is asked, and nothing changes.
    pub async fn planned_manifest(&self, install: &Install<'_>, host: &dyn ProcessObserver) -> Result<String, Failure> {
        let what = format!("helm's trial of an upgrade of the release `{}`", install.release);
        let command = self.upgrade_command(install).arg("--dry-run=server").capture();
        let printed = run(&what, command, host).await?;
        let planned = serde_json::from_slice::<serde_json::Value>(&printed).ok();
        let manifest = planned.as_ref().and_then(|planned| planned["manifest"].as_str()).map(str::to_owned);
        manifest.ok_or_else(|| Failure::failed(format!("{what} names no manifest")))
    }

    fn upgrade_command(&self, install: &Install<'_>) -> Command {
        let mut command = self
            .command(install.namespace)
            .args(["upgrade", "--install", install.release, install.chart, "-o", "json"])
            .arg(format!("--history-max={}", install.history_max))
            .args(["--description", install.description])
            .arg(labels(install));
        if install.create_namespace {
            command = command.arg("--create-namespace");
        }
        if let Some(version) = install.version {
            command = command.arg(format!("--version={version}"));
        }
        if let Some(timeout) = install.hook_timeout {
            command = command.arg(format!("--timeout={}s", timeout.as_secs()));
        }
        for file in install.values_files {
            command = command.arg("-f").arg(file);
        }
        if let Some(values) = &install.values {
            command = command.args(["-f", "-"]).stdin(values.clone());
        }
        command
    }

    /// Makes a new revision of a release that is as `revision` was. Ends when helm does; that it is deployed is for the
    /// caller to see.
    pub async fn rollback(&self, rollback: &Rollback<'_>, host: &dyn ProcessObserver) -> Result<(), Failure> {
        let Rollback { release, namespace, revision, history_max, hook_timeout } = rollback;
        let mut command = self
            .command(namespace)
            .args(["rollback", release, &revision.to_string()])
            .arg(format!("--history-max={history_max}"));
        if let Some(timeout) = hook_timeout {
            command = command.arg(format!("--timeout={}s", timeout.as_secs()));
        }
        run(&format!("helm's rollback of the release `{release}`"), command, host).await.map(drop)
    }

    /// Gets the charts that `chart` consists of into its folder `charts/`: by its lock, or, where they are all folders
    /// of this machine, as they are now.
    pub async fn get_dependencies(&self, chart: &Chart, host: &dyn ProcessObserver) -> Result<(), Failure> {
        let args = if chart.is_local()? { ["update", "--skip-refresh"].as_slice() } else { &["build"] };
        let command = Command::new(&self.program).arg("dependency").args(args).arg(chart.path());
        run("getting the chart's dependencies", command, host).await.map(drop)
    }

    /// Removes a release with every object of its manifest, and so with their data. Only after
    /// [`Deletion::permit`](crate::tools::deletion::Deletion::permit).
    pub async fn uninstall(&self, namespace: &str, release: &str, host: &dyn ProcessObserver) -> Result<(), Failure> {
        let what = format!("helm's removal of the release `{release}`");
        run(&what, self.command(namespace).args(["uninstall", release]), host).await.map(drop)
    }

    /// The definitions of custom resources in the `crds` folders of a chart and of the charts in it, as a manifest.
    pub async fn definitions(
        &self,
        namespace: &str,
        chart: &str,
        host: &dyn ProcessObserver,
    ) -> Result<String, Failure> {
        let what = format!("reading the definitions of the chart `{chart}`");
        let printed = run(&what, self.command(namespace).args(["show", "crds", chart]).capture(), host).await?;
        String::from_utf8(printed).map_err(|error| Failure::failed("reading a chart's definitions").source(&error))
    }

    /// `helm` for this cluster and a namespace, as a person types it.
    pub fn typed_in(&self, namespace: &str) -> String {
        let line = self.command(namespace).display_line();
        line.replacen(&*self.program.to_string_lossy(), "helm", 1)
    }

    pub(super) fn command(&self, namespace: &str) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(kubeconfig) = &self.kubeconfig {
            command = command.arg("--kubeconfig").arg(kubeconfig);
        }
        // Variables that would lead to another cluster, or to another storage for releases.
        for name in ["HELM_KUBEAPISERVER", "HELM_KUBETOKEN", "HELM_KUBECAFILE", "HELM_KUBEASUSER"] {
            command = command.env(name, "");
        }
        command = if self.context.is_empty() {
            // Without a cluster: nothing that a chart makes helm do finds one.
            command.env("KUBECONFIG", "/dev/null")
        } else {
            command.args(["--kube-context", &self.context])
        };
        command.env("HELM_DRIVER", "secret").args(["-n", namespace])
    }
}

/// Runs helm and returns its standard output, where it was captured. A failure says in its first line what was being
/// done and what helm says; the command is among the details, because it is long.
pub(super) async fn run(what: &str, command: Command, host: &dyn ProcessObserver) -> Result<Vec<u8>, Failure> {
    let line = command.display_line();
    let exit = command.run(&Listener::of(host)).await?;
    if exit.status.success() {
        return Ok(exit.stdout);
    }
    let ended = exit.failure(&line);
    let mut failure = Failure::of(ids::HELM_FAILED, format!("{what} failed"));
    match said(&exit.tail) {
        Some((from, error)) => {
            failure.transient = ["connection refused", "i/o timeout", "TLS handshake timeout", "EOF"]
                .iter()
                .any(|text| error.ends_with(text));
            let error = in_one_line(&error).unwrap_or(error);
            let (first, rest) = error.split_once('\n').unwrap_or((&error, ""));
            failure.message = format!("{}: {}", failure.message, first.trim_end());
            failure.causes = Some(rest.to_owned()).filter(|rest| !rest.trim().is_empty()).into_iter().collect();
            failure.details = exit.tail[..from].iter().filter(|line| !line.trim().is_empty()).cloned().collect();
            failure.details.push(ended.message);
            if error.contains("unknown flag: --labels") {
                failure = failure.hint("install helm 3.13 or newer");
            }
            Err(failure)
        }
        None => Err(failure.cause(ended.message).details(ended.details)),
    }
}

/// helm's own message, and at which line it begins: from its last `Error:` on.
fn said(tail: &[String]) -> Option<(usize, String)> {
    let from = tail.iter().rposition(|line| line.starts_with("Error:"))?;
    let text = tail[from..].join("\n");
    Some((from, text.trim_start_matches("Error:").trim().to_owned()))
}

/// Returns a message that ends with a list, as `1 error occurred:` and a line with `* ` for each, without the count and
/// with the list in its line; `None` for another one.
fn in_one_line(error: &str) -> Option<String> {
    let (first, list) = error.split_once('\n')?;
    let counted =
        first.trim_end().strip_suffix("errors occurred:").or(first.trim_end().strip_suffix("error occurred:"))?;
    let before = counted.trim_end().trim_end_matches(|c: char| c.is_ascii_digit());
    let lines = list.lines().map(str::trim).filter(|line| !line.is_empty());
    let errors: Option<Vec<&str>> = lines.map(|line| line.strip_prefix("* ")).collect();
    Some(format!("{before}{}", errors?.join("; ")))
}

/// The option with the labels of a release. A new revision has those of the one before too.
fn labels(install: &Install<'_>) -> String {
    let checkout = install.checkout.as_ref().map(|(name, value)| format!(",{name}={value}")).unwrap_or_default();
    format!("--labels={RUN_LABEL}={}{checkout}", install.call)
}

#[cfg(test)]
mod tests {
    use fs_err as fs;

    use super::*;
    use crate::tools::fake::{FakeHost, fake_program};

    async fn fake(folder: &Path, script: &str) -> Helm {
        let cluster = ClusterSpec::managed("any", "p", |_, _, _| true);
        let script = format!("cd {}; {script}", folder.display());
        Helm::new(fake_program(folder, "helm", &script).await, &cluster, Path::new("/s"))
    }

    fn install<'a>(values: Option<&str>) -> Install<'a> {
        Install {
            chart: "c",
            version: None,
            release: "r",
            namespace: "n",
            create_namespace: true,
            history_max: 5,
            values_files: &[],
            values: values.map(|text| text.as_bytes().to_vec()),
            description: "provision:a.b:1",
            call: "1f-7",
            checkout: Some(("checkout.x/id".into(), "main-1f".into())),
            hook_timeout: Some(Duration::from_secs(90)),
        }
    }

    #[tokio::test]
    async fn values_go_in_by_standard_input_and_the_cluster_is_always_named() {
        let folder = tempfile::tempdir().unwrap();
        let helm = fake(
            folder.path(),
            "echo \"$@\" > args; cat > input; echo \"$HELM_DRIVER$HELM_KUBETOKEN\" > env; echo '{\"config\":1}'",
        )
        .await;
        let host = FakeHost::default();
        helm.upgrade(&install(Some(r#"{"pw":"hunter22"}"#)), &host).await.unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(
            read("args"),
            "--kubeconfig /s/kubeconfig --kube-context p -n n upgrade --install r c -o json --history-max=5 \
             --description provision:a.b:1 --labels=provision=1f-7,checkout.x/id=main-1f --create-namespace --timeout=90s -f -\n"
        );
        assert_eq!(read("input"), r#"{"pw":"hunter22"}"#);
        assert_eq!(read("env"), "secret\n");
        // helm prints all values: they are not shown.
        assert_eq!(host.shown(), "");
    }

    #[tokio::test]
    async fn f106_what_helm_warns_of_reaches_the_host() {
        let folder = tempfile::tempdir().unwrap();
        let script =
            "echo 'W1126 11:46:29.1   42 warnings.go:70] unknown field \"spec.replica\"' >&2; echo note >&2; echo {}";
        let host = FakeHost::default();
        fake(folder.path(), script).await.upgrade(&install(None), &host).await.unwrap();
        assert_eq!(host.warnings(), ["unknown field \"spec.replica\""]);
        assert!(host.shown().ends_with("note\n"), "{}", host.shown());
    }

    #[tokio::test]
    async fn helms_own_message_is_the_cause() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo note >&2; echo 'Error: UPGRADE FAILED: template: x/templates/a.yaml:3:5: oh' >&2; \
             echo '  more' >&2; exit 1";
        let helm = fake(folder.path(), script).await;
        let failure = helm.upgrade(&install(None), &FakeHost::default()).await.unwrap_err();
        assert_eq!(failure.causes, ["  more"]);
        let message = "helm's upgrade of the release `r` failed: UPGRADE FAILED: template: x/templates/a.yaml:3:5: oh";
        assert_eq!(failure.message, message);
        assert_eq!(failure.details[0], "note");
        assert!(failure.details[1].contains(" upgrade --install r c ") && failure.details[1].ends_with("exit code 1"));
    }

    #[test]
    fn a_list_of_errors_stands_in_the_headline() {
        for (error, expected) in [
            (
                "failed post-install: 1 error occurred:\n\t* job hook failed: BackoffLimitExceeded\n\n",
                Some("failed post-install: job hook failed: BackoffLimitExceeded"),
            ),
            ("2 errors occurred:\n\t* a\n\t* b", Some("a; b")),
            ("1 error occurred:\n\t* a\nand more", None),
            ("UPGRADE FAILED: oh\n  more", None),
            ("oh", None),
        ] {
            assert_eq!(in_one_line(error).as_deref(), expected, "{error:?}");
        }
    }
}
