//! `image-check`: an image is as it should be, and has no secret in it.

mod findings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use self::findings::Findings;
use crate::action::units::Size;
use crate::action::{Action, ActionSettings, Presence, StepContext, defaults};
use crate::error::{Failure, ids};
use crate::fingerprint::Inputs;
use crate::images::{ImageContents, Reference};
use crate::model::{Output, Progress, human_bytes};
use crate::tools::docker::{Docker, Image};

/// Settings of `image-check`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ImageCheck {
    /// The image with its tag, as the build step outputs it: `${{ steps.build.backend.image }}`.
    image: String,
    /// Whether its containers must not run as root: neither by name nor by number.
    #[serde(default)]
    non_root: bool,
    /// The user that its containers run as, as the Dockerfile has it: `appuser`, `1001:1001`.
    user: Option<String>,
    /// The number of that user. A name is looked up in the image's own `/etc/passwd`.
    uid: Option<u32>,
    /// The ports that it exposes, and no others: `[8000, "53/udp"]`.
    ports: Option<Vec<Port>>,
    /// Its command, without the entrypoint.
    command: Option<Vec<String>>,
    /// Its entrypoint; `[]` for none.
    entrypoint: Option<Vec<String>>,
    /// The folder in which it runs.
    workdir: Option<String>,
    /// Variables that it sets, with their values.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Labels that it has, with their values.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Whether it has a health check.
    health_check: Option<bool>,
    /// A part of the command of its health check.
    health_command: Option<String>,
    /// The greatest size that its layers may have together once they are unpacked, such as `300MB`.
    max_size: Option<Size>,
    /// The most layers that it may have.
    max_layers: Option<usize>,
    /// Files that have to be there: globs over what a container sees. Links are not followed.
    #[serde(default)]
    files: Vec<String>,
    /// Files that must not be there.
    #[serde(default)]
    absent: Vec<String>,
    /// Whether no file of any layer, also one that a later layer removes, and neither the configuration nor the history
    /// may have the value of a declared secret or a key of a well-known form (docs/policy-rules.md has the forms).
    /// Compressed files are not unpacked. Keys in tests and documents of installed libraries, which everybody can read,
    /// do not count.
    #[serde(default = "defaults::yes")]
    no_secrets: bool,
    /// Files in which a secret is none, such as the test keys of a library.
    #[serde(default)]
    except: Vec<Exception>,
}

/// A port, with a protocol if it is not TCP.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Named(String),
}

/// Files in which secrets are allowed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Exception {
    /// The file, or a glob.
    path: String,
    /// Why what is found there is no secret.
    reason: String,
    /// Whether the file may be without one, or missing, as where the base image is another one. Otherwise an exception
    /// that excuses nothing is a finding.
    #[serde(default)]
    optional: bool,
}

impl ActionSettings for ImageCheck {
    const NAME: &'static str = "image-check";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Checks an image of the Docker daemon: its user, ports, command, variables, labels and \
         health check, its size and files, and that no layer, no matter what later layers remove, nor its history \
         has a secret; names each finding with layer, path and line";
    const EXAMPLE: &'static str = "image = \"todo-backend:3f2a91c0d4be\"\nnon-root = true\nports = [8000]\n\
         health-check = true\nmax-size = \"300MB\"\nfiles = [\"/app/main.py\"]\nabsent = [\"**/.env\", \"**/.git\"]";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("image", "the image's name"),
        ("id", "its id"),
        ("size", "the size of its unpacked layers in bytes"),
        ("layers", "how many layers it has"),
        ("user", "the user that its containers run as"),
        ("searched", "how many files were searched for secrets, in all layers"),
    ];
    const USES_DOCKER: bool = true;

    fn validate(&self) -> Result<(), String> {
        Reference::parse(&self.image).map_err(|error| format!("`image`: {error}"))?;
        for (setting, globs) in [("files", &self.files), ("absent", &self.absent)] {
            for glob in globs {
                findings::glob(glob).map_err(|error| format!("`{setting}`: {error}"))?;
            }
        }
        for exception in &self.except {
            findings::glob(&exception.path).map_err(|error| format!("`except`: {error}"))?;
            if exception.reason.trim().is_empty() {
                return Err(format!("`except`: why `{}` is excepted has to be said in `reason`", exception.path));
            }
        }
        if !self.no_secrets && !self.except.is_empty() {
            return Err("`except` needs `no-secrets`: without it nothing is searched".into());
        }
        if self.health_check == Some(false) && self.health_command.is_some() {
            return Err("`health-command` needs a health check, and `health-check` says that there is none".into());
        }
        let ports = self.ports.iter().flatten().map(Port::text);
        match ports.into_iter().find(|port| !is_port(port)) {
            Some(port) => Err(format!("`ports`: `{port}` is not a port: write it as `8000` or `\"53/udp\"`")),
            None => Ok(()),
        }
    }
}

