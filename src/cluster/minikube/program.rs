//! The minikube program, for one profile.
//!
//! `start -o json` prints events, which become progress and readable lines; a failure keeps minikube's own reason.
//! The kubeconfig is ours alone, and no current context is ever changed.

mod status;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

pub(super) use self::status::ClusterState;
use self::status::parse_status;
use super::settings::{Cpus, MinikubeCluster, StartArg};
use crate::cluster::provider::Addon;
use crate::cluster::session::Session;
use crate::error::{Failure, ids};
use crate::files::refuse_link;
use crate::model::Progress;
use crate::tools::Cancel;
use crate::tools::docker::Endpoint;
use crate::tools::kubernetes::OwnKubeconfig;
use crate::tools::process::{self, ChildRegistry, Command, Exit, ProcessObserver, shell_quoted};

/// What stands before minikube's reason for an end.
const EXITING: &str = "Exiting due to ";

/// One profile of minikube.
#[derive(Clone, Debug)]
pub(super) struct Minikube {
    program: PathBuf,
    profile: String,
    kubeconfig: OwnKubeconfig,
    env: Vec<(&'static str, String)>,
}

impl Minikube {
    /// The program at `program` for the profile `profile`.
    pub(super) fn new(program: impl Into<PathBuf>, profile: &str, kubeconfig: &Path) -> Self {
        Self {
            program: program.into(),
            profile: profile.to_owned(),
            kubeconfig: OwnKubeconfig::new(kubeconfig, profile),
            // With it a start that fails deletes the cluster, whatever is in it.
            env: vec![("MINIKUBE_DELETE_ON_FAILURE", "false".to_owned())],
        }
    }

    /// The one in `PATH`.
    pub(super) fn find(profile: &str, kubeconfig: &Path) -> Result<Self, Failure> {
        Ok(Self::new(process::find("minikube")?, profile, kubeconfig))
    }

    /// With the Docker daemon that provision itself uses.
    pub(super) fn with_daemon(mut self, daemon: &Endpoint) -> Self {
        self.env.push(("DOCKER_HOST", daemon.host.clone()));
        if let Some(certs) = &daemon.tls {
            self.env.push(("DOCKER_TLS_VERIFY", "1".to_owned()));
            self.env.push(("DOCKER_CERT_PATH", certs.display().to_string()));
        }
        self
    }

    /// The command that deletes the profile with all that is in it.
    pub(super) fn delete_line(&self) -> String {
        format!("minikube delete -p {}", self.profile)
    }

    /// Returns the state of the cluster. Changes nothing.
    pub(super) async fn status(&self, host: &dyn ProcessObserver) -> Result<ClusterState, Failure> {
        let command = self.command("status")?.args(["-o", "json"]).env("KUBECONFIG", self.kubeconfig.path()).capture();
        let line = command.display_line();
        let quiet = Translator::new(host, &|_| ());
        let exit = command.run(&quiet).await?;
        match parse_status(&exit.stdout) {
            Some(state) => Ok(state),
            None if exit.status.success() => Ok(ClusterState::NoNode),
            None => Err(exit.failure(&line)),
        }
    }

    /// Creates the cluster or starts it again; also finishes what a killed start has left. Tells the host its warnings.
    pub(super) async fn start(&self, declared: &MinikubeCluster, cx: &Session<'_>) -> Result<(), Failure> {
        // The kubeconfig is ours alone, so that the cluster may be the current context in it.
        // A virtual machine that it starts stays.
        let mut command = self.command("start")?.args(["-o", "json"]).leaves_work();
        if let Some(Cpus(cpus)) = declared.cpus {
            command = command.arg(format!("--cpus={cpus}"));
        }
        let texts = [
            ("memory", &declared.memory),
            ("driver", &declared.driver),
            ("kubernetes-version", &declared.kubernetes_version),
        ];
        for (flag, value) in texts {
            if let Some(value) = value {
                command = command.arg(format!("--{flag}={value}"));
            }
        }
        let command = command.args(declared.start_args.iter().map(|StartArg(arg)| arg));
        let line = command.display_line();
        let translator = Translator::new(cx.host, cx.on_progress);
        let exit = self.call(command, &translator).await?;
        translator.take_warnings().iter().for_each(|warning| cx.host.warned(warning));
        if exit.status.success() {
            return Ok(());
        }
        Err(translator.failure(exit.failure(&line), &self.profile).with_id(ids::CLUSTER_START_FAILED))
    }

