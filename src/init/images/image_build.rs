//! [`ImageBuild`]: an image that is built.

use std::collections::{BTreeMap, BTreeSet};

use crate::init::findings::MadeImage;
use crate::init::repository::{ancestors, folder_of, name_of};

/// An image that is built.
#[derive(Clone, Debug, Default)]
pub(in crate::init) struct ImageBuild {
    /// The id of its step.
    pub(in crate::init) id: String,
    pub(in crate::init) dockerfile: String,
    pub(in crate::init) context: String,
    pub(in crate::init) target: Option<String>,
    pub(in crate::init) args: BTreeMap<String, String>,
    /// Names that files give the image, without a tag, the best first.
    pub(in crate::init) names: Vec<String>,
    /// Words by which it is recognised: services, folders.
    pub(in crate::init) words: BTreeSet<String>,
    /// What is copied and is not there.
    pub(in crate::init) missing: Vec<String>,
    /// What its last stage exposes.
    pub(in crate::init) ports: Vec<u16>,
    /// The command line of its health check.
    pub(in crate::init) health: Option<String>,
    /// The images that it begins with or copies from, as its Dockerfile names them, with the argument that names each.
    pub(in crate::init) bases: Vec<(String, Option<String>)>,
    /// Whether another one begins with it or copies from it: then it is nothing to deploy under another name.
    pub(in crate::init) is_base: bool,
    /// Whether its names are those of a tool that also deploys it.
    pub(in crate::init) has_exact_names: bool,
    /// The names of images that files build from something else.
    pub(in crate::init) others: Vec<String>,
    /// The services of compose files that are built so: the file, and the service.
    pub(in crate::init) services: Vec<(String, String)>,
    /// What makes it, where that is no Dockerfile.
    pub(in crate::init) made: Option<MadeImage>,
}

/// Folders that do not say what is built in them.
pub(super) const PLAIN_FOLDERS: &[&str] = &[
    "package",
    "docker",
    ".docker",
    "build",
    "deploy",
    "deployment",
    "dockerfiles",
    "images",
    "container",
    "containers",
    "src",
    "main",
    "app",
];

/// The word that the place of a Dockerfile gives its image: what is beside `Dockerfile` in its name, its folder, or
/// else the image's own name.
pub(super) fn word_of(path: &str, image: Option<&str>) -> String {
    if let Some(word) = crate::init::detect::suffix(name_of(path))
        .filter(|word| !matches!(word.as_str(), "prod" | "production" | "release"))
    {
        return word;
    }
    let folder = ancestors(folder_of(path)).map(name_of).find(|name| !PLAIN_FOLDERS.contains(name)).unwrap_or_default();
    match (folder, image) {
        ("", Some(image)) => name_of(image).to_owned(),
        ("", None) => "app".to_owned(),
        (folder, _) => folder.to_owned(),
    }
}
