//! `compose-up`: the services of a compose file run.

mod exercise;
mod ports;
mod services;
#[cfg(test)]
mod tests;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::action::response::Expected;
use crate::action::units::Time;
use crate::action::{Action, ActionSettings, Presence, Statuses, StepContext, names, secrets_in};
use crate::error::{Context, Failure, FailureKind, ids};
use crate::files::{Globs, inside};
use crate::fingerprint::Inputs;
use crate::model::{Output, ProofKind, split_secret_refs};
use crate::tools::compose::{Compose, TEMPORARY, project_name, typed_removal};
use crate::tools::deletion::{Consent, Deletion};
use crate::tools::docker::ComposeProject;
use crate::tools::process::ProcessObserver as _;
use crate::tools::secrets::keyed_digest;
use crate::tools::{blocking, http};
use exercise::Exercise;
use ports::{Started, published};
use services::{Identity, Services};
use variables::variables_in;

/// How long it may take until all services are up by default.
const WITHIN: Duration = Duration::from_secs(120);

/// The fact with the identities of the services.
const IDENTITIES: &str = ".services";

/// Settings of `compose-up`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ComposeUp {
    /// The compose files, relative to the project's folder; later ones override earlier ones. Paths in them start at
    /// the folder of the first one, where `.env` is read too.
    files: Vec<String>,
    /// Tells several compose projects of a pipeline apart. The project is called `PIPELINE-CHECKOUT-NAME`: no other
    /// checkout has it.
    name: Option<String>,
    /// Variables for compose, and so for `${…}` in its files; `${{ secrets.NAME }}` stands for a declared secret.
    /// What the files give a container of it can be read with `docker inspect`. Other variables that the files use
    /// come from the environment of `provision`, and count as inputs; those of declared secrets do not reach compose.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// The profiles of the files that are turned on. `COMPOSE_PROFILES` of the environment does not count.
    #[serde(default)]
    profiles: Vec<String>,
    /// The services to start, with those that they depend on; all by default.
    #[serde(default)]
    services: Vec<String>,
    /// Services that run to their end and then have exit code 0, such as migrations; all others have to go on running.
    #[serde(default)]
    completes: Vec<String>,
    /// Whether compose builds the images of services with `build` again. Where `docker-build` builds them, name them in
    /// `env`: `BACKEND_IMAGE = "${{ steps.build.backend.image }}"`.
    #[serde(default)]
    build: bool,
    /// Globs of further files that decide what the services are: files that are mounted, those of `env_file`, and with
    /// `build` what is built; `!GLOB` leaves files out.
    #[serde(default)]
    inputs: Vec<String>,
    /// How long it may take until all services are up and answer; `"2m"` by default. A service with a health check is
    /// up once that has passed, one without once it has been running for two seconds.
    within: Option<Time>,
    /// Requests by `GET` to published ports of services once they are up: tables with `service`, `port` (the
    /// container's), `path`, `status`, `contains` and `expect` as in `http-check`.
    #[serde(default)]
    ask: Vec<Ask>,
    /// Whether everything is taken down again at the end of the step, with its volumes. Such a project has a name of
    /// its own, so that its volumes are of this exercise alone.
    #[serde(default)]
    temporary: bool,
}

/// A request to a service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Ask {
    /// The service.
    service: String,
    /// The port that its container listens on.
    port: u16,
    /// The path.
    #[serde(default = "root")]
    path: String,
    /// The status or statuses to expect; 200 by default.
    #[serde(default)]
    status: Statuses,
    /// A string that the response must contain.
    contains: Option<String>,
    /// Values that the response, as JSON, must have.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Value>")]
    expect: BTreeMap<String, toml::Value>,
}

fn root() -> String {
    "/".into()
}

impl Ask {
    fn expected(&self) -> Expected<'_> {
        Expected { status: &self.status, contains: self.contains.as_deref(), values: &self.expect }
    }
}

