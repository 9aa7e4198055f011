//! `docker-build`: builds an image and names it by its content.

use std::collections::BTreeMap;

use futures_util::future::{BoxFuture, try_join, try_join_all};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::units::Size;
use crate::action::{Action, ActionSettings, Presence, StepContext};
use crate::error::{Failure, ids};
use crate::files::inside;
use crate::fingerprint::Inputs;
use crate::images::{Reference, note_built};
use crate::model::{Output, human_bytes};
use crate::tools::blocking;
use crate::tools::docker::build::TemporaryTag;
use crate::tools::docker::build::dockerfile::{self, Platforms};
use crate::tools::docker::{BuildContext, BuildEvent, BuildRequest, Builder, Docker, Image};
use crate::tools::process::ProcessObserver;

/// Settings of `docker-build`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct DockerBuild {
    /// The folder with the files that the build gets, relative to the project. Its `.dockerignore` counts.
    context: String,
    /// The Dockerfile, relative to the context.
    #[serde(default = "default_dockerfile")]
    dockerfile: String,
    /// The image's name, without a tag: the tag is made from the image's id.
    image: String,
    /// Build arguments. They stay readable in the image's history, so they are no place for secrets.
    #[serde(default)]
    args: BTreeMap<String, String>,
    /// The stage of the Dockerfile to build; the last one by default.
    target: Option<String>,
    /// The platform to build for, such as `linux/amd64`; the daemon's own by default.
    platform: Option<String>,
    /// The greatest size that the image's layers may have together once they are unpacked, such as `300MB`; the step
    /// fails when they are bigger.
    max_size: Option<Size>,
}

fn default_dockerfile() -> String {
    "Dockerfile".to_owned()
}

impl ActionSettings for DockerBuild {
    const NAME: &'static str = "docker-build";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Builds an image from a Dockerfile and names it by its content; done when the daemon has the image under that name";
    const EXAMPLE: &'static str = "context = \"backend\"\nimage = \"todo-backend\"\nmax-size = \"300MB\"";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("image", "the image's name with its tag: `todo-backend:3f2a91c0d4be`"),
        ("id", "the image's id: `sha256:…`"),
        ("size", "the size of its unpacked layers in bytes"),
    ];
    const USES_DOCKER: bool = true;

    fn validate(&self) -> Result<(), String> {
        let context = inside("context", &self.context)?;
        if self.dockerfile.is_empty() {
            return Err("`dockerfile` is empty".into());
        }
        inside("dockerfile", &context.join(&self.dockerfile).to_string_lossy())?;
        let name = Reference::parse(&self.image).map_err(|error| format!("`image`: {error}"))?;
        if name.tag().is_some() || name.digest().is_some() {
            return Err(format!(
                "`image` is a name without a tag: `{}` would hide what has changed, the tag is made from the image's id",
                self.image
            ));
        }
        Ok(())
    }
}

impl DockerBuild {
    async fn open(&self, cx: &StepContext) -> Result<BuildContext, Failure> {
        let context = inside("context", &self.context).map_err(Failure::failed)?;
        let file = inside("dockerfile", &context.join(&self.dockerfile).to_string_lossy()).map_err(Failure::failed)?;
        let (root, seen) = (cx.tools().root().to_owned(), cx.tools().seen().cloned());
        blocking(move || {
            if let Some(seen) = seen {
                let mut own = root.join(&file).into_os_string();
                own.push(".dockerignore");
                let files = [root.join(&file), own.into(), root.join(&context).join(".dockerignore")];
                for file in &files {
                    seen.note_file(file);
                }
            }
            BuildContext::open_inside(&root, &root.join(context), &root.join(file))
        })
        .await
    }

    /// Chooses the builder. BuildKit copies an ignored Dockerfile into the image, because it gets it with the context:
    /// the classic builder, which does not, builds where that matters and where it can.
    fn with_builder(cx: &StepContext, context: BuildContext) -> BuildContext {
        let text = String::from_utf8_lossy(context.dockerfile_text());
        if !context.hides_dockerfile() || !dockerfile::may_copy(&text, context.dockerfile_name()) {
            return context;
        }
        let classic = (!dockerfile::needs_buildkit(&text)).then(|| context.for_classic_builder()).flatten();
        classic.unwrap_or_else(|| {
            cx.line("the Dockerfile is not part of the context, and BuildKit gets it with it: `COPY .` copies it too");
            context.clone()
        })
    }

