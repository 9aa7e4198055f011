//! `image-load`: brings an image from the Docker daemon to the cluster's node.

mod pods;

use futures_util::future::{BoxFuture, try_join};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Presence, StepContext};
use crate::cluster::provider;
use crate::error::{Failure, ids};
use crate::images::{ImageList, Node, PushAccess, Reference, Target};
use crate::model::{Output, Progress};
use crate::tools::docker::Docker;
use crate::tools::process::ProcessObserver;
use crate::tools::secrets::keyed_digest;
pub(super) use pods::strangers;

/// What the password of pushes is derived from, with the checkout's own key.
const PUSH_PASSWORD: &[u8] = b"the password that the Docker daemon shows when it pushes an image to this process";

/// Settings of `image-load`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ImageLoad {
    /// The image with its tag, as the build step outputs it: `${{ steps.build.backend.image }}`.
    image: String,
    /// The id that the image has to have, `${{ steps.build.backend.id }}`; by default the one that it has now.
    image_id: Option<String>,
}

impl ActionSettings for ImageLoad {
    const NAME: &'static str = "image-load";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Brings an image from the Docker daemon to the cluster's node; done when the node has it under its name with the same id";
    const EXAMPLE: &'static str = r#"image = "todo-backend:3f2a91c0d4be""#;
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("image", "the image's name, as the node knows it too"),
        ("id", "the image's id in the Docker daemon"),
        ("node-id", "its id in the node: the same, unless the daemon keeps its images in containerd"),
        ("node", "the node that has it"),
        ("sent", "the bytes that had to be sent: 0 when the node already had it"),
    ];
    const USES_DOCKER: bool = true;
    const IN_CLUSTER: bool = true;

    fn validate(&self) -> Result<(), String> {
        let name = Reference::parse(&self.image).map_err(|error| format!("`image`: {error}"))?;
        if name.tag().is_some() {
            Ok(())
        } else {
            Err(format!("`image`: `{}` needs its tag; use the `image` output of the step that builds it", self.image))
        }
    }
}

/// Returns the node that the declared cluster's images go to, with the images that it has right now.
/// `push` is what is needed to send one.
async fn inspect<'a>(
    cx: &'a StepContext,
    docker: &'a Docker,
    push: Option<&'a PushAccess>,
) -> Result<(Node<'a>, ImageList), Failure> {
    let cluster = cx.tools().declared_cluster()?;
    let target = Target { docker, cluster: &cluster.name, node: &cluster.node, observer: cx, push };
    Node::inspect(target, provider(cluster)?.deliveries()).await
}

/// Returns the node that the declared cluster's images go to, and the images that it has; `None` where the cluster's
/// provider has no way to bring images to its nodes, and so none to see them.
pub(super) async fn images_in_node(cx: &StepContext) -> Result<Option<(String, ImageList)>, Failure> {
    let cluster = cx.tools().declared_cluster()?;
    if provider(cluster)?.deliveries().is_empty() {
        return Ok(None);
    }
    Ok(Some((cluster.node.clone(), seen_lately(cx).await?)))
}

/// Returns the images that the node has: what steps share for a moment.
async fn seen_lately(cx: &StepContext) -> Result<ImageList, Failure> {
    let docker = cx.tools().docker().await?;
    let list = async { inspect(cx, docker, None).await.map(|(_, images)| images.into()) };
    Ok(cx.tools().node_images().get_or(list).await?.into())
}

impl Action for ImageLoad {
    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let id_now =
                async { if self.image_id.is_none() { cx.tools().image_id(&self.image).await } else { Ok(None) } };
            // Each of them takes a while.
            let (id_now, images) = try_join(id_now, seen_lately(cx)).await?;
            if id_now.is_some_and(|id| output.get("id") != Some(&id)) {
                return Ok(Presence::Missing(format!(
                    "`{}` now refers to a different image in the Docker daemon",
                    self.image
                )));
            }
            Ok(match images.id(&self.image) {
                Some(id) if output.get("node-id") == Some(id) => Presence::Present,
                Some(_) => Presence::Missing(format!("`{}` now refers to a different image in the node", self.image)),
                None => Presence::Missing(format!("the image `{}` is gone from the node", self.image)),
            })
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let what = format!("bringing the image `{}` to the node", self.image);
            let password = keyed_digest(cx.tools().state_dir(), PUSH_PASSWORD)?;
            let push = PushAccess::new(password.to_string(), cx.name_owner());
            let result = Box::pin(cx.unless_cancelled(&what, self.deliver(cx, &push))).await;
            // Also after a failure or Ctrl-C.
            if let Some(name) = push.given() {
                let docker = cx.tools().docker().await?;
                let removed = tokio::select! {
                    removed = docker.remove_temporary(name) => removed,
                    () = cx.cancel().killed() => Err(Failure::interrupted("removing the name that the push had")),
                };
                return result.and_then(|output| removed.map(|()| output));
            }
            result
        })
    }
}

impl ImageLoad {
    async fn deliver(&self, cx: &StepContext, push: &PushAccess) -> Result<Output, Failure> {
        let docker = cx.tools().docker().await?;
        let Some(image) = docker.image(&self.image).await? else {
            return Err(Failure::of(ids::IMAGE_GONE, format!("the Docker daemon has no image `{}`", self.image))
                .hint("run the step that builds it again"));
        };
        if let Some(id) = &self.image_id
            && *id != image.id
        {
            return Err(Failure::of(ids::IMAGE_GONE, format!("`{}` now refers to a different image", self.image))
                .cause(format!("it should have the id {id} and has {}", image.id))
                .hint("run the step that builds it again"));
        }
        let (node, images) = inspect(cx, docker, Some(push)).await?;
        let done = |sent: u64, node_id: String| {
            Output::new()
                .with("image", &self.image)
                .with("id", &image.id)
                .with("node-id", node_id)
                .with("node", node.name())
                .with("sent", sent.to_string())
        };
        let last = cx.last_output().filter(|last| last.get("id") == Some(&image.id));
        let last_id = last.and_then(|last| last.get("node-id"));
        if let Some(id) = images.id(&self.image)
            && (id == image.id || last_id == Some(id))
        {
            cx.line(&format!("the node already has {id}"));
            return Ok(done(0, id.to_owned()));
        }
        cx.remove_left_names(docker).await;
        let on_sent = |sent| cx.progress(Progress::bytes(sent, Some(image.size.max(sent)), "sending the image"));
        let loaded = node.deliver(&image, &self.image, images.id(&self.image), &on_sent).await?;
        // Tools that load images have been seen to keep the old one and to exit with 0.
        match node.image_id(&self.image).await? {
            Some(id) if id == loaded.id => Ok(done(loaded.sent, id)),
            found => Err(Failure::of(
                ids::IMAGE_NOT_DELIVERED,
                format!("the node does not have the image `{}` that was sent", self.image),
            )
            .cause(format!("it should have {}", loaded.id))
            .cause(found.map_or_else(|| "it has no image of that name".into(), |id| format!("it has {id}")))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_its_tag_is_refused() {
        let load: ImageLoad = toml::from_str("image = \"localhost:5000/todo\"").unwrap();
        assert!(load.validate().unwrap_err().contains("needs its tag"));
        let load: ImageLoad = toml::from_str(ImageLoad::EXAMPLE).unwrap();
        load.validate().unwrap();
    }
}
