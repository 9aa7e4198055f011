//! Getting an image out of the daemon by a push to ourselves.
//!
//! An export always has all layers. A push has only those that the registry says it lacks, and the registry is this
//! process: it says that it lacks what the node lacks. A daemon that keeps images in containerd sends its layers as it
//! has them; an older one compresses a layer when it pushes it for the first time, and remembers it by the registry's
//! address, which is therefore always the same.

mod blob;
mod endpoint;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Deserialize;

use self::blob::{Content, archive};
use self::endpoint::{Endpoint, Wanted};
use super::oci;
use super::reference::full_name;
use crate::error::{Context, Failure, ids};
use crate::tools::docker::build::{Owner, TemporaryTag};
use crate::tools::docker::{Docker, Image, ImageBytes, RegistryLogin};
use crate::tools::unique_id;

/// How often the progress is shown.
const TICK: Duration = Duration::from_millis(200);

/// The first push shows what the image consists of, the second one brings it; a layer that an older daemon had to push
/// in a different form than it remembered takes one more.
const MAX_PUSHES: u32 = 3;

/// What a step needs for having the daemon push to it.
pub struct PushAccess {
    password: String,
    owner: Option<Owner>,
    given: OnceLock<String>,
}

impl PushAccess {
    /// `password` is what the daemon has to show: always the same for the same checkout, and known to nobody else.
    /// `owner` is the run that the temporary name is marked with.
    pub fn new(password: String, owner: Option<Owner>) -> Self {
        Self { password, owner, given: OnceLock::new() }
    }

    /// The temporary name that the image has got, if it has: the caller removes it, however the delivery ended.
    pub fn given(&self) -> Option<&str> {
        self.given.get().map(String::as_str)
    }
}

/// What a push has brought.
pub(super) struct Pushed {
    /// The image as an OCI layout, without the layers that the node has.
    pub(super) archive: ImageBytes,
    /// The digest of its configuration, under which a node has it.
    pub(super) id: String,
}

/// A manifest, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    media_type: Option<String>,
    config: Blob,
    layers: Vec<Blob>,
}

#[derive(Deserialize)]
struct Blob {
    digest: String,
}

/// An image's configuration, as far as it matters here.
#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

/// An endpoint that the daemon has reached.
pub(super) struct Session<'a> {
    docker: &'a Docker,
    access: &'a PushAccess,
    image: &'a Image,
    login: RegistryLogin,
    endpoint: Endpoint,
}

impl<'a> Session<'a> {
    /// Fails where the daemon cannot reach this process. Nothing of the image leaves the daemon before that is known:
    /// at the same address may be somebody else's registry, if the daemon is on another machine or has a network of its
    /// own.
    pub(super) async fn open(docker: &'a Docker, access: &'a PushAccess, image: &'a Image) -> Result<Self, Failure> {
        let login = RegistryLogin { user: "provision", password: access.password.clone() };
        let n_layers = u64::try_from(image.layers.len()).unwrap_or(u64::MAX).max(1);
        let endpoint = Endpoint::listen(&login, image.size / n_layers).await?;
        let question = unique_id("question");
        docker.ask_registry(&format!("{}:{question}", endpoint.repository()), &login).await;
        if endpoint.was_asked_for(&question) {
            return Ok(Self { docker, access, image, login, endpoint });
        }
        Err(Failure::of(ids::IMAGE_NOT_DELIVERED, "the Docker daemon can't reach this process")
            .cause("it runs on another machine, or in a network of its own"))
    }

    /// The image that it is for.
    pub(super) fn image(&self) -> &Image {
        self.image
    }

    /// Has the daemon push the image, of whose layers the node has the lowest `n_shared`; the layout calls it `name`.
    /// `on_received` is called with the bytes so far.
    pub(super) async fn fetch(
        &self,
        n_shared: usize,
        name: &str,
        on_received: &(dyn Fn(u64) + Sync),
    ) -> Result<Pushed, Failure> {
        let repository = self.endpoint.repository();
        let tag = TemporaryTag::new(self.access.owner.clone()).to_string();
        if self.access.given.set(format!("{repository}:{tag}")).is_err() {
            return Err(Failure::bug("one delivery pushes twice"));
        }
        self.docker.tag(&self.image.id, &repository, &tag).await?;
        let push = || -> BoxFuture<'_, Result<(), Failure>> {
            Box::pin(watch(&self.endpoint, self.docker.push(&repository, &tag, &self.login), on_received))
        };
        collect(&self.endpoint, self.image, n_shared, &full_name(name), &push).await
    }
}

