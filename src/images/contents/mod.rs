//! What is in an image: the files of each layer as the daemon exports it, and the secrets in them.
//!
//! The archive is read as a stream: of a file no more than a piece is in memory, of a layer only the names. What a
//! later layer removes is still in the image, so every file of every layer is searched.

mod archive;
mod layer;
mod pieces;
mod tree;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt;
use serde_json::Value;

use self::archive::read_archive;
use self::layer::{Layer, USERS};
use self::pieces::PieceReader;
use crate::error::Failure;
use crate::leaks::{DeclaredSecrets, Leak, Scanner};
use crate::tools::docker::{Docker, Image};
use crate::tools::waiting;

pub use tree::FileTree;

/// The contents of an image.
#[derive(Debug)]
pub struct ImageContents {
    /// The layers, the lowest first.
    layers: Vec<Arc<Layer>>,
    files: FileTree,
    /// The image's configuration, with its history.
    config: Value,
    secrets: Option<Arc<DeclaredSecrets>>,
}

/// A secret in a file of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerLeak {
    /// The layer, counted from 0 for the lowest.
    pub layer: usize,
    /// The file.
    pub path: String,
    /// What it is, and in which line; line 0 stands for a file that is no text.
    pub leak: Leak,
    /// Whether a later layer has removed or replaced the file.
    pub hidden: bool,
}

impl ImageContents {
    /// Exports `image`, which `name` refers to, and reads it; with `secrets` every file is searched for them, and for
    /// keys of well-known forms. `on_read` gets the number of bytes that have come.
    pub async fn read(
        docker: &Docker,
        name: &str,
        image: &Image,
        secrets: Option<Arc<DeclaredSecrets>>,
        on_read: &(dyn Fn(u64) + Sync),
    ) -> Result<Self, Failure> {
        let (sender, reader) = PieceReader::new();
        let searched = secrets.clone();
        let reading = waiting(move || read_archive(reader, searched.as_ref()));
        let mut archive = docker.export(name);
        let sending = async move {
            let mut n_read = 0;
            while let Some(piece) = archive.next().await {
                let piece = piece?;
                n_read += piece.len() as u64;
                on_read(n_read);
                if sender.send(piece).await.is_err() {
                    // The reader has failed, and says why.
                    break;
                }
            }
            Ok::<(), Failure>(())
        };
        let (sent, found) = tokio::join!(sending, reading);
        // An export that broke off is the cause of what the reader says.
        sent?;
        let (layers, config) = found?;
        let diff_ids: Option<Vec<&str>> = config["rootfs"]["diff_ids"]
            .as_array()
            .map(|ids| ids.iter().map(|id| id.as_str().unwrap_or_default()).collect());
        if diff_ids.is_none_or(|ids| ids.iter().ne(image.layers.iter())) || layers.len() != image.layers.len() {
            return Err(Failure::failed(format!("reading the image `{name}`"))
                .cause("what the daemon exported is not the image that it has under this name now")
                .hint("run the same command again"));
        }
        Ok(Self::of(layers, config, secrets))
    }

    fn of(layers: Vec<Arc<Layer>>, config: Value, secrets: Option<Arc<DeclaredSecrets>>) -> Self {
        let files = FileTree::of(layers.iter().map(|layer| layer.entries.as_slice()));
        Self { layers, files, config, secrets }
    }

    /// The files that a container of the image sees.
    pub fn files(&self) -> &FileTree {
        &self.files
    }

    /// The number of layers.
    pub fn n_layers(&self) -> usize {
        self.layers.len()
    }

    /// The number of files that were searched, in all layers.
    pub fn n_searched(&self) -> usize {
        self.layers.iter().map(|layer| layer.n_searched).sum()
    }

    /// Returns the id of the user `name`, as the image's own list of users has it.
    pub fn uid_of(&self, name: &str) -> Option<u32> {
        let text = self.layers.get(self.files.layer_of(USERS)?)?.users.as_ref()?;
        let mut users = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
        users.find(|fields| fields.first() == Some(&name))?.get(2)?.parse().ok()
    }

    /// The secrets in the layers, the lowest layer first.
    pub fn leaks(&self) -> Vec<LayerLeak> {
        let mut all = Vec::new();
        for (number, layer) in self.layers.iter().enumerate() {
            for (path, leak) in &layer.leaks {
                let hidden = self.files.layer_of(path) != Some(number);
                all.push(LayerLeak { layer: number, path: path.clone(), leak: leak.clone(), hidden });
            }
        }
        all
    }

    /// The secrets in the configuration and in the history: where, as `config.Env[2]`, and what.
    pub fn config_leaks(&self) -> BTreeSet<(String, String)> {
        let mut all = BTreeSet::new();
        let Some(secrets) = &self.secrets else { return all };
        let mut scanner = Scanner::new(Arc::clone(secrets));
        let mut open = vec![(String::new(), &self.config)];
        while let Some((place, value)) = open.pop() {
            let mut search = |text: &str| {
                all.extend(scanner.text(text.as_bytes()).into_iter().map(|leak| (place.clone(), leak.what)));
            };
            match value {
                Value::String(text) => search(text),
                Value::Array(items) => {
                    // A command that is cut into words is one line to the reader.
                    let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                    search(&words.join(" "));
                    open.extend(items.iter().enumerate().map(|(n, item)| (format!("{place}[{n}]"), item)));
                }
                Value::Object(fields) => {
                    for (name, field) in fields {
                        let dot = if place.is_empty() { "" } else { "." };
                        search(name);
                        open.push((format!("{place}{dot}{name}"), field));
                    }
                }
                _ => {}
            }
        }
        without_parents(&all)
    }

    /// Returns the instruction that made the layer `number`, in one line; `None` where the history does not have it.
    pub fn instruction(&self, number: usize) -> Option<String> {
        let history = self.config["history"].as_array()?;
        let made = history.iter().filter(|step| step["empty_layer"] != true).nth(number)?;
        let text = made["created_by"].as_str()?.replace("/bin/sh -c #(nop) ", "").replace("/bin/sh -c ", "RUN ");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let has_leak =
            |secrets: &Arc<DeclaredSecrets>| !Scanner::new(Arc::clone(secrets)).text(text.as_bytes()).is_empty();
        let text = if self.secrets.as_ref().is_some_and(has_leak) { return None } else { text };
        Some(text.chars().take(80).collect())
    }
}

/// Leaves out a list where one of its items has the same finding.
fn without_parents(all: &BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
    let has_child = |(place, what): &&(String, String)| {
        all.iter().any(|(other, of)| of == what && other.starts_with(&format!("{place}[")))
    };
    all.iter().filter(|finding| !has_child(finding)).cloned().collect()
}

#[cfg(test)]
mod tests;
