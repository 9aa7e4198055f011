//! `command`: runs a program or a shell line.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Presence, StepContext, names};
use crate::error::{Failure, FailureKind};
use crate::files::FileSet;
use crate::fingerprint::Inputs;
use crate::model::Output;
use crate::tools::docker::Endpoint;
use crate::tools::kubernetes::KubeSource;
use crate::tools::process::ProcessObserver;
use crate::tools::secrets::keyed_digest;
use crate::tools::{blocking, process, shell};

/// Settings of `command`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Command {
    /// What to run: an array is a program with its arguments; a string is a script for `sh -e`, which stops at the
    /// first command that fails. A script with a pipe runs in a shell that also fails when a command before the last
    /// one of the pipe does.
    run: Run,
    /// Where it runs, relative to the project; the project's folder by default.
    cwd: Option<String>,
    /// Environment variables, in addition to those of `provision` itself. It also gets `DOCKER_HOST` for the daemon
    /// that the other steps use, unless `DOCKER_HOST` or `DOCKER_CONTEXT` is set here, and `KUBECONFIG` for the
    /// pipeline's cluster.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Globs of the files that it reads, relative to the project. While they and the settings are unchanged, the step
    /// does not run again.
    #[serde(default)]
    inputs: Vec<String>,
    /// Globs of the files that it makes, relative to the project. It has failed, or has to run again, when one of them
    /// matches nothing.
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
    Shell(String),
    Program(Vec<String>),
}

impl ActionSettings for Command {
    const NAME: &'static str = "command";
    const REVISION: u32 = 2;
    const SUMMARY: &'static str =
        "Runs a program or a shell line; done when it ends with exit code 0 and its outputs are there";
    const EXAMPLE: &'static str = r#"run = ["true"]"#;

    fn validate(&self) -> Result<(), String> {
        match &self.run {
            Run::Program(argv) if argv.first().is_none_or(|program| program.trim().is_empty()) => {
                return Err("`run` needs at least the program".into());
            }
            Run::Shell(line) if line.trim().is_empty() => return Err("`run` is empty".into()),
            _ => {}
        }
        self.env.keys().try_for_each(|name| names::variable("env", name))?;
        for pattern in self.inputs.iter().chain(&self.outputs) {
            FileSet::glob(".".as_ref(), pattern)?;
        }
        match self.secrets.iter().find(|name| self.env.contains_key(*name)) {
            Some(name) => Err(format!("`{name}` is in `env` and in `secrets`")),
            None => Ok(()),
        }
    }
}

impl Command {
    async fn command(&self, cx: &StepContext) -> Result<process::Command, Failure> {
        let tools = cx.tools();
        let mut command = match &self.run {
            Run::Shell(script) => shell::command(script, cx.children()).await?,
            Run::Program(argv) => {
                let (program, rest) = argv.split_first().ok_or_else(|| Failure::bug("a command without a program"))?;
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
        for (name, value) in &self.env {
            command = command.env(name, value);
        }
        for name in &self.secrets {
            if tools.secrets().source(name).is_none() {
                return Err(Failure::new(FailureKind::Config, format!("the secret `{name}` is not declared"))
                    .hint(format!("add `{name}` to `[secrets]` in pipeline.toml")));
            }
            let value = tools.secrets().value(name)?.ok_or_else(|| {
                Failure::new(
                    FailureKind::Config,
                    format!("the secret `{name}` is made in the cluster and known there alone"),
                )
                .hint("take it from the environment, with `env = \"…\"`, where a command needs it")
            })?;
            command = command.env(name, value.expose());
        }
        let cwd = self.cwd.as_deref().map_or_else(|| tools.root().to_owned(), |cwd| cx.path(cwd));
        Ok(command.cwd(&cwd))
    }

    /// Whether the step itself says which Docker daemon its program uses.
    fn names_daemon(&self) -> bool {
        let is_set = |name: &str| self.env.contains_key(name) || self.secrets.iter().any(|secret| secret == name);
        is_set("DOCKER_HOST") || is_set("DOCKER_CONTEXT")
    }

    /// The first output that is not there.
    async fn missing_output(&self, cx: &StepContext) -> Result<Option<String>, Failure> {
        if self.outputs.is_empty() {
            return Ok(None);
        }
        let (root, outputs) = (cx.tools().root().to_owned(), self.outputs.clone());
        blocking(move || {
            for pattern in outputs {
                if FileSet::glob(&root, &pattern).map_err(Failure::failed)?.is_empty()? {
                    return Ok(Some(pattern));
                }
            }
            Ok(None)
        })
        .await
    }
}

impl Action for Command {
    fn always_runs(&self) -> bool {
        self.always
    }

    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            for pattern in &self.inputs {
                let files = FileSet::glob(cx.tools().root(), pattern).map_err(Failure::failed)?;
                inputs.digest(format!("files {pattern}"), cx.tools().digest(files).await?);
            }
            for name in &self.secrets {
                if let Some(value) = cx.tools().secrets().value(name)? {
                    let digest = keyed_digest(cx.tools().state_dir(), value.expose().as_bytes())?;
                    inputs.digest(format!("secret {name}"), digest);
                }
            }
            Ok(())
        })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            Ok(match self.missing_output(cx).await? {
                Some(pattern) => Presence::Missing(format!("there is no `{pattern}`")),
                None => Presence::Present,
            })
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let command = self.command(cx).await?;
            let line = command.display_line();
            let exit = command.check(cx).await?;
            if exit.leaky {
                cx.note_leak();
            }
            match self.missing_output(cx).await? {
                Some(pattern) => Err(Failure::failed(format!("`{line}` succeeded but did not create `{pattern}`"))
                    .hint("correct `outputs`: its globs start at the folder of `pipeline.toml`")),
                None => Ok(Output::new()),
            }
        })
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
        settings("run = \"make\"\ninputs = [\"src/**\"]\noutputs = [\"dist/*.js\"]").unwrap();
        for (text, part) in [
            ("run = []", "at least the program"),
            ("run = \" \"", "is empty"),
            ("run = \"a\"\ninputs = [\"../x\"]", "inside the project"),
            ("run = \"a\"\nsecrets = [\"A\"]\nenv = { A = \"1\" }", "in `env` and in `secrets`"),
        ] {
            let error = settings(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
