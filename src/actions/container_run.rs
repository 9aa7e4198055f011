//! `container-run`: runs an image alone, asks it, stops it, removes it.

mod exercise;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::action::response::Expected;
use crate::action::units::Time;
use crate::action::{Action, ActionSettings, Presence, Statuses, StepContext, names, secrets_in};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::images::Reference;
use crate::model::{Output, ProofKind, split_secret_refs};
use crate::tools::http;
use exercise::Exercise;

/// The default limit of the time until it answers.
const WITHIN: Duration = Duration::from_secs(60);

/// Settings of `container-run`: the image and what it runs with, what it has to answer, whether it stops in order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ContainerRun {
    /// The image, as the build step outputs it: `${{ steps.build.backend.image }}`. A missing one is pulled.
    image: String,
    /// Arguments for its entry point; those of the image by default.
    command: Option<Vec<String>>,
    /// Its environment. `${{ secrets.NAME }}` stands for a declared secret: it reaches the daemon alone, not a command
    /// line; a user of the daemon can read it with `docker inspect` until the container is removed.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Containers that it needs, such as a database, started before it and in this order: tables with `name`, by which
    /// it reaches each of them, `image`, and `command`, `env` and `health` as here. Each has to pass its health check
    /// first; one without has only to run.
    #[serde(default)]
    with: Vec<Companion>,
    /// A network of the daemon that it is in, such as that of a compose project; by default one of its own if it has
    /// companions.
    network: Option<String>,
    /// The port that it listens on. It is asked there, by a free port of this machine's loopback address.
    port: Option<u16>,
    /// The path that it is asked for.
    #[serde(default = "root")]
    path: String,
    /// The status or statuses to expect; 200 by default.
    #[serde(default)]
    status: Statuses,
    /// A string that the response must contain.
    contains: Option<String>,
    /// Values that the response, as JSON, must have: JSON pointer → value, as `"/status" = "ok"`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Value>")]
    expect: BTreeMap<String, toml::Value>,
    /// A health check, a program in the container with arguments; that of the image by default. If there is one, it has
    /// to pass too. It runs every second, whatever the image says.
    health: Option<Vec<String>>,
    /// How long it may take until all of that is so; `"60s"` by default.
    within: Option<Time>,
    /// Once it has answered, it is asked to stop (`SIGTERM`, or the signal of the image), and has to end within this
    /// time with exit code 0 or that of the signal (143). Without it nothing is said of how it stops.
    stops_within: Option<Time>,
}

/// A container that the image needs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Companion {
    /// The name by which the others reach it.
    name: String,
    /// Its image.
    image: String,
    /// Arguments for its entry point.
    command: Option<Vec<String>>,
    /// Its environment.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Its health check.
    health: Option<Vec<String>>,
}

fn root() -> String {
    "/".into()
}