/// Calls `push` until everything has come that a node needs which has the lowest `n_shared` layers of `image`.
async fn collect<'a>(
    endpoint: &Endpoint,
    image: &Image,
    n_shared: usize,
    name: &str,
    push: &(dyn Fn() -> BoxFuture<'a, Result<(), Failure>> + Sync),
) -> Result<Pushed, Failure> {
    // An older daemon's id is the digest of the configuration: so much is known to be needed.
    let known = (!image.is_manifest).then(|| image.id.clone());
    let mut wanted = if n_shared == 0 { Wanted::All } else { Wanted::Only(known.into_iter().collect()) };
    for _ in 0..MAX_PUSHES {
        endpoint.want(wanted);
        push().await?;
        let candidates = candidates(&endpoint.manifests(), image);
        let missing: BTreeSet<String> =
            candidates.iter().flat_map(|it| it.needed(n_shared)).filter(|digest| !endpoint.has(digest)).collect();
        if missing.is_empty() {
            return layout(endpoint, candidates, image, n_shared, name).await;
        }
        wanted = Wanted::Only(missing);
    }
    Err(Failure::of(ids::IMAGE_NOT_DELIVERED, "the Docker daemon did not push all layers that were asked for"))
}

/// Waits for the end of a push, and shows how far it is.
async fn watch(
    endpoint: &Endpoint,
    pushing: impl Future<Output = Result<(), Failure>>,
    on_received: &(dyn Fn(u64) + Sync),
) -> Result<(), Failure> {
    let mut pushing = std::pin::pin!(pushing);
    loop {
        tokio::select! {
            ended = &mut pushing => return ended,
            why = endpoint.failed() => {
                return Err(Failure::of(ids::IMAGE_NOT_DELIVERED, "can't take what the Docker daemon pushes").cause(why));
            }
            () = tokio::time::sleep(TICK) => on_received(endpoint.received()),
        }
    }
}

/// A manifest that may be the image's: an image for several platforms has one for each, and others for attestations.
struct Candidate {
    text: Bytes,
    manifest: Manifest,
}

impl Candidate {
    /// The digests of what a node needs that has the lowest `n_shared` layers.
    fn needed(&self, n_shared: usize) -> impl Iterator<Item = String> + '_ {
        let layers = self.manifest.layers.iter().skip(n_shared);
        std::iter::once(&self.manifest.config).chain(layers).map(|blob| blob.digest.clone())
    }
}

fn candidates(manifests: &BTreeMap<String, Bytes>, image: &Image) -> Vec<Candidate> {
    let read = |text: &Bytes| {
        let manifest: Manifest = serde_json::from_slice(text).ok()?;
        let fits =
            manifest.layers.len() == image.layers.len() && (image.is_manifest || manifest.config.digest == image.id);
        fits.then(|| Candidate { text: text.clone(), manifest })
    };
    manifests.values().filter_map(read).collect()
}

/// Makes the archive from the candidate whose configuration has the image's layers.
async fn layout(
    endpoint: &Endpoint,
    candidates: Vec<Candidate>,
    image: &Image,
    n_shared: usize,
    name: &str,
) -> Result<Pushed, Failure> {
    for candidate in candidates {
        let id = candidate.manifest.config.digest.clone();
        let Some(blob) = endpoint.take(&id) else { continue };
        let text = blob.bytes().await.context(|| "reading the image's configuration".into())?;
        let matches = serde_json::from_slice(&text).is_ok_and(|config: Config| config.rootfs.diff_ids == image.layers);
        if !matches || oci::digest(&text) != id {
            continue;
        }
        let mut entries = vec![(oci::blob(&id), Content::Text(text))];
        // Of two equal layers there is one blob.
        for digest in candidate.needed(n_shared) {
            if let Some(blob) = endpoint.take(&digest) {
                entries.push((oci::blob(&digest), Content::Blob(blob)));
            }
        }
        let media_type = candidate.manifest.media_type.as_deref().unwrap_or(oci::MANIFEST);
        let index = oci::index(&candidate.text, media_type, name);
        entries.push((oci::blob(&oci::digest(&candidate.text)), Content::Text(candidate.text.into())));
        entries.push(("index.json".to_owned(), Content::Text(index.into())));
        entries.push((oci::LAYOUT.0.to_owned(), Content::Text(oci::LAYOUT.1.into())));
        return Ok(Pushed { archive: archive(entries), id });
    }
    Err(Failure::of(ids::IMAGE_NOT_DELIVERED, "the Docker daemon pushed no manifest of the image"))
}

#[cfg(test)]
mod tests;