impl ActionSettings for ComposeUp {
    const NAME: &'static str = "compose-up";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Starts the services of a compose file as a project of this checkout alone; done when \
         all of them run, are healthy and answer";
    const EXAMPLE: &'static str = r#"files = ["docker-compose.yml"]
env = { POSTGRES_PASSWORD = "only-here" }
ask = [
  { service = "frontend", port = 3000, contains = "Todo" },
  { service = "backend", port = 8000, path = "/health", expect = { "/status" = "ok" } },
]
temporary = true"#;
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("project", "the name of the compose project"),
        ("services", "each service with its state"),
        ("*", "`url-SERVICE` for each service with a published port: `http://127.0.0.1:PORT`"),
    ];
    const IDENTITY: &'static [&'static str] = &["project"];
    const PROGRAMS: &'static [&'static str] = &["docker compose"];
    const USES_DOCKER: bool = true;
    const SECRET_SETTINGS: &'static [&'static str] = &["env"];

    fn validate(&self) -> Result<(), String> {
        if self.files.is_empty() {
            return Err("`files` needs at least one compose file".into());
        }
        self.files.iter().try_for_each(|file| inside("files", file).map(drop))?;
        validate_name(self.name.as_deref(), self.temporary)?;
        self.env.keys().try_for_each(|name| names::variable("env", name))?;
        for (name, text) in &self.env {
            split_secret_refs(text).map_err(|why| format!("`env.{name}`: {why}"))?;
        }
        Globs::of(&self.inputs).sets(".".as_ref())?;
        if self.build && self.inputs.is_empty() {
            return Err("`build` needs `inputs`: the files that the images are built from".into());
        }
        for ask in &self.ask {
            http::check_path("ask.path", &ask.path)?;
            ask.expected().validate()?;
        }
        Ok(())
    }
}

/// Checks the setting `name` of a compose project.
pub(super) fn validate_name(name: Option<&str>, temporary: bool) -> Result<(), String> {
    let Some(name) = name else { return Ok(()) };
    names::label("name", name)?;
    if !temporary && (name == TEMPORARY || name.ends_with(&format!("-{TEMPORARY}"))) {
        return Err(format!("`name` can't be `{name}`: projects with `temporary` have such names"));
    }
    Ok(())
}

impl ComposeUp {
    /// The name of its project.
    fn project(&self, cx: &StepContext) -> Result<String, Failure> {
        let parts: Vec<&str> = self.name.as_deref().into_iter().chain(self.temporary.then_some(TEMPORARY)).collect();
        let name = Some(parts.join("-")).filter(|name| !name.is_empty());
        project_name(cx.tools().pipeline(), cx.tools().state_dir(), name.as_deref())
    }

    fn paths(&self, cx: &StepContext) -> Vec<PathBuf> {
        self.files.iter().map(|file| cx.path(file)).collect()
    }

    /// The texts of its files and of the `.env` beside the first one, if it is there, by their names.
    async fn texts(&self, cx: &StepContext) -> Result<Vec<(String, String)>, Failure> {
        let mut files: Vec<(String, PathBuf)> = self.files.iter().map(|file| (file.clone(), cx.path(file))).collect();
        let beside = files.first().and_then(|(name, path)| {
            let name = PathBuf::from(name).with_file_name(".env");
            Some((name.display().to_string(), path.parent()?.join(".env")))
        });
        if let Some(seen) = cx.tools().seen() {
            for (_, path) in files.iter().chain(&beside) {
                seen.note_file(path);
            }
        }
        files.extend(beside.filter(|(_, path)| path.is_file()));
        blocking(move || {
            let read = |(name, path): (String, PathBuf)| {
                let text = fs_err::read(&path).context(|| format!("reading the compose file `{name}`"))?;
                Ok((name, String::from_utf8_lossy(&text).into_owned()))
            };
            files.into_iter().map(read).collect()
        })
        .await
    }
}