impl Port {
    fn text(&self) -> String {
        match self {
            Self::Number(port) => format!("{port}/tcp"),
            Self::Named(port) if port.contains('/') => port.clone(),
            Self::Named(port) => format!("{port}/tcp"),
        }
    }
}

fn is_port(text: &str) -> bool {
    let (number, protocol) = text.split_once('/').unwrap_or_default();
    number.parse::<u16>().is_ok_and(|number| number > 0) && ["tcp", "udp", "sctp"].contains(&protocol)
}

impl ImageCheck {
    /// Whether the configuration is not enough, because something is asked of the files.
    fn needs_contents(&self) -> bool {
        self.no_secrets || self.non_root || self.uid.is_some() || !self.files.is_empty() || !self.absent.is_empty()
    }

    async fn contents(&self, cx: &StepContext, docker: &Docker, image: &Image) -> Result<ImageContents, Failure> {
        let secrets = self.no_secrets.then(|| Arc::new(cx.secrets_to_find()));
        let on_read = |n| cx.progress(Progress::bytes(n, Some(image.size.max(n)), "reading the image"));
        let reading = ImageContents::read(docker, &self.image, image, secrets, &on_read);
        cx.unless_cancelled(&format!("reading the image `{}`", self.image), reading).await
    }
}

impl Action for ImageCheck {
    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            match cx.tools().image_id(&self.image).await? {
                Some(id) => inputs.text("image", &id),
                None => inputs.unknown(format!("the image `{}`, which the Docker daemon does not have", self.image)),
            }
            if self.no_secrets {
                inputs.digest("secrets", cx.digest_of_secrets()?);
            }
            Ok(())
        })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(cx.probe_image(Some(&self.image), output.get("id")))
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            cx.check_cancel()?;
            let docker = cx.tools().docker().await?;
            let missing = || {
                Failure::of(ids::IMAGE_GONE, format!("the Docker daemon has no image `{}`", self.image))
                    .hint("run the step that builds it again")
            };
            let image = docker.image(&self.image).await?.ok_or_else(missing)?;
            let config = docker.image_config(&image.id).await?.ok_or_else(missing)?;
            let size = docker.unpacked_size(&image).await?;
            let mut findings = Findings::default();
            findings.config(self, &config);
            findings.size(self, size, image.layers.len());
            let mut searched = 0;
            if self.needs_contents() {
                let contents = self.contents(cx, docker, &image).await?;
                findings.user(self, &config, &contents);
                findings.files(self, contents.files())?;
                if self.no_secrets {
                    findings.secrets(self, &contents)?;
                    searched = contents.n_searched();
                }
            }
            findings.lines().iter().for_each(|line| cx.line(line));
            findings.result(&self.image)?;
            cx.line(&format!("{}: {} in {} layers", self.image, human_bytes(size), image.layers.len()));
            Ok(Output::new()
                .with("image", &self.image)
                .with("id", &image.id)
                .with("size", size.to_string())
                .with("layers", image.layers.len().to_string())
                .with("user", if config.user.is_empty() { "root" } else { &config.user })
                .with("searched", searched.to_string()))
        })
    }
}