    /// Builds under a temporary name, so that nothing unfinished ever has the final one.
    async fn build(&self, cx: &StepContext, docker: &Docker, temporary: &str) -> Result<Image, Failure> {
        let builder: &dyn Builder = docker;
        let context = Self::with_builder(cx, self.open(cx).await?);
        let listed = context.clone();
        for socket in blocking(move || listed.sockets()).await? {
            cx.line(&format!("`{socket}` is a socket: the build does not get it"));
        }
        let what = format!("building the image `{}`", self.image);
        let request = BuildRequest {
            tag: temporary.to_owned(),
            dockerfile: context.dockerfile_name().to_owned(),
            args: self.args.clone(),
            target: self.target.clone(),
            platform: self.platform.clone(),
            classic: context.is_for_classic_builder(),
            what: what.clone(),
        };
        let on_event = |event: BuildEvent<'_>| match event {
            BuildEvent::Progress(progress) => cx.progress(progress),
            BuildEvent::Line(line) => cx.line(line),
            BuildEvent::Warning(warning) => {
                cx.line(&format!("warning: {warning}"));
                cx.warned(warning);
            }
        };
        let image = cx.unless_cancelled(&what, builder.build_image(&request, &context, &on_event)).await?;
        let size = docker.unpacked_size(&image).await?;
        if let Some(Size(limit)) = self.max_size
            && size > limit
        {
            let failure = Failure::of(
                ids::IMAGE_TOO_BIG,
                format!(
                    "the image `{}` is {} too big: it has {}, and `max-size` is {}",
                    self.image,
                    human_bytes(size - limit),
                    human_bytes(size),
                    human_bytes(limit)
                ),
            );
            let layers = docker.biggest_layers(&image.id, 5).await.unwrap_or_default();
            return Err(failure
                .details(layers)
                .hint("use a smaller base image, build in a stage of its own, and copy only what is needed"));
        }
        // Before it has the name: what `gc` does not know of stays for good.
        let name = format!("{}:{}", self.image, image.short_id());
        if let Err(error) = note_built(cx.tools().state_dir(), &name) {
            cx.line(&format!("`provision gc` will not remove this image: {error}"));
        }
        docker.tag(&image.id, &self.image, image.short_id()).await?;
        Ok(Image { size, ..image })
    }
}

impl Action for DockerBuild {
    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let context = self.open(cx).await?;
            let text = context.dockerfile_text();
            inputs.text("dockerfile", &String::from_utf8_lossy(text));
            if let Some(ignore) = context.ignore_text() {
                inputs.text("dockerignore", &String::from_utf8_lossy(ignore));
            }
            let bases = async {
                let engine = cx.tools().docker().await?.engine().await?;
                let build = format!("{}/{}", engine.os, engine.arch);
                let platforms = Platforms { target: self.platform.as_deref().unwrap_or(&build), build: &build };
                let sources = dockerfile::sources(&String::from_utf8_lossy(text), &self.args, platforms);
                let ids = try_join_all(sources.images.iter().map(|image| cx.tools().image_id(image))).await?;
                Ok((sources, ids))
            };
            let (digest, (sources, ids)) = try_join(cx.tools().digest(context.files()), bases).await?;
            inputs.digest("context", digest);
            for (image, id) in sources.images.iter().zip(ids) {
                if let Some(id) = id {
                    inputs.text(format!("base {image}"), &id);
                }
            }
            for unknown in sources.unknown {
                inputs.unknown(unknown);
            }
            Ok(())
        })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(cx.probe_image(output.get("image"), output.get("id")))
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            cx.check_cancel()?;
            for (name, value) in &self.args {
                cx.refuse_secret(&format!("the build argument `{name}`"), value)?;
            }
            let docker = cx.tools().docker().await?;
            cx.remove_left_names(docker).await;
            let temporary = format!("{}:{}", self.image, TemporaryTag::new(cx.name_owner()));
            let built = self.build(cx, docker, &temporary).await;
            // Also after a failure or Ctrl-C: the name may be there already.
            let removed = tokio::select! {
                removed = docker.remove_temporary(&temporary) => removed,
                () = cx.cancel().killed() => Err(Failure::interrupted("removing the name that the build had")),
            };
            let image = built?;
            removed?;
            Ok(Output::new()
                .with("image", format!("{}:{}", self.image, image.short_id()))
                .with("id", &image.id)
                .with("size", image.size.to_string()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<DockerBuild, String> {
        let settings: DockerBuild = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.validate().map(|()| settings)
    }

    #[test]
    fn paths_outside_of_the_project_and_names_with_tags_are_refused() {
        for (text, part) in [
            ("context = \"../x\"\nimage = \"a\"", "outside of the project"),
            ("context = \"/etc\"\nimage = \"a\"", "outside of the project"),
            ("context = \"a\"\ndockerfile = \"../../D\"\nimage = \"a\"", "outside of the project"),
            ("context = \"a\"\nimage = \"a:1\"", "without a tag"),
            ("context = \"a\"\nimage = \"A\"", "lower case"),
            ("context = \"a\"\nimage = \"a\"\nmax-size = \"big\"", "is not a size"),
            ("context = \"a\"\nimage = \"a\"\nmax_size = \"1MB\"", "unknown field"),
        ] {
            let error = settings(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        settings("context = \"a/..\"\ndockerfile = \"docker/D\"\nimage = \"localhost:5000/a\"").unwrap();
        settings(DockerBuild::EXAMPLE).unwrap();
    }
}