impl Action for ComposeUp {
    fn proof(&self) -> ProofKind {
        if self.temporary { ProofKind::Seen } else { ProofKind::Probe }
    }

    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let texts = self.texts(cx).await?;
            let used: BTreeSet<&str> = texts.iter().flat_map(|(_, text)| variables_in(text)).collect();
            for (name, text) in &texts {
                inputs.text(format!("file {name}"), text);
            }
            let withheld = cx.tools().secrets().variables();
            let from_outside = used.into_iter().filter(|name| !self.env.contains_key(*name));
            for name in from_outside.filter(|name| !withheld.iter().any(|secret| secret == name)) {
                // It may be a secret that nobody has declared.
                if let Some(value) = std::env::var_os(name) {
                    let digest = keyed_digest(cx.tools().state_dir(), value.as_encoded_bytes())?;
                    inputs.digest(format!("variable {name}"), digest);
                }
            }
            cx.add_declared_files(&self.inputs, inputs).await?;
            cx.add_secrets(inputs, self.secrets())
        })
    }

    fn secrets(&self) -> BTreeSet<&str> {
        secrets_in(self.env.values().map(String::as_str))
    }

    fn host_ports(&self, cx: &StepContext) -> Vec<u16> {
        let variable = |name: &str| self.env.get(name).cloned().or_else(|| std::env::var(name).ok());
        let started = Started { services: &self.services, profiles: &self.profiles, variable: &variable };
        let texts = self.paths(cx).into_iter().filter_map(|path| fs_err::read_to_string(path).ok());
        texts.flat_map(|text| published(&text, &started)).collect()
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let docker = cx.tools().docker().await?;
            let recorded = output.get(IDENTITIES).and_then(Identity::of_text);
            let Some(then) = recorded else {
                return Ok(Presence::Missing("the last run recorded no services".into()));
            };
            if let Some(other) = Identity::other_image(&then, cx.tools()).await? {
                return Ok(Presence::Missing(other));
            }
            if self.temporary {
                return Ok(Presence::Present);
            }
            let project = self.project(cx)?;
            let services = Services::new(ComposeProject::new(docker, &project).containers().await?);
            if let Some(difference) = Identity::difference(&then, &services.identities()) {
                return Ok(Presence::Missing(difference));
            }
            let problems = services.problems(&[], &self.completes, None);
            Ok(if problems.is_empty() {
                Presence::Present
            } else {
                Presence::Missing(services::failure(&project, &problems).to_string())
            })
        })
    }

    fn removals<'a>(
        &'a self,
        cx: &'a StepContext,
        _output: &'a Output,
    ) -> BoxFuture<'a, Result<Vec<Deletion>, Failure>> {
        Box::pin(async move {
            let project = self.project(cx)?;
            let by_hand = typed_removal(Compose::typed_here(cx.cancel(), cx.children()).await, &project);
            let found = ComposeProject::new(cx.tools().docker().await?, &project).removal(&by_hand).await?;
            Ok(found.into_iter().collect())
        })
    }

    fn remove<'a>(&'a self, cx: &'a StepContext, _removal: &'a Deletion) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let project = self.project(cx)?;
            let on_line = |line: &str| cx.line(line);
            // The user has seen what is lost.
            let found = ComposeProject::new(cx.tools().docker().await?, &project);
            let removed = found.remove(Consent::Given, &on_line).await?;
            match removed.kept.first() {
                Some(kept) => {
                    Err(Failure::of(ids::COMMAND_FAILED, format!("taking the compose project `{project}` down failed"))
                        .cause(kept))
                }
                None => Ok(()),
            }
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            cx.check_cancel()?;
            let docker = cx.tools().docker().await?;
            let project = self.project(cx)?;
            let exercise = Exercise::new(self, cx, docker, &project).await?;
            if !self.temporary {
                return match exercise.run().await {
                    Err(failure) if failure.kind == FailureKind::Interrupted => Err(exercise.stays(failure).await),
                    seen => seen,
                };
            }
            // What a killed run has left of it.
            exercise.take_down().await?;
            let seen = exercise.run().await;
            match (seen, exercise.take_down().await) {
                (seen, Ok(())) => seen,
                (Ok(_), Err(failure)) => Err(exercise.is_left(failure)),
                (Err(failure), Err(removal)) => Err(exercise.is_left(failure.cause(removal))),
            }
        })
    }
}
