//! The helm program, always at the declared cluster; and how to get a release out of a killed helm's hands.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use fs_err as fs;

use super::cluster::ClusterSpec;
use super::kubernetes::{Kube, RUN_LABEL, ReleaseStatus, Revision};
use super::process::{self, Command, ProcessObserver};
use crate::error::Failure;

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
    /// See [`new_run`].
    pub run: &'a str,
    /// How long helm waits for each hook.
    pub hook_timeout: Option<Duration>,
}

/// A name for one call of helm, as a label's value and in its arguments: tells a killed one of ours from everything else,
/// and finds one that lives.
pub fn new_run() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_millis());
    format!("{now:x}-{}-{}", std::process::id(), seat().unwrap_or("unseen"))
}

/// What stands for this machine, and on it for the processes that can be seen from here; the same after a reboot. `None`
/// where none can be seen.
fn seat() -> Option<&'static str> {
    static SEAT: OnceLock<Option<String>> = OnceLock::new();
    let read = || {
        let processes = fs::read_link("/proc/self/ns/pid").ok()?;
        let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
        let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let all = format!("{machine} {node} {}", processes.display());
        Some(blake3::hash(all.as_bytes()).to_hex()[..8].to_owned())
    };
    SEAT.get_or_init(read).as_deref()
}

impl Helm {
    /// The program at `program`, for the declared cluster.
    pub fn new(program: impl Into<PathBuf>, cluster: &ClusterSpec, state_dir: &Path) -> Self {
        Self {
            program: program.into(),
            kubeconfig: cluster.kubeconfig(state_dir),
            context: cluster.context().to_owned(),
        }
    }

    /// The one in `PATH`.
    pub fn find(cluster: &ClusterSpec, state_dir: &Path) -> Result<Self, Failure> {
        Ok(Self::new(process::find("helm")?, cluster, state_dir))
    }

    /// `upgrade --install`. Ends when helm does; that the release is deployed is for the caller to see.
    pub async fn upgrade(&self, install: &Install<'_>, host: &dyn ProcessObserver) -> Result<(), Failure> {
        let mut command = self
            .command(install.namespace)
            .args(["upgrade", "--install", install.release, install.chart, "-o", "json"])
            .arg(format!("--history-max={}", install.history_max))
            .args(["--description", install.description])
            .arg(format!("--labels={RUN_LABEL}={}", install.run));
        if install.create_namespace {
            command = command.arg("--create-namespace");
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
        // Its answer holds every value of the chart: it is read from the cluster instead, where it is wanted.
        run(command.capture(), host).await
    }

    /// Goes back to `revision`.
    pub async fn rollback(
        &self,
        namespace: &str,
        release: &str,
        revision: u32,
        host: &dyn ProcessObserver,
    ) -> Result<(), Failure> {
        run(self.command(namespace).args(["rollback", release, &revision.to_string()]), host).await
    }

    /// Removes a release.
    pub async fn uninstall(&self, namespace: &str, release: &str, host: &dyn ProcessObserver) -> Result<(), Failure> {
        run(self.command(namespace).args(["uninstall", release]), host).await
    }

    /// A command line for a person.
    pub fn line(&self, namespace: &str, args: &[&str]) -> String {
        let line = self.command(namespace).args(args).display_line();
        match line.split_once(' ') {
            Some((_, rest)) => format!("helm {rest}"),
            None => line,
        }
    }

    /// Frees a release that a killed helm has left pending, when it was ours and nobody works on it any more: a first
    /// installation is removed, an upgrade or rollback goes back to what ran before. Answers what was done.
    pub async fn release_lock(
        &self,
        kube: &Kube,
        namespace: &str,
        release: &str,
        host: &dyn ProcessObserver,
    ) -> Result<Option<String>, Failure> {
        let history = tokio::select! {
            history = kube.release_history(namespace, release) => history?,
            () = host.cancel().cancelled() => return Err(Failure::interrupted("reading the release's history")),
        };
        let Some(last) = history.last().filter(|last| last.status.is_pending()) else {
            return Ok(None);
        };
        let repair = repair(&history);
        let line = match repair {
            Repair::Uninstall => self.line(namespace, &["uninstall", release]),
            Repair::Rollback(to) => self.line(namespace, &["rollback", release, &to.to_string()]),
        };
        let was = format!("the release `{release}` is {}", last.status.word());
        if let Some(failure) = refusal(&was, &history) {
            return Err(failure.hint(format!("when nobody works on it any more: `{line}`")));
        }
        match repair {
            Repair::Uninstall => self.uninstall(namespace, release, host).await,
            Repair::Rollback(to) => self.rollback(namespace, release, to, host).await,
        }
        .map_err(|failure| failure.while_doing(format!("{was}, and can't be freed")))?;
        Ok(Some(format!("{was}, left by a killed run of ours: `{line}`")))
    }

    fn command(&self, namespace: &str) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(kubeconfig) = &self.kubeconfig {
            command = command.arg("--kubeconfig").arg(kubeconfig);
        }
        // Variables that would lead to another cluster, or keep releases where we don't look.
        for name in ["HELM_KUBEAPISERVER", "HELM_KUBETOKEN", "HELM_KUBECAFILE", "HELM_KUBEASUSER"] {
            command = command.env(name, "");
        }
        command.env("HELM_DRIVER", "secret").args(["--kube-context", &self.context, "-n", namespace])
    }
}

