//! `command`: runs a program or a shell line.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Presence, StepContext, names, secrets_in};
use crate::error::{Failure, ids};
use crate::files::{FileSet, Globs, inside, resolve};
use crate::fingerprint::Inputs;
use crate::model::{Output, ProofKind, split_secret_refs};
use crate::tools::docker::Endpoint;
use crate::tools::kubernetes::KubeSource;
use crate::tools::process::{ChildRegistry, ProcessObserver};
use crate::tools::shell::{self, Script};
use crate::tools::{Cancel, blocking, process};

/// The fact with a digest for each glob of the outputs.
const DIGESTS: &str = ".digests";

/// Settings of `command`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Command {
    /// What to run: an array is a program with its arguments; a string is a script for `sh -e`, which stops at the
    /// first command that fails. A script with a pipe runs in a shell that also fails when a command before the last
    /// one of the pipe does. A step that only verifies has `check` instead.
    run: Option<Run>,
    /// What shows, without changing anything, that the work is still there: exit code 0 says that it is. Written as
    /// `run` is. It runs after `run`, before the step is called fresh, and whenever `plan`, `why` or `report` probes.
    /// Without `check` and `outputs` a command proves only that it ran, and the report says `ran`.
    check: Option<Run>,
    /// Where it runs, relative to the project; the project's folder by default.
    cwd: Option<String>,
    /// Environment variables, in addition to those of `provision` itself; `${{ secrets.NAME }}` stands for a declared
    /// secret. Variables with secrets that the step does not declare are left out. It also gets `DOCKER_HOST` for the
    /// daemon that the other steps use, unless `DOCKER_HOST` or `DOCKER_CONTEXT` is set here, and `KUBECONFIG` for the
    /// pipeline's cluster.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Globs of the files that it reads, relative to the project; `!GLOB` leaves files out of all of them. Symbolic
    /// links are followed. While the files and the settings are unchanged, the step does not run again. A glob has to
    /// match something when the step first runs.
    #[serde(default)]
    inputs: Vec<String>,
    /// Globs of the files that it makes, relative to the project; `!GLOB` leaves files out. It has failed when one of
    /// them matches nothing, and has to run again when one of the files is gone or has other contents.
    #[serde(default)]
    outputs: Vec<String>,
    /// Declared secrets that it gets as variables of its environment, under the same names.
    #[serde(default)]
    secrets: Vec<String>,
    /// Whether it runs each time.
    #[serde(default)]
    always: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Run {
    Shell(Script),
    Program(Vec<String>),
}

impl ActionSettings for Command {
    const NAME: &'static str = "command";
    const REVISION: u32 = 4;
    const SUMMARY: &'static str = "Runs a program or a shell line; done when it ends with exit code 0, its outputs are there as it made them, and its check passes";
    const EXAMPLE: &'static str = r#"run = ["true"]"#;
    const SECRET_SETTINGS: &'static [&'static str] = &["env"];
    const SCRIPTS: &'static [&'static str] = &["run", "check"];
    const PROBE_SETTINGS: &'static [&'static str] = &["check"];
    const HANDS_CLUSTER_ON: bool = true;

    fn validate(&self) -> Result<(), String> {
        for (key, run) in [("run", &self.run), ("check", &self.check)] {
            match run {
                Some(Run::Program(argv)) if argv.first().is_none_or(|program| program.trim().is_empty()) => {
                    return Err(format!("`{key}` needs at least the program"));
                }
                Some(Run::Shell(script)) if script.text().trim().is_empty() => return Err(format!("`{key}` is empty")),
                _ => {}
            }
        }
        match (&self.run, &self.check) {
            (None, None) => return Err("nothing to run: set `run`, or `check` for a step that only verifies".into()),
            (None, Some(_)) if !self.outputs.is_empty() => {
                return Err("`outputs` are what `run` makes, and there is no `run`".into());
            }
            _ => {}
        }
        self.env.keys().try_for_each(|name| names::variable("env", name))?;
        Globs::of(&self.inputs).sets(".".as_ref())?;
        Globs::of(&self.outputs).sets(".".as_ref())?;
        if let Some(cwd) = &self.cwd {
            inside("cwd", cwd)?;
        }
        for (name, text) in &self.env {
            split_secret_refs(text).map_err(|why| format!("`env.{name}`: {why}"))?;
        }
        match self.secrets.iter().find(|name| self.env.contains_key(*name)) {
            Some(name) => Err(format!("`{name}` is in `env` and in `secrets`")),
            None => Ok(()),
        }
    }
}

