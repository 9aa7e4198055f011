//! [`NodeContainerd`]: into the containerd of a node that is a container of our own daemon.
//!
//! The archive goes from one end of the daemon into the other, through us and never over a disk; layers that the node
//! has unpacked already are left out.

use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;

use super::delivery::{Delivered, Delivery, NodeService, Target, feed};
use super::image_list::ImageList;
use super::layer_filter;
use super::reference::full_name;
use crate::error::Failure;
use crate::tools::docker::Image;

/// Reads an archive into containerd's images for Kubernetes.
const IMPORT: &[&str] = &["ctr", "-n", "k8s.io", "images", "import", "-"];

/// A node with containerd.
pub struct NodeContainerd;

impl Delivery for NodeContainerd {
    fn service(&self) -> Option<NodeService> {
        Some(NodeService { name: "containerd", list: "crictl images -o json" })
    }

    fn present<'a>(&'a self, _target: Target<'a>, listed: &'a str) -> BoxFuture<'a, Result<ImageList, Failure>> {
        Box::pin(async move { ImageList::of_crictl(listed.as_bytes()) })
    }

    fn deliver<'a>(
        &'a self,
        target: Target<'a>,
        image: &'a Image,
        name: &'a str,
        on_sent: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            if let Some(sent) = deliver_new_layers(target, image, name, on_sent).await? {
                return Ok(Delivered { sent, id: image.id.clone() });
            }
            let id = Arc::new(OnceLock::new());
            let archive = layer_filter::capture_id(target.docker.export(name), image, Arc::clone(&id));
            let sent = feed(target, IMPORT, archive, on_sent).await?;
            Ok(Delivered::whole(sent, image, id.get()))
        })
    }
}

/// Sends the layers that the node lacks. Returns `None` where it lacks them all, or where the image has not arrived:
/// whatever the reason, the whole archive may still work.
async fn deliver_new_layers(
    target: Target<'_>,
    image: &Image,
    name: &str,
    on_sent: &(dyn Fn(u64) + Sync),
) -> Result<Option<u64>, Failure> {
    let n_shared = n_shared_layers(target, image).await;
    if n_shared == 0 {
        return Ok(None);
    }
    let archive = layer_filter::without_shared(target.docker.export(name), image, n_shared, full_name(name));
    let Ok(sent) = feed(target, IMPORT, archive, on_sent).await else {
        return Ok(None);
    };
    let listed = target.docker.exec_ok(target.node, &["crictl", "images", "-o", "json"], None, &|_| {}).await?;
    let arrived = ImageList::of_crictl(&listed)?.id(name) == Some(&image.id);
    Ok(arrived.then_some(sent))
}

/// Counts the image's layers that the node has unpacked, from the lowest on; 0 where that cannot be established.
async fn n_shared_layers(target: Target<'_>, image: &Image) -> usize {
    if image.is_manifest {
        return 0;
    }
    let argv = ["ctr", "-n", "k8s.io", "snapshots", "ls"];
    let Ok(listed) = target.docker.exec_ok(target.node, &argv, None, &|_| {}).await else {
        return 0;
    };
    let listed = String::from_utf8_lossy(&listed);
    let committed = listed.lines().filter(|line| line.trim_end().ends_with("Committed"));
    layer_filter::n_shared_layers(image, &committed.filter_map(|line| line.split_whitespace().next()).collect())
}
