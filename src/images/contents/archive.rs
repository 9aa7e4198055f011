//! The archive of an image as a daemon exports it: an older one with a folder for each layer, a newer one as an OCI
//! layout, whose layers may be compressed.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;
use tar::{Archive, EntryType};

use super::layer::Layer;
use crate::error::Failure;
use crate::leaks::{DeclaredSecrets, Scanner};

/// Documents of the archive up to this size are kept: its own description, and configurations.
const MAX_KEPT: u64 = 4 << 20;

/// So much of an entry shows what it is: the block at the beginning of an archive.
const HEAD: usize = 512;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// One entry of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    config: String,
    layers: Vec<String>,
}

/// What an entry of the archive turned out to be.
enum Part {
    Document(Vec<u8>),
    Layer(Arc<Layer>),
    /// It has the content of another entry.
    Link(String),
    /// It could be a layer and can't be read.
    Unreadable(&'static str),
}

/// Reads the archive of one image. Returns its layers, the lowest first, and its configuration.
pub(super) fn read_archive(
    archive: impl Read,
    secrets: Option<&Arc<DeclaredSecrets>>,
) -> Result<(Vec<Arc<Layer>>, Value), Failure> {
    let mut scanner = secrets.map(|secrets| Scanner::new(Arc::clone(secrets)));
    let unreadable = |error: io::Error| Failure::failed("reading the archive of an image").source(&error);
    let parts = read_parts(archive, scanner.as_mut()).map_err(unreadable)?;
    let unknown = |why: String| Failure::failed("the archive of the image is of an unknown form").cause(why);
    let document = |name: &str| match parts.get(name) {
        Some(Part::Document(text)) => Ok(text.as_slice()),
        _ => Err(unknown(format!("it has no `{name}`"))),
    };
    let images: Vec<Described> =
        serde_json::from_slice(document("manifest.json")?).map_err(|error| unknown(error.to_string()))?;
    let [image] = images.as_slice() else {
        return Err(unknown(format!("it has {} images", images.len())));
    };
    let config = serde_json::from_slice(document(&image.config)?).map_err(|error| unknown(error.to_string()))?;
    let layers = image.layers.iter().map(|name| {
        let mut part = parts.get(name);
        while let Some(Part::Link(target)) = part {
            part = parts.get(target);
        }
        match part {
            Some(Part::Layer(layer)) => Ok(Arc::clone(layer)),
            Some(Part::Unreadable(why)) => Err(Failure::failed(format!("the layer `{name}` can't be read")).cause(why)),
            _ => Err(unknown(format!("it lacks the layer `{name}`"))),
        }
    });
    Ok((layers.collect::<Result<_, _>>()?, config))
}

fn read_parts(archive: impl Read, mut scanner: Option<&mut Scanner>) -> io::Result<BTreeMap<String, Part>> {
    let mut parts = BTreeMap::new();
    let mut archive = Archive::new(archive);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.display().to_string();
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            let target = entry.link_name()?.map(|target| target.display().to_string()).unwrap_or_default();
            parts.insert(name, Part::Link(target.trim_start_matches("../").to_owned()));
            continue;
        }
        if !kind.is_file() {
            continue;
        }
        let size = entry.size();
        let mut head = Vec::with_capacity(HEAD);
        entry.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        let part = if head.starts_with(GZIP) {
            let unpacked = MultiGzDecoder::new(head.as_slice().chain(&mut entry));
            Part::Layer(Layer::read(unpacked, scanner.as_deref_mut())?.into())
        } else if head.starts_with(ZSTD) {
            Part::Unreadable("it is compressed by zstd, which is not supported; build it with gzip")
        } else if is_archive(&head) {
            Part::Layer(Layer::read(head.as_slice().chain(&mut entry), scanner.as_deref_mut())?.into())
        } else if size <= MAX_KEPT {
            entry.read_to_end(&mut head)?;
            Part::Document(head)
        } else {
            Part::Unreadable("it is no archive")
        };
        parts.insert(name, part);
    }
    Ok(parts)
}

/// Whether an archive begins with `head`. One without entries is nothing but zeros.
fn is_archive(head: &[u8]) -> bool {
    head.len() == HEAD && (head[257..].starts_with(b"ustar") || head.iter().all(|byte| *byte == 0))
}