impl Command {
    async fn command(&self, run: &Run, cx: &StepContext) -> Result<process::Command, Failure> {
        let tools = cx.tools();
        let mut command = match run {
            Run::Shell(script) => shell::command(script, cx.children()).await?,
            Run::Program(argv) => {
                let (program, rest) = argv.split_first().ok_or_else(|| Failure::bug("a command without a program"))?;
                for (n, argument) in argv.iter().enumerate() {
                    cx.refuse_secret(&format!("argument {n} of `{program}`"), argument)?;
                }
                let path = if program.contains('/') { cx.path(program) } else { process::find(program)? };
                process::Command::new(path).args(rest)
            }
        };
        // Programs like docker and compose use the daemon that the other steps use. Where no daemon can be named, a
        // program that needs one says so itself.
        if !self.names_daemon() {
            for (name, value) in tools.docker_endpoint().map(Endpoint::variables).unwrap_or_default() {
                command = command.env(name, value);
            }
        }
        // Programs like kubectl and helm see the pipeline's cluster and no other one.
        if let Some(cluster) = tools.cluster() {
            let source = KubeSource::of(cluster, tools.state_dir());
            command = command.env("KUBECONFIG", source.variable(tools.state_dir())?);
        }
        for (name, text) in &self.env {
            command = command.env(name, tools.secrets().fill(text)?);
        }
        for name in &self.secrets {
            command = command.env(name, tools.secrets().for_program(name)?.expose());
        }
        let cwd = match &self.cwd {
            Some(cwd) => resolve(tools.root(), &cx.path(cwd))?,
            None => tools.root().to_owned(),
        };
        Ok(command.cwd(&cwd))
    }

    /// Whether the step itself says which Docker daemon its program uses.
    fn names_daemon(&self) -> bool {
        let is_set = |name: &str| self.env.contains_key(name) || self.secrets.iter().any(|secret| secret == name);
        is_set("DOCKER_HOST") || is_set("DOCKER_CONTEXT")
    }

    /// Each glob of the outputs with what it matches.
    fn output_sets(&self, cx: &StepContext) -> Result<Vec<(String, FileSet)>, Failure> {
        Globs::of(&self.outputs).sets(cx.tools().root()).map_err(Failure::failed)
    }

    /// Returns what `check` finds wrong.
    async fn failed_check(&self, cx: &StepContext) -> Result<Option<String>, Failure> {
        let Some(check) = &self.check else { return Ok(None) };
        // All that decides what it finds.
        let key = || format!("{check:?} {:?} {:?} {:?}", self.cwd, self.env, self.secrets);
        // Boxed, as what runs a program is large.
        cx.shared_check(key, Box::pin(self.run_check(check, cx))).await
    }

    async fn run_check(&self, check: &Run, cx: &StepContext) -> Result<Option<String>, Failure> {
        // What it prints is shown.
        cx.learn_generated().await?;
        let command = self.command(check, cx).await?;
        let line = command.display_line();
        let exit = command.run(&Unheard(cx)).await?;
        if exit.status.success() {
            return Ok(None);
        }
        let said = exit.tail.iter().rev().find(|line| !line.trim().is_empty());
        let said = said.map(|line| format!(": {}", line.trim())).unwrap_or_default();
        Ok(Some(cx.tools().redactor().text(&format!("the check {}{said}", exit.failure(&line).message))))
    }

    /// The first output that is not there.
    async fn missing_output(&self, cx: &StepContext) -> Result<Option<String>, Failure> {
        if self.outputs.is_empty() {
            return Ok(None);
        }
        let outputs = self.output_sets(cx)?;
        blocking(move || {
            for (pattern, files) in outputs {
                if files.is_empty()? {
                    return Ok(Some(pattern));
                }
            }
            Ok(None)
        })
        .await
    }

    /// One digest for each glob of the outputs, in their order.
    async fn output_digests(&self, cx: &StepContext) -> Result<Vec<(String, String)>, Failure> {
        let mut digests = Vec::new();
        for (pattern, files) in self.output_sets(cx)? {
            digests.push((pattern, cx.tools().digest_made(files).await?.to_string()));
        }
        Ok(digests)
    }

    /// When each of the outputs changed last.
    async fn last_changes(&self, cx: &StepContext) -> Result<Vec<Option<(i64, i64)>>, Failure> {
        let outputs = self.output_sets(cx)?;
        blocking(move || outputs.iter().map(|(_, files)| files.last_change()).collect()).await
    }
}

impl Action for Command {
    fn always_runs(&self) -> bool {
        self.always
    }

    fn reads(&self) -> Vec<&str> {
        self.inputs.iter().map(String::as_str).collect()
    }

    fn makes(&self) -> Vec<&str> {
        self.outputs.iter().map(String::as_str).collect()
    }

    fn secrets(&self) -> BTreeSet<&str> {
        let mut names = secrets_in(self.env.values().map(String::as_str));
        names.extend(self.secrets.iter().map(String::as_str));
        names
    }

