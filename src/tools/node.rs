//! The images in a cluster's node.
//!
//! The node of minikube's docker driver is a container of the daemon that has the images, so an archive can go straight
//! from one end of the daemon into the other, through us and never over a disk. For other drivers there is `minikube
//! image load`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::StreamExt;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;

use super::delta;
use super::docker::{Docker, Image, ImageBytes};
use super::process::{self, ProcessObserver};
use crate::error::{Context, Failure};

/// Answers the name of the first of these services that runs, and then all images that it has.
const LOOK_SCRIPT: &str = r"
for s in docker crio containerd; do systemctl is-active --quiet $s && break; s=; done
echo $s
case $s in
  docker) docker images --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' ;;
  containerd) crictl images -o json ;;
esac
";

/// An image that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The bytes that the node took.
    pub sent: u64,
    /// The id under which the node has to have it.
    pub id: String,
}

/// Reads an archive into containerd's images for Kubernetes.
const IMPORT: &[&str] = &["ctr", "-n", "k8s.io", "images", "import", "-"];

/// A node that images can be brought to.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    docker: &'a Docker,
    name: String,
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A container of our daemon, with containerd.
    Containerd,
    /// A container of our daemon, with a daemon of its own.
    Docker,
    /// Through the minikube program.
    Minikube,
}

/// The images that a node has: the full name and the id of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeImages(BTreeMap<String, String>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct CrictlImages {
    images: Vec<Listed>,
}

impl NodeImages {
    /// The id of the image that the node has under the name `image`; `None` where it has none.
    pub fn id(&self, image: &str) -> Option<&str> {
        self.0.get(&full_reference(image)).map(String::as_str)
    }

    fn of_list(list: Vec<Listed>) -> Self {
        let named = |listed: Listed| {
            let id = with_algorithm(&listed.id);
            listed.repo_tags.unwrap_or_default().into_iter().map(move |tag| (full_reference(&tag), id.clone()))
        };
        Self(list.into_iter().flat_map(named).collect())
    }

    /// From lines of an id and a name.
    fn of_lines(text: &str) -> Self {
        let line = |line: &str| {
            let (id, name) = line.split_once(' ')?;
            Some((full_reference(name), with_algorithm(id)))
        };
        Self(text.lines().filter_map(line).collect())
    }
}