async fn run(command: Command, host: &dyn ProcessObserver) -> Result<(), Failure> {
    let line = command.display_line();
    let exit = command.run(host).await?;
    if exit.status.success() {
        return Ok(());
    }
    let failure = exit.failure(&line);
    Err(match said(&exit.tail) {
        Some((from, error)) => {
            let transient = ["connection refused", "i/o timeout", "TLS handshake timeout", "EOF"]
                .iter()
                .any(|text| error.ends_with(text));
            let mut failure = failure.cause(&error);
            failure.details.truncate(from);
            failure.details.retain(|line| !line.trim().is_empty());
            failure.transient = transient;
            if error.contains("unknown flag: --labels") {
                failure = failure.hint("install helm 3.13 or newer");
            }
            failure
        }
        None => failure,
    })
}

/// helm's own message, and at which line it begins: from its last `Error:` on.
fn said(tail: &[String]) -> Option<(usize, String)> {
    let from = tail.iter().rposition(|line| line.starts_with("Error:"))?;
    let text = tail[from..].join("\n");
    Some((from, text.trim_start_matches("Error:").trim().to_owned()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repair {
    Uninstall,
    Rollback(u32),
}

/// What frees a release whose last revision is pending: back to the newest revision that ran; without one, away with it.
fn repair(history: &[Revision]) -> Repair {
    history
        .iter()
        .rev()
        .find(|revision| matches!(revision.status, ReleaseStatus::Deployed | ReleaseStatus::Superseded))
        .map_or(Repair::Uninstall, |revision| Repair::Rollback(revision.number))
}

/// Why we must not touch a release whose last revision is pending: it is not ours, or its helm lives.
fn refusal(was: &str, history: &[Revision]) -> Option<Failure> {
    let Some(run) = run_of_last(history) else {
        return Some(
            Failure::failed(was).cause("it was not provision that began this, so somebody may be at work on it"),
        );
    };
    if !seat().is_some_and(|seat| run.ends_with(seat)) {
        return Some(Failure::failed(was).cause(
            "it was begun on another machine or in another container: nobody can see from here whether its helm lives",
        ));
    }
    let pid = process_with(run)?;
    Some(Failure::failed(was).cause(format!("helm works on it: process {pid}")).transient())
}

/// The call of ours that made the last revision. Helm hands labels on: one that an earlier revision has says nothing of
/// this one, except for a rollback, which can't be given a label and which nobody but us does to a release of ours.
fn run_of_last(history: &[Revision]) -> Option<&String> {
    let (last, earlier) = history.split_last()?;
    let run = last.run.as_ref()?;
    let inherited = earlier.iter().any(|revision| revision.run.as_ref() == Some(run));
    (!inherited || last.status == ReleaseStatus::PendingRollback).then_some(run)
}

/// The process that has `text` among its arguments, where that can be seen (on Linux).
fn process_with(text: &str) -> Option<u32> {
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        line.windows(text.len()).any(|part| part == text.as_bytes()).then_some(pid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::cluster::Provider;
    use crate::tools::fake::{FakeHost, fake_program};

    async fn fake(folder: &Path, script: &str) -> Helm {
        let cluster = ClusterSpec {
            provider: Provider::Minikube,
            name: "p".into(),
            cpus: None,
            memory: None,
            driver: None,
            kubernetes_version: None,
            start_args: Vec::new(),
        };
        let script = format!("cd {}; {script}", folder.display());
        Helm::new(fake_program(folder, "helm", &script).await, &cluster, Path::new("/s"))
    }

    fn install<'a>(values: Option<&str>) -> Install<'a> {
        Install {
            chart: "c",
            release: "r",
            namespace: "n",
            create_namespace: true,
            history_max: 5,
            values_files: &[],
            values: values.map(|text| text.as_bytes().to_vec()),
            description: "provision:a.b:1",
            run: "1f-7",
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
             --description provision:a.b:1 --labels=provision=1f-7 --create-namespace --timeout=90s -f -\n"
        );
        assert_eq!(read("input"), r#"{"pw":"hunter22"}"#);
        assert_eq!(read("env"), "secret\n");
        // helm answers with all values: nobody gets to see them.
        assert_eq!(host.shown(), "");
    }

    #[tokio::test]
    async fn helms_own_message_is_the_cause() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo note >&2; echo 'Error: UPGRADE FAILED: template: x/templates/a.yaml:3:5: oh' >&2; \
             echo '  more' >&2; exit 1";
        let helm = fake(folder.path(), script).await;
        let failure = helm.upgrade(&install(None), &FakeHost::default()).await.unwrap_err();
        assert_eq!(failure.causes, ["UPGRADE FAILED: template: x/templates/a.yaml:3:5: oh\n  more"]);
        assert_eq!(failure.details, ["note"]);
    }

    fn history(revisions: &[(ReleaseStatus, &str)]) -> Vec<Revision> {
        (1..)
            .zip(revisions)
            .map(|(number, (status, run))| Revision {
                number,
                status: status.clone(),
                run: Some(run.replace("-gone", &format!("-{}", seat().unwrap()))).filter(|run| !run.is_empty()),
            })
            .collect()
    }

    #[test]
    fn a_pending_release_goes_back_to_what_ran() {
        use ReleaseStatus::{Deployed, Failed, PendingInstall, PendingUpgrade, Superseded};
        let cases = [
            (vec![PendingInstall], Repair::Uninstall),
            (vec![Failed, PendingUpgrade], Repair::Uninstall),
            (vec![Superseded, Deployed, PendingUpgrade], Repair::Rollback(2)),
            (vec![Superseded, Failed, PendingUpgrade], Repair::Rollback(1)),
        ];
        for (statuses, expected) in cases {
            let revisions: Vec<(ReleaseStatus, &str)> = statuses.into_iter().map(|status| (status, "")).collect();
            assert_eq!(repair(&history(&revisions)), expected, "{revisions:?}");
        }
    }

    #[test]
    fn a_pending_release_is_ours_only_by_a_label_of_its_own() {
        use ReleaseStatus::{Deployed, PendingInstall, PendingRollback, PendingUpgrade};
        let cases: [(&[(ReleaseStatus, &str)], bool); 7] = [
            (&[(PendingInstall, "1f-0-elsewhere")], false),
            (&[(PendingInstall, "1f-0-gone")], true),
            (&[(PendingInstall, "")], false),
            (&[(Deployed, "a-1"), (PendingUpgrade, "1f-0-gone")], true),
            (&[(Deployed, "a-1"), (PendingUpgrade, "a-1")], false),
            (&[(Deployed, "1f-0-gone"), (PendingRollback, "1f-0-gone")], true),
            (&[(Deployed, ""), (PendingRollback, "")], false),
        ];
        for (revisions, ours) in cases {
            assert_eq!(refusal("x", &history(revisions)).is_none(), ours, "{revisions:?}");
        }
    }

    #[tokio::test]
    async fn a_pending_release_of_a_living_helm_is_left_alone() {
        let run = new_run();
        let revisions = history(&[(ReleaseStatus::PendingInstall, &run)]);
        let child = duct::cmd!("sh", "-c", "sleep 60; true", &run).start().unwrap();
        let failure = refusal("x", &revisions);
        child.kill().unwrap();
        // It ends by the signal.
        assert!(child.wait().is_err());
        assert!(cfg!(not(target_os = "linux")) || failure.is_some_and(|failure| failure.transient));
    }
}
