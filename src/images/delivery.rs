//! [`Delivery`]: a way to bring an image from the Docker daemon to where a cluster reads it.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;

use super::image_list::ImageList;
use super::push::PushAccess;
use crate::error::Failure;
use crate::tools::docker::{Docker, Image, ImageBytes};
use crate::tools::process::ProcessObserver;

/// Where images go.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The daemon that has the images.
    pub docker: &'a Docker,
    /// The cluster's name.
    pub cluster: &'a str,
    /// The name of its node, which is also that of the node's container, where it is one.
    pub node: &'a str,
    /// Gets the output of programs, and says when to stop.
    pub observer: &'a dyn ProcessObserver,
    /// What is needed to have the daemon push to us; without it, images are exported.
    pub push: Option<&'a PushAccess>,
}

impl Target<'_> {
    /// Writes a line to the step's log.
    pub(super) fn line(&self, line: &str) {
        self.observer.output(format!("{line}\n").as_bytes());
    }
}

/// The service in a node's container that a way works with.
#[derive(Clone, Copy, Debug)]
pub struct NodeService {
    /// Its name for `systemctl`.
    pub name: &'static str,
    /// The shell command that lists its images.
    pub list: &'static str,
}

/// An image that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The bytes that were taken.
    pub sent: u64,
    /// The id under which the target has to have the image.
    pub id: String,
}

impl Delivered {
    /// Of a whole archive whose configuration has the digest `captured`: that is the image's id in a node, also where
    /// the daemon's own id is that of a manifest.
    pub fn whole(sent: u64, image: &Image, captured: Option<&String>) -> Self {
        let id = captured.filter(|_| image.is_manifest).unwrap_or(&image.id);
        Self { sent, id: id.clone() }
    }
}

/// A way to bring an image from the Docker daemon to where a cluster reads it.
pub trait Delivery: Send + Sync {
    /// The service that has to run in the node's container; `None` for a way that needs no such container.
    fn service(&self) -> Option<NodeService>;

    /// Returns the images that the target has; `listed` is what [`NodeService::list`] has just printed.
    fn present<'a>(&'a self, target: Target<'a>, listed: &'a str) -> BoxFuture<'a, Result<ImageList, Failure>>;

    /// Sends the image `image` of the daemon, called `name`. The target has the id `present` under this name now: a way
    /// that finds out the id beforehand need not send the same image again. `on_sent` is called with the bytes so far.
    /// The caller checks that the image has arrived.
    fn deliver<'a>(
        &'a self,
        target: Target<'a>,
        image: &'a Image,
        name: &'a str,
        present: Option<&'a str>,
        on_sent: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<Delivered, Failure>>;
}

/// Runs a program in the target's node that reads an archive; returns how many bytes it took, and its output.
pub(super) async fn feed(
    target: Target<'_>,
    argv: &[&str],
    archive: ImageBytes,
    on_sent: &(dyn Fn(u64) + Sync),
) -> Result<(u64, Vec<u8>), Failure> {
    let sent = AtomicU64::new(0);
    let count = |n| {
        sent.store(n, Ordering::Relaxed);
        on_sent(n);
    };
    let output = target.docker.exec_ok(target.node, argv, Some(archive), &count).await?;
    Ok((sent.into_inner(), output))
}