    /// Resumes a paused cluster.
    pub(super) async fn unpause(&self, host: &dyn ProcessObserver) -> Result<(), Failure> {
        self.run(self.command("unpause")?.args(["-o", "json"]), host).await
    }

    /// Stops the node; nothing of the cluster's is lost. It is no error if there is nothing to stop.
    pub(super) async fn stop(&self, host: &dyn ProcessObserver) -> Result<(), Failure> {
        let quiet = Translator::new(host, &|_| ());
        self.call(self.command("stop")?.args(["-o", "json"]), &quiet).await.map(drop)
    }

    /// Deletes the profile with all that is in it. Only after [`crate::tools::deletion::Deletion::permit`].
    pub(super) async fn delete(&self, host: &dyn ProcessObserver) -> Result<(), Failure> {
        self.run(self.command("delete")?.args(["-o", "json"]), host).await
    }

    /// Turns an addon on. For some addons minikube waits for their pods, and fails after six minutes.
    pub(super) async fn enable_addon(&self, addon: &Addon, host: &dyn ProcessObserver) -> Result<(), Failure> {
        let mut command = self.command("addons")?.args(["enable", &addon.name]);
        for (option, values) in [("images", &addon.images), ("registries", &addon.registries)] {
            if !values.is_empty() {
                let pairs: Vec<String> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
                command = command.arg(format!("--{option}={}", pairs.join(",")));
            }
        }
        self.run(command, host).await.map_err(|failure| {
            let why = failure.details.iter().find_map(|line| line.split_once(EXITING));
            let why = why.map(|(_, why)| why.trim().to_owned());
            let failure = failure.while_doing(format!("minikube can't enable the addon `{}`", addon.name));
            let failure = failure.with_id(ids::ADDON_NOT_READY);
            match why {
                Some(why) => failure.cause(why),
                None => failure,
            }
        })
    }

    /// Writes the cluster's address into our kubeconfig.
    pub(super) async fn update_context(&self, host: &dyn ProcessObserver) -> Result<(), Failure> {
        self.run(self.command("update-context")?, host).await
    }

    /// Keeps a kubeconfig that is not ours under another name, so that minikube writes a new one: it would leave what
    /// it trusts as it is. Returns what a person should know of that.
    pub(super) fn set_foreign_aside(&self) -> Result<Option<String>, Failure> {
        self.kubeconfig.set_aside()
    }

    /// A call of minikube, which would use our kubeconfig through a link.
    fn command(&self, verb: &str) -> Result<Command, Failure> {
        let path = self.kubeconfig.path();
        refuse_link(path).map_err(|error| {
            let file = path.to_string_lossy();
            Failure::of(ids::STATE_UNUSABLE, format!("minikube can't use `{file}`"))
                .source(&error)
                .hint(format!("remove it, and run the same command again: `rm {}`", shell_quoted(&file)))
        })?;
        self.kubeconfig.check()?;
        let command = Command::new(&self.program).args([verb, "-p", &self.profile]);
        Ok(self.env.iter().fold(command, |command, (name, value)| command.env(name, value)))
    }

    /// Runs a call that may write our kubeconfig: it writes a draft, which becomes ours, however the call ended.
    async fn call(&self, command: Command, observer: &dyn ProcessObserver) -> Result<Exit, Failure> {
        let draft = self.kubeconfig.draft()?;
        let exit = command.env("KUBECONFIG", draft.path()).run(observer).await;
        draft.adopt()?;
        exit
    }

    async fn run(&self, command: Command, host: &dyn ProcessObserver) -> Result<(), Failure> {
        let line = command.display_line();
        let translator = Translator::new(host, &|_| ());
        let exit = self.call(command, &translator).await?;
        if exit.status.success() {
            return Ok(());
        }
        Err(translator.failure(exit.failure(&line), &self.profile))
    }
}

/// A line of `minikube start -o json`.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Step {
        current: u64,
        total: u64,
        message: String,
    },
    Note(String),
    /// Also an error without a type: a start survives it.
    Warning(String),
    Error {
        name: String,
        message: String,
        advice: String,
        url: String,
    },
    Other(String),
}

