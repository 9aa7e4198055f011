//! [`MinikubeImageLoad`]: through `minikube image load`, for nodes that are no containers of our daemon.

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::io::AsyncWriteExt;

use crate::error::{Context, Failure};
use crate::images::{Delivered, Delivery, ImageList, NodeService, Target, export_whole};
use crate::tools::docker::{Image, ImageBytes};
use crate::tools::process;

/// A minikube profile with any driver.
pub(super) struct MinikubeImageLoad;

impl Delivery for MinikubeImageLoad {
    fn service(&self) -> Option<NodeService> {
        None
    }

    fn present<'a>(&'a self, target: Target<'a>, _listed: &'a str) -> BoxFuture<'a, Result<ImageList, Failure>> {
        Box::pin(async move {
            let command = minikube(target)?.args(["image", "ls", "--format", "json"]).capture();
            let listed = command.check(target.observer).await?;
            ImageList::of_json(&listed.stdout).context(|| "reading the images that `minikube image ls` lists".into())
        })
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
            let (archive, id) = export_whole(target.docker, image, name);
            let sent = load_file(target, name, archive, on_sent).await?;
            Ok(Delivered::whole(sent, image, id.get()))
        })
    }
}

async fn load_file(
    target: Target<'_>,
    image: &str,
    mut archive: ImageBytes,
    on_sent: &(dyn Fn(u64) + Sync),
) -> Result<u64, Failure> {
    let writing = || format!("writing the archive of `{image}` to a temporary file");
    let file = tempfile::Builder::new().suffix(".tar").tempfile().context(writing)?;
    let mut out = tokio::fs::File::from_std(file.reopen().context(writing)?);
    let mut sent = 0;
    while let Some(piece) = archive.next().await {
        let piece = piece?;
        out.write_all(&piece).await.context(writing)?;
        sent += piece.len() as u64;
        on_sent(sent);
    }
    out.flush().await.context(writing)?;
    minikube(target)?.args(["image", "load"]).arg(file.path()).check(target.observer).await?;
    Ok(sent)
}

fn minikube(target: Target<'_>) -> Result<process::Command, Failure> {
    Ok(process::Command::new(process::find("minikube")?).args(["-p", target.cluster]))
}
