//! [`NodeDocker`]: into the Docker daemon of a node that is a container of our own daemon.

use futures_util::future::BoxFuture;

use super::delivery::{Delivered, Delivery, NodeService, Target, feed};
use super::image_list::ImageList;
use super::layer_filter;
use crate::error::Failure;
use crate::tools::docker::Image;

/// A node with a Docker daemon of its own.
pub struct NodeDocker;

impl Delivery for NodeDocker {
    fn service(&self) -> Option<NodeService> {
        let list = "docker images --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}'";
        Some(NodeService { name: "docker", list })
    }

    fn present<'a>(&'a self, _target: Target<'a>, listed: &'a str) -> BoxFuture<'a, Result<ImageList, Failure>> {
        Box::pin(async move { Ok(ImageList::of_lines(listed)) })
    }

    fn deliver<'a>(
        &'a self,
        target: Target<'a>,
        image: &'a Image,
        name: &'a str,
        _present: Option<&'a str>,
        on_sent: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let (archive, id) = layer_filter::export_whole(target.docker, image, name);
            let (sent, _) = feed(target, &["docker", "load"], archive, on_sent).await?;
            Ok(Delivered::whole(sent, image, id.get()))
        })
    }
}