#[derive(Deserialize)]
struct CloudEvent {
    #[serde(rename = "type")]
    kind: String,
    data: EventData,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EventData {
    message: String,
    name: String,
    advice: String,
    url: String,
    currentstep: String,
    totalsteps: String,
}

fn parse_line(line: &str) -> Line {
    let Ok(event) = serde_json::from_str::<CloudEvent>(line) else {
        return Line::Other(line.to_owned());
    };
    let data = event.data;
    match event.kind.rsplit('.').next() {
        Some("step") => match (data.currentstep.parse(), data.totalsteps.parse()) {
            (Ok(current), Ok(total)) => Line::Step { current, total, message: data.message },
            _ => Line::Note(data.message),
        },
        Some("error") if !data.name.is_empty() => {
            Line::Error { name: data.name, message: data.message, advice: data.advice, url: data.url }
        }
        Some("error" | "warning") => Line::Warning(data.message),
        _ => Line::Note(data.message),
    }
}

/// Passes minikube's events on as lines that a person can read, and keeps its last error.
struct Translator<'a> {
    host: &'a dyn ProcessObserver,
    on_progress: &'a (dyn Fn(Progress) + Send + Sync),
    state: Mutex<Translated>,
}

#[derive(Default)]
struct Translated {
    open: Vec<u8>,
    shown: Vec<String>,
    warnings: Vec<String>,
    error: Option<Line>,
}

/// How many of the last lines a failure shows.
const SHOWN: usize = 20;

impl<'a> Translator<'a> {
    fn new(host: &'a dyn ProcessObserver, on_progress: &'a (dyn Fn(Progress) + Send + Sync)) -> Self {
        Self { host, on_progress, state: Mutex::new(Translated::default()) }
    }

    fn line(&self, state: &mut Translated, line: &str) {
        let parsed = parse_line(line.trim_end());
        let text = match &parsed {
            Line::Step { current, total, message } => {
                (self.on_progress)(Progress::items(*current, Some(*total), message.clone()));
                message.clone()
            }
            Line::Note(text) | Line::Other(text) => text.clone(),
            Line::Warning(text) => {
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                state.warnings.push(text.clone());
                text
            }
            Line::Error { name, message, .. } => format!("{name}: {message}"),
        };
        if matches!(parsed, Line::Error { .. }) {
            state.error = Some(parsed);
        }
        if !text.trim().is_empty() {
            self.host.output(format!("{text}\n").as_bytes());
            if state.shown.len() == SHOWN {
                state.shown.remove(0);
            }
            state.shown.push(text);
        }
    }

    fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).warnings)
    }

    /// `failure` with minikube's own reason as its cause, and readable lines in place of events.
    fn failure(&self, mut failure: Failure, profile: &str) -> Failure {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = std::mem::take(&mut state.open);
        if !rest.is_empty() {
            self.line(&mut state, &String::from_utf8_lossy(&rest));
        }
        failure.details = std::mem::take(&mut state.shown);
        if let Some(Line::Error { name, message, advice, url }) = state.error.take() {
            failure = failure.cause(format!("{name}: {message}"));
            // Some versions leave a placeholder of theirs in it.
            let advice = advice.replace("{{.profileArg}}", &format!("-p {profile}"));
            let advice: Vec<&str> = advice.split_whitespace().collect();
            if !advice.is_empty() {
                failure = failure.hint(with_its_price(advice.join(" ")));
            }
            if !url.is_empty() {
                failure = failure.hint(format!("see {url}"));
            }
        }
        failure
    }
}

/// Returns minikube's advice, with what it costs where it is to delete the cluster: minikube does not say so.
fn with_its_price(advice: String) -> String {
    if advice.contains("minikube delete") {
        format!("minikube's advice, which loses all data in the cluster: {advice}")
    } else {
        advice
    }
}

impl ProcessObserver for Translator<'_> {
    fn output(&self, bytes: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open.extend_from_slice(bytes);
        while let Some(end) = state.open.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = state.open.drain(..=end).collect();
            self.line(&mut state, &String::from_utf8_lossy(&line));
        }
    }

    fn started(&self, pid: u32) {
        self.host.started(pid);
    }

    fn ended(&self, pid: u32) {
        self.host.ended(pid);
    }

    fn cancel(&self) -> &Cancel {
        self.host.cancel()
    }

    fn children(&self) -> &Arc<ChildRegistry> {
        self.host.children()
    }

    fn has_terminal(&self) -> bool {
        self.host.has_terminal()
    }
}

#[cfg(test)]
mod tests;
