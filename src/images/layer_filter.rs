//! An image's archive on its way to a node, without the layers that the node has unpacked already.
//!
//! The daemon always exports all layers. What is left of its archive is turned into an OCI layout, which containerd
//! imports also when the blobs of lower layers are missing, as long as their snapshots are there. The sender checks
//! afterwards that the node has the right image, and sends the whole archive if it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::json;

use super::oci::{self, blob, digest};
use crate::error::Failure;
use crate::tools::docker::{Docker, Image, ImageBytes};

const BLOCK: usize = 512;

/// Files of the archive up to this size are kept: its own description and the image's configuration.
const MAX_KEPT: u64 = 4 << 20;

/// Older daemons name a layer by a digest over this, for all layers but the last.
const CONTAINER_CONFIG: &str = r#"{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":null,"Image":"","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":null}"#;

/// Counts the image's layers, from the lowest on, that are among the node's `snapshots`.
pub(super) fn n_shared_layers(image: &Image, snapshots: &BTreeSet<&str>) -> usize {
    chain_ids(&image.layers).iter().take_while(|chain| snapshots.contains(chain.as_str())).count()
}

/// The archive `archive` of `image` without its first `n_shared` layers, as an OCI layout in which it is called `name`.
pub(super) fn without_shared(archive: ImageBytes, image: &Image, n_shared: usize, name: String) -> ImageBytes {
    let start = Some((archive, Filter::new(image, n_shared, name)));
    Box::pin(stream::unfold(start, |state| async move {
        let (mut archive, mut filter) = state?;
        loop {
            let mut out = BytesMut::new();
            let result = match archive.next().await {
                Some(Ok(piece)) => {
                    filter.push(&piece, &mut out);
                    Ok(false)
                }
                Some(Err(failure)) => Err(failure),
                None => filter.end(&mut out).map(|()| true),
            };
            match result {
                Err(failure) => return Some((Err(failure), None)),
                Ok(true) => return Some((Ok(out.freeze()), None)),
                Ok(false) if out.is_empty() => {}
                Ok(false) => return Some((Ok(out.freeze()), Some((archive, filter)))),
            }
        }
    }))
}

/// Exports `image` whole under `name`. Returns its archive, and the id that a node reports, which is there once the
/// archive has ended.
pub fn export_whole(docker: &Docker, image: &Image, name: &str) -> (ImageBytes, Arc<OnceLock<String>>) {
    let id = Arc::new(OnceLock::new());
    (capture_id(docker.export(name), image, Arc::clone(&id)), id)
}

/// Passes the archive `archive` through unchanged; at its end `id` gets the id that a node reports for the image: the
/// digest of its configuration, which daemons that keep images in containerd do not report themselves.
fn capture_id(archive: ImageBytes, image: &Image, id: Arc<OnceLock<String>>) -> ImageBytes {
    let start = (archive, Filter::new(image, 0, String::new()), id);
    Box::pin(stream::unfold(start, |(mut archive, mut filter, id)| async move {
        let piece = archive.next().await;
        match &piece {
            Some(Ok(piece)) => filter.push(piece, &mut BytesMut::new()),
            Some(Err(_)) => {}
            None => {
                if let Some(config) = filter.config_name().and_then(|name| filter.kept.get(&name)) {
                    // It is set here only.
                    drop(id.set(digest(config)));
                }
            }
        }
        piece.map(|piece| (piece, (archive, filter, id)))
    }))
}

/// Returns the names of the snapshots that unpacking the layers creates: each depends on all below it.
fn chain_ids(layers: &[String]) -> Vec<String> {
    let mut chain: Vec<String> = Vec::new();
    for layer in layers {
        chain.push(match chain.last() {
            None => layer.clone(),
            Some(below) => digest(format!("{below} {layer}").as_bytes()),
        });
    }
    chain
}

/// One entry of the daemon's `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    config: String,
    layers: Vec<String>,
}

/// Reads an archive piece by piece and passes layers on.
struct Filter {
    name: String,
    id: String,
    diff_ids: Vec<String>,
    skip: BTreeSet<String>,
    header: Vec<u8>,
    /// What is left of the current entry, with and without its padding to whole blocks.
    left: u64,
    padded: u64,
    fate: Fate,
    kept: BTreeMap<String, Vec<u8>>,
    sizes: BTreeMap<String, u64>,
}

enum Fate {
    Drop,
    Keep(String),
    Send,
}