impl ActionSettings for ContainerRun {
    const NAME: &'static str = "container-run";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Runs an image alone, with the containers that it needs, until its health check passes \
         and it answers as expected, optionally checks that it stops in order, and removes all of them again";
    const EXAMPLE: &'static str = r#"image = "todo-backend:3f2a91c0d4be"
port = 8000
path = "/health"
expect = { "/status" = "ok" }
env = { DATABASE_URL = "postgresql://todo:todo@db/todo", JWT_SECRET = "0123456789abcdef" }
stops-within = "30s"
with = [
  { name = "db", image = "postgres:15-alpine", env = { POSTGRES_USER = "todo", POSTGRES_PASSWORD = "todo" }, health = ["pg_isready", "-h", "127.0.0.1", "-U", "todo"] },
]"#;
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("image", "the image"),
        ("id", "its id"),
        ("ready-ms", "how long it took from its start until it was healthy and answered, in milliseconds"),
        ("status", "the status of its response, with `port`"),
        ("health", "`healthy` where a health check has passed"),
        ("stopped-ms", "how long it took to stop, in milliseconds, with `stops-within`"),
        ("exit-code", "the exit code with which it stopped, with `stops-within`"),
    ];
    const USES_DOCKER: bool = true;
    const SECRET_SETTINGS: &'static [&'static str] = &["env", "with"];

    fn validate(&self) -> Result<(), String> {
        if self.port.is_none() {
            let asks = self.path != "/" || self.contains.is_some() || !self.expect.is_empty();
            if asks {
                return Err("`path`, `contains` and `expect` need the `port` that is asked".into());
            }
        }
        if self.port == Some(0) {
            return Err("`port` can't be 0: it is the port that the program in the image listens on".into());
        }
        http::check_path("path", &self.path)?;
        self.expected().validate()?;
        let mut seen = BTreeSet::new();
        for companion in &self.with {
            names::label("with.name", &companion.name)?;
            if !seen.insert(&companion.name) {
                return Err(format!("`with`: two containers have the name `{}`", companion.name));
            }
        }
        for part in self.parts() {
            Reference::parse(part.image).map_err(|error| format!("`image`: {error}"))?;
            part.env.keys().try_for_each(|name| names::variable("env", name))?;
            for (name, text) in part.env {
                split_secret_refs(text).map_err(|why| format!("`env.{name}`: {why}"))?;
            }
            if part.health.is_some_and(<[String]>::is_empty) {
                return Err("`health` needs at least the program".into());
            }
        }
        if self.stops_within.is_some_and(|time| time.0 < Duration::from_secs(1)) {
            return Err("`stops-within` must be at least a second".into());
        }
        Ok(())
    }
}

/// One of the containers, as the settings describe it.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    /// Its name in messages, and for the others if it is a companion.
    name: &'a str,
    image: &'a str,
    command: Option<&'a [String]>,
    env: &'a BTreeMap<String, String>,
    health: Option<&'a [String]>,
    port: Option<u16>,
}

impl ContainerRun {
    fn expected(&self) -> Expected<'_> {
        Expected { status: &self.status, contains: self.contains.as_deref(), values: &self.expect }
    }

    /// The container that it is all about.
    fn main(&self) -> Part<'_> {
        Part {
            name: &self.image,
            image: &self.image,
            command: self.command.as_deref(),
            env: &self.env,
            health: self.health.as_deref(),
            port: self.port,
        }
    }

    fn companions(&self) -> impl Iterator<Item = Part<'_>> {
        self.with.iter().map(|companion| Part {
            name: &companion.name,
            image: &companion.image,
            command: companion.command.as_deref(),
            env: &companion.env,
            health: companion.health.as_deref(),
            port: None,
        })
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.companions().chain(std::iter::once(self.main()))
    }
}

impl Action for ContainerRun {
    /// To see it again would mean to run it again.
    fn proof(&self) -> ProofKind {
        ProofKind::Seen
    }

    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            for part in self.parts() {
                let id = cx.tools().image_id(part.image).await?;
                inputs.text(format!("image {}", part.image), id.as_deref().unwrap_or("not there"));
            }
            cx.add_secrets(inputs, self.secrets())
        })
    }

    fn secrets(&self) -> BTreeSet<&str> {
        secrets_in(self.parts().flat_map(|part| part.env.values()).map(String::as_str))
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(cx.probe_image(Some(&self.image), output.get("id")))
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            cx.check_cancel()?;
            let docker = cx.tools().docker().await?;
            cx.remove_left_containers(docker).await;
            let mut exercise = Exercise::new(cx, docker, self.within.map_or(WITHIN, |time| time.0));
            let seen = Box::pin(exercise.run(self)).await;
            // Also after a failure or Ctrl-C.
            match (seen, exercise.clean_up().await) {
                (seen, Ok(())) => seen,
                (Ok(_), Err(failure)) => Err(exercise.is_left(failure)),
                (Err(failure), Err(removal)) => Err(exercise.is_left(failure.cause(removal))),
            }
        })
    }
}
