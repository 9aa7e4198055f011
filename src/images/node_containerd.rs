//! [`NodeContainerd`]: into the containerd of a node that is a container of our own daemon.
//!
//! The layers that the node has unpacked already are left out. Three ways lead there, each tried where the one before
//! it can't work: a push to ourselves, which brings only what is new; an export without the shared layers; a whole
//! export.

use futures_util::future::BoxFuture;

use super::delivery::{Delivered, Delivery, NodeService, Target, feed};
use super::image_list::ImageList;
use super::layer_filter;
use super::push::Session;
use super::reference::full_name;
use crate::error::{Failure, FailureKind};
use crate::tools::docker::{Image, ImageBytes};

/// Reads an archive into containerd's images for Kubernetes, and lists them: one process in the node takes less time
/// than two.
const IMPORT: &[&str] = &["sh", "-c", "ctr -n k8s.io images import - >&2 && exec crictl images -o json"];

/// An older daemon compresses what it pushes for the first time: that is worth it where so much of the image is in the
/// node already that the next change will be small too.
const MIN_SHARED_PART: u64 = 4;

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
        present: Option<&'a str>,
        on_sent: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<Delivered, Failure>> {
        Box::pin(async move {
            let session = async {
                let access = target.push?;
                let session = Session::open(target.docker, access, image).await;
                session.inspect_err(|failure| target.line(&format!("no push: {failure}"))).ok()
            };
            let (n_shared, session) = tokio::join!(n_shared_layers(target, image), session);
            target.line(&format!("the node has {n_shared} of the image's {} layers", image.layers.len()));
            if let Some(session) = session
                && is_push_worth_it(target, image, n_shared).await?
                && let Some(delivered) = deliver_by_push(target, &session, n_shared, (name, present), on_sent).await?
            {
                return Ok(delivered);
            }
            if n_shared > 0 && !image.is_manifest {
                target.line("exporting the image and leaving out the layers that the node has");
                let archive =
                    layer_filter::without_shared(target.docker.export(name), image, n_shared, full_name(name));
                if let Some(sent) = import(target, archive, name, &image.id, on_sent).await? {
                    return Ok(Delivered { sent, id: image.id.clone() });
                }
            }
            target.line("exporting the whole image");
            let (archive, id) = layer_filter::export_whole(target.docker, image, name);
            let (sent, _) = feed(target, IMPORT, archive, on_sent).await?;
            Ok(Delivered::whole(sent, image, id.get()))
        })
    }
}

async fn is_push_worth_it(target: Target<'_>, image: &Image, n_shared: usize) -> Result<bool, Failure> {
    if image.is_manifest {
        return Ok(true);
    }
    if n_shared == 0 {
        return Ok(false);
    }
    // The newest layers first. One that is empty may be missing from the list: then too much is counted as new.
    let sizes = target.docker.layer_sizes(&image.id).await?;
    let new: u64 = sizes.iter().take(image.layers.len().saturating_sub(n_shared)).sum();
    Ok(new.saturating_mul(MIN_SHARED_PART) <= image.size)
}

/// Has the daemon push what the node lacks. Returns `None` where that does not work, whatever the reason.
async fn deliver_by_push(
    target: Target<'_>,
    session: &Session<'_>,
    n_shared: usize,
    (name, present): (&str, Option<&str>),
    on_sent: &(dyn Fn(u64) + Sync),
) -> Result<Option<Delivered>, Failure> {
    target.line(if session.image().is_manifest {
        "the Docker daemon pushes what the node lacks"
    } else {
        "the Docker daemon pushes what the node lacks; a layer that it pushes for the first time is compressed, once"
    });
    let pushed = match session.fetch(n_shared, name, on_sent).await {
        Ok(pushed) => pushed,
        Err(failure) if failure.kind == FailureKind::Failed => {
            target.line(&format!("no push: {failure}"));
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    if present == Some(&pushed.id) {
        target.line(&format!("the node already has {}", pushed.id));
        return Ok(Some(Delivered { sent: 0, id: pushed.id }));
    }
    let sent = import(target, pushed.archive, name, &pushed.id, on_sent).await?;
    Ok(sent.map(|sent| Delivered { sent, id: pushed.id }))
}

/// Imports an archive that may lack layers. Returns how many bytes it had; `None` if the image has not arrived.
async fn import(
    target: Target<'_>,
    archive: ImageBytes,
    name: &str,
    id: &str,
    on_sent: &(dyn Fn(u64) + Sync),
) -> Result<Option<u64>, Failure> {
    let (sent, listed) = match feed(target, IMPORT, archive, on_sent).await {
        Ok(fed) => fed,
        Err(failure) => {
            target.line(&format!("the node did not take what was sent: {failure}"));
            return Ok(None);
        }
    };
    let arrived = ImageList::of_crictl(&listed)?.id(name) == Some(id);
    if !arrived {
        target.line("the image has not arrived in the node");
    }
    Ok(arrived.then_some(sent))
}

/// Counts the image's layers that the node has unpacked, from the lowest on; 0 where that cannot be established.
async fn n_shared_layers(target: Target<'_>, image: &Image) -> usize {
    let argv = ["ctr", "-n", "k8s.io", "snapshots", "ls"];
    let Ok(listed) = target.docker.exec_ok(target.node, &argv, None, &|_| {}).await else {
        return 0;
    };
    let listed = String::from_utf8_lossy(&listed);
    let committed = listed.lines().filter(|line| line.trim_end().ends_with("Committed"));
    layer_filter::n_shared_layers(image, &committed.filter_map(|line| line.split_whitespace().next()).collect())
}