    fn proof(&self) -> ProofKind {
        match (&self.run, &self.check) {
            (None, _) => ProofKind::Check,
            (Some(_), Some(_)) => ProofKind::Probe,
            (Some(_), None) if !self.outputs.is_empty() => ProofKind::Probe,
            (Some(_), None) => ProofKind::Ran,
        }
    }

    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            cx.add_declared_files(&self.inputs, inputs).await?;
            // The usual one needs no words.
            if !self.names_daemon()
                && let Ok(endpoint) = cx.tools().docker_endpoint()
                && !endpoint.is_default()
            {
                inputs.text("docker", &endpoint.host);
            }
            cx.add_secrets(inputs, Action::secrets(self))
        })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        if self.outputs.is_empty() && self.check.is_none() {
            return Box::pin(ready(Ok(Presence::Present)));
        }
        Box::pin(async move {
            if let Some(pattern) = self.missing_output(cx).await? {
                return Ok(Presence::Missing(format!("there is no `{pattern}`")));
            }
            if let Some(made) = output.get(DIGESTS) {
                let now = self.output_digests(cx).await?;
                let changed = made.split(' ').zip(&now).find(|(made, (_, now))| made != now);
                if let Some((_, (pattern, _))) = changed {
                    return Ok(Presence::Missing(format!("`{pattern}` is not as the step made it")));
                }
            }
            Ok(self.failed_check(cx).await?.map_or(Presence::Present, Presence::Missing))
        })
    }

    fn needs_no_fallback<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, bool> {
        Box::pin(async move { self.check.is_some() && matches!(self.failed_check(cx).await, Ok(None)) })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let run = self.run.as_ref().or(self.check.as_ref());
            let run = run.ok_or_else(|| Failure::bug("a command with nothing to run"))?;
            let command = self.command(run, cx).await?;
            let line = command.display_line();
            let before = self.last_changes(cx).await?;
            let exit = command.check(cx).await?;
            if exit.leaky {
                cx.note_leak();
            }
            match self.missing_output(cx).await? {
                Some(pattern) => {
                    Err(Failure::of(ids::OUTPUT_MISSING, format!("`{line}` succeeded but did not create `{pattern}`"))
                        .hint("correct `outputs`: its globs start at the folder of `pipeline.toml`"))
                }
                None if self.outputs.is_empty() => Ok(Output::new()),
                None => {
                    let digests = self.output_digests(cx).await?;
                    // A program that finds its output up to date leaves it alone, so this is no failure.
                    let after = self.last_changes(cx).await?;
                    for ((pattern, _), _) in digests.iter().zip(before.iter().zip(&after)).filter(|(_, (a, b))| a == b)
                    {
                        let unwritten = format!("`{pattern}` was there before, and this run did not write it");
                        cx.line(&unwritten);
                        cx.warned(&unwritten);
                    }
                    let digests: Vec<String> = digests.into_iter().map(|(_, digest)| digest).collect();
                    Ok(Output::new().with(DIGESTS, digests.join(" ")))
                }
            }
        })
    }
}

/// Runs a program for a probe: its output is no part of the step's log, which shows what the step did.
struct Unheard<'a>(&'a StepContext);

impl ProcessObserver for Unheard<'_> {
    fn output(&self, _bytes: &[u8]) {}

    fn started(&self, pid: u32) {
        self.0.started(pid);
    }

    fn ended(&self, pid: u32) {
        self.0.ended(pid);
    }

    fn cancel(&self) -> &Cancel {
        self.0.cancel()
    }

    fn children(&self) -> &Arc<ChildRegistry> {
        self.0.children()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Command, String> {
        let command: Command = toml::from_str(text).map_err(|error| error.to_string())?;
        command.validate().map(|()| command)
    }

    #[test]
    fn settings_are_checked() {
        settings(Command::EXAMPLE).unwrap();
        settings("check = [\"test\", \"-e\", \"a\"]").unwrap();
        settings("run = \"make\"\ninputs = [\"src/**\"]\noutputs = [\"dist/*.js\"]").unwrap();
        for (text, part) in [
            ("run = []", "at least the program"),
            ("run = \" \"", "is empty"),
            ("cwd = \"a\"", "nothing to run"),
            ("run = \"a\"\ncheck = []", "`check` needs at least the program"),
            ("check = \"a\"\noutputs = [\"b\"]", "there is no `run`"),
            ("run = \"a\"\ninputs = [\"../x\"]", "inside the project"),
            ("run = \"a\"\ninputs = [\"a\", \"!../x\"]", "inside the project"),
            ("run = \"a\"\ninputs = [\"!x\"]", "no glob before it selects any"),
            ("run = \"a\"\ncwd = \"a/../..\"", "outside of the project"),
            ("run = \"a\"\nsecrets = [\"A\"]\nenv = { A = \"1\" }", "in `env` and in `secrets`"),
        ] {
            let error = settings(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