impl<'a> Node<'a> {
    /// The node of the minikube profile `name`, and the images that it has right now.
    pub async fn look(
        docker: &'a Docker,
        name: &str,
        host: &dyn ProcessObserver,
    ) -> Result<(Self, NodeImages), Failure> {
        let mut node = Self { docker, name: name.to_owned(), way: Way::Minikube };
        let mut said = Vec::new();
        if docker.is_running(name).await? {
            said = docker.exec_ok(name, &["sh", "-c", LOOK_SCRIPT], None, &|_| {}).await?;
        }
        let text = String::from_utf8_lossy(&said);
        let (runtime, list) = text.split_once('\n').unwrap_or_default();
        let images = match runtime {
            "containerd" => {
                node.way = Way::Containerd;
                NodeImages::of_list(parse::<CrictlImages>("`crictl images`", list.as_bytes())?.images)
            }
            "docker" => {
                node.way = Way::Docker;
                NodeImages::of_lines(list)
            }
            _ => {
                let command = node.minikube()?.args(["image", "ls", "--format", "json"]).capture();
                NodeImages::of_list(parse("`minikube image ls`", &command.check(host).await?.stdout)?)
            }
        };
        Ok((node, images))
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the image that the node has by now under the name `image`; `None` where it has none.
    pub async fn image_id(&self, host: &dyn ProcessObserver, image: &str) -> Result<Option<String>, Failure> {
        let (_, images) = Self::look(self.docker, &self.name, host).await?;
        Ok(images.id(image).map(str::to_owned))
    }

    /// Brings the image `image` of the daemon, called `name`, to the node, whatever the node has. `on_sent` is told the
    /// bytes so far. Whether it has arrived is for the caller to see, by [`Node::image_id`].
    pub async fn load(
        &self,
        host: &dyn ProcessObserver,
        image: &Image,
        name: &str,
        on_sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Loaded, Failure> {
        if self.way == Way::Containerd
            && let Some(sent) = self.load_new_layers(host, image, name, on_sent).await?
        {
            let id = image.id.clone();
            return Ok(Loaded { sent, id });
        }
        let id = Arc::new(OnceLock::new());
        let archive = delta::noting_id(self.docker.export(name), image, Arc::clone(&id));
        let sent = match self.way {
            Way::Containerd => self.feed(IMPORT, archive, on_sent).await?,
            Way::Docker => self.feed(&["docker", "load"], archive, on_sent).await?,
            Way::Minikube => self.load_file(host, name, archive, on_sent).await?,
        };
        let id = if image.is_manifest { id.get().cloned() } else { None };
        Ok(Loaded { sent, id: id.unwrap_or_else(|| image.id.clone()) })
    }

    /// Sends the layers that the node lacks; `None` where it lacks them all, or where the image has not arrived: whatever
    /// the reason, the whole archive may still do.
    async fn load_new_layers(
        &self,
        host: &dyn ProcessObserver,
        image: &Image,
        name: &str,
        on_sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Option<u64>, Failure> {
        let known = self.n_known_layers(image).await;
        if known == 0 {
            return Ok(None);
        }
        let archive = delta::without_known(self.docker.export(name), image, known, full_reference(name));
        let Ok(sent) = self.feed(IMPORT, archive, on_sent).await else {
            return Ok(None);
        };
        let arrived = self.image_id(host, name).await?.as_ref() == Some(&image.id);
        Ok(arrived.then_some(sent))
    }

    /// How many of the image's layers the node has unpacked, from the lowest on; none where that can't be found out.
    async fn n_known_layers(&self, image: &Image) -> usize {
        if image.is_manifest {
            return 0;
        }
        let argv = ["ctr", "-n", "k8s.io", "snapshots", "ls"];
        let Ok(listed) = self.docker.exec_ok(&self.name, &argv, None, &|_| {}).await else {
            return 0;
        };
        let listed = String::from_utf8_lossy(&listed);
        let committed = listed.lines().filter(|line| line.trim_end().ends_with("Committed"));
        delta::n_known(image, &committed.filter_map(|line| line.split_whitespace().next()).collect())
    }

    /// Runs a program in the node that reads an archive; answers how many bytes it took.
    async fn feed(&self, argv: &[&str], archive: ImageBytes, on_sent: &(dyn Fn(u64) + Sync)) -> Result<u64, Failure> {
        let sent = AtomicU64::new(0);
        let count = |n| {
            sent.store(n, Ordering::Relaxed);
            on_sent(n);
        };
        self.docker.exec_ok(&self.name, argv, Some(archive), &count).await?;
        Ok(sent.into_inner())
    }

    async fn load_file(
        &self,
        host: &dyn ProcessObserver,
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
        self.minikube()?.args(["image", "load"]).arg(file.path()).check(host).await?;
        Ok(sent)
    }

    fn minikube(&self) -> Result<process::Command, Failure> {
        Ok(process::Command::new(process::find("minikube")?).args(["-p", &self.name]))
    }
}

fn parse<T: serde::de::DeserializeOwned>(what: &str, text: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(text).context(|| format!("reading the images that {what} lists"))
}

/// The name under which a node knows the image: with registry, folder and tag.
pub fn full_reference(image: &str) -> String {
    let first = image.split_once('/').map(|(first, _)| first);
    let is_registry = |part: &str| part.contains(['.', ':']) || part == "localhost";
    let mut full = match first {
        Some(first) if is_registry(first) => image.to_owned(),
        Some(_) => format!("docker.io/{image}"),
        None => format!("docker.io/library/{image}"),
    };
    if !full.rsplit('/').next().unwrap_or_default().contains([':', '@']) {
        full.push_str(":latest");
    }
    full
}

fn with_algorithm(id: &str) -> String {
    if id.contains(':') { id.to_owned() } else { format!("sha256:{id}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_the_node_does() {
        let cases = [
            ("todo", "docker.io/library/todo:latest"),
            ("todo:1", "docker.io/library/todo:1"),
            ("me/todo:1", "docker.io/me/todo:1"),
            ("localhost:5000/todo", "localhost:5000/todo:latest"),
            ("ghcr.io/me/todo:1", "ghcr.io/me/todo:1"),
        ];
        for (image, full) in cases {
            assert_eq!(full_reference(image), full);
        }
    }
}