impl Filter {
    fn new(image: &Image, n_shared: usize, name: String) -> Self {
        let mut skip: BTreeSet<String> = BTreeSet::new();
        let mut parent = String::new();
        for (layer, chain) in image.layers.iter().zip(chain_ids(&image.layers)).take(n_shared) {
            skip.insert(blob(layer));
            let above = if parent.is_empty() { String::new() } else { format!(r#","parent":"{parent}""#) };
            parent = digest(
                format!(
                    r#"{{"container_config":{CONTAINER_CONFIG},"created":"1970-01-01T00:00:00Z","layer_id":"{chain}"{above}}}"#
                )
                .as_bytes(),
            );
            skip.insert(format!("{}/layer.tar", parent.trim_start_matches("sha256:")));
        }
        Self {
            name,
            id: image.id.clone(),
            diff_ids: image.layers.clone(),
            skip,
            header: Vec::with_capacity(BLOCK),
            left: 0,
            padded: 0,
            fate: Fate::Drop,
            kept: BTreeMap::new(),
            sizes: BTreeMap::new(),
        }
    }

    fn push(&mut self, mut piece: &[u8], out: &mut BytesMut) {
        while !piece.is_empty() {
            if self.padded == 0 {
                let n = piece.len().min(BLOCK - self.header.len());
                self.header.extend_from_slice(&piece[..n]);
                piece = &piece[n..];
                if self.header.len() == BLOCK {
                    self.begin(out);
                    self.header.clear();
                }
                continue;
            }
            let n = usize::try_from(self.padded).map_or(piece.len(), |padded| padded.min(piece.len()));
            match &self.fate {
                Fate::Drop => {}
                Fate::Send => out.extend_from_slice(&piece[..n]),
                Fate::Keep(name) => {
                    let text = usize::try_from(self.left).map_or(n, |left| left.min(n));
                    if let Some(kept) = self.kept.get_mut(name) {
                        kept.extend_from_slice(&piece[..text]);
                    }
                }
            }
            self.left = self.left.saturating_sub(n as u64);
            self.padded -= n as u64;
            piece = &piece[n..];
        }
    }

    /// A whole header has been read: decides what becomes of its entry.
    fn begin(&mut self, out: &mut BytesMut) {
        self.fate = Fate::Drop;
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(&self.header);
        let Ok(size) = header.entry_size() else { return };
        self.left = size;
        self.padded = size.next_multiple_of(BLOCK as u64);
        let name = String::from_utf8_lossy(&header.path_bytes()).into_owned();
        if !header.entry_type().is_file() {
            return;
        }
        self.sizes.insert(name.clone(), size);
        let is_layer = name.ends_with("/layer.tar") || self.diff_ids.iter().any(|layer| blob(layer) == name);
        if is_layer {
            if !self.skip.contains(&name) {
                self.fate = Fate::Send;
                out.extend_from_slice(&self.header);
            }
        } else if size <= MAX_KEPT && (name.starts_with("blobs/") || !name.contains('/')) {
            self.kept.insert(name.clone(), Vec::new());
            self.fate = Fate::Keep(name);
        }
    }

    /// Returns where the archive has the image's configuration.
    fn config_name(&self) -> Option<String> {
        let described: Vec<Described> = serde_json::from_slice(self.kept.get("manifest.json")?).ok()?;
        described.into_iter().next().map(|image| image.config)
    }

    /// After the archive: writes what describes the image. Fails where the archive has an unknown form.
    fn end(&mut self, out: &mut BytesMut) -> Result<(), Failure> {
        let unknown = |why: &str| Failure::failed("the archive of the image is of an unknown form").cause(why);
        let described = self.kept.get("manifest.json").ok_or_else(|| unknown("it has no manifest.json"))?;
        let described: Vec<Described> =
            serde_json::from_slice(described).map_err(|error| unknown(&error.to_string()))?;
        let [image] = described.as_slice() else {
            return Err(unknown("it does not have exactly one image"));
        };
        let config = self.kept.get(&image.config).ok_or_else(|| unknown("it has no configuration"))?;
        if digest(config) != self.id || image.layers.len() != self.diff_ids.len() {
            return Err(unknown("its configuration belongs to a different image"));
        }
        // Of two equal layers the archive has one, and a link to it.
        let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
        for (diff_id, path) in self.diff_ids.iter().zip(&image.layers) {
            if let Some(size) = self.sizes.get(path) {
                sizes.insert(diff_id, *size);
            }
        }
        let mut layers = Vec::new();
        for diff_id in &self.diff_ids {
            let size = sizes.get(diff_id.as_str()).ok_or_else(|| unknown("it lacks a layer"))?;
            layers.push(json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": diff_id, "size": size,
            }));
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": oci::MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json", "digest": self.id, "size": config.len(),
            },
            "layers": layers,
        })
        .to_string();
        let index = oci::index(manifest.as_bytes(), oci::MANIFEST, &self.name);
        let mut rest = tar::Builder::new(Vec::new());
        for (name, text) in [
            (blob(&self.id), config.as_slice()),
            (blob(&digest(manifest.as_bytes())), manifest.as_bytes()),
            ("index.json".to_owned(), index.as_bytes()),
            (oci::LAYOUT.0.to_owned(), oci::LAYOUT.1.as_bytes()),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(text.len() as u64);
            rest.append_data(&mut header, name, text).map_err(|error| unknown(&error.to_string()))?;
        }
        let rest = rest.into_inner().map_err(|error| unknown(&error.to_string()))?;
        out.extend_from_slice(&Bytes::from(rest));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, text) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, name, *text).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn image(config: &[u8], layers: &[&[u8]]) -> Image {
        Image {
            id: digest(config),
            size: 0,
            architecture: String::new(),
            layers: layers.iter().map(|layer| digest(layer)).collect(),
            is_manifest: false,
        }
    }

    async fn filtered(archive: Vec<u8>, image: &Image, n_shared: usize, piece: usize) -> Result<Vec<u8>, Failure> {
        let pieces: Vec<_> = archive.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let mut stream =
            without_shared(Box::pin(stream::iter(pieces)), image, n_shared, "docker.io/library/x:1".into());
        let mut all = Vec::new();
        while let Some(piece) = stream.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn shared_layers_are_left_out_however_the_archive_is_cut() {
        let (config, low, high) = (b"{\"os\":\"linux\"}".as_slice(), [1_u8; 3000].as_slice(), [2_u8; 700].as_slice());
        let image = image(config, &[low, high]);
        let paths: Vec<String> = image.layers.iter().map(|layer| blob(layer)).collect();
        let described = json!([{ "Config": blob(&image.id), "RepoTags": ["x:1"], "Layers": paths }]).to_string();
        let whole = archive(&[
            (&blob(&image.id), config),
            (&paths[0], low),
            (&paths[1], high),
            ("index.json", b"{}"),
            ("manifest.json", described.as_bytes()),
            ("oci-layout", b"{}"),
        ]);
        for piece in [1, 511, 512, 513, 1 << 20] {
            let out = filtered(whole.clone(), &image, 1, piece).await.unwrap();
            let mut names = Vec::new();
            for entry in tar::Archive::new(out.as_slice()).entries().unwrap() {
                let mut entry = entry.unwrap();
                let name = entry.path().unwrap().display().to_string();
                let mut text = Vec::new();
                entry.read_to_end(&mut text).unwrap();
                if name.starts_with("blobs/") {
                    assert_eq!(name, blob(&digest(&text)));
                }
                names.push(name);
            }
            assert_eq!((names.len(), &names[0], &names[1]), (5, &paths[1], &blob(&image.id)));
            assert_eq!(names[3..], ["index.json", "oci-layout"]);
        }
        let id = Arc::new(OnceLock::new());
        let pieces: Vec<_> = whole.chunks(100).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let mut manifest_image = image.clone();
        manifest_image.id = digest(b"a manifest");
        let mut noted = capture_id(Box::pin(stream::iter(pieces)), &manifest_image, Arc::clone(&id));
        let mut n = 0;
        while let Some(piece) = noted.next().await {
            n += piece.unwrap().len();
        }
        assert_eq!((n, id.get()), (whole.len(), Some(&image.id)));

        let mut other = image;
        other.id = digest(b"other");
        assert!(filtered(whole, &other, 1, 512).await.is_err());
    }

    #[test]
    fn layers_are_shared_from_the_lowest_on() {
        let image = image(b"", &[b"a", b"b", b"c"]);
        let chain = chain_ids(&image.layers);
        assert_eq!(chain[0], image.layers[0]);
        assert_eq!(n_shared_layers(&image, &chain.iter().map(String::as_str).take(2).collect()), 2);
        assert_eq!(n_shared_layers(&image, &chain.iter().map(String::as_str).skip(1).collect()), 0);
    }
}
