//! [`OwnKubeconfig`]: the kubeconfig of a cluster that we start, with its seal.
//!
//! Who writes this file decides where secrets are sent, and git replaces ignored files without a word: a repository can
//! put one into a state folder that was made here. So it counts only with a seal that nobody else can make, made after
//! every call of the program that writes it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use fs_err as fs;
use kube::config::Kubeconfig;

use crate::error::{Failure, ids};
use crate::files::{read_own, read_own_text, refuse_link, replace_file};
use crate::tools::machine::folder_identity;

/// What the key is for: no other digest of the folder's identity is this key, and none gives it away.
const PURPOSE: &str = "provision 2026-11-27 seal of the kubeconfig of a cluster that provision starts";

/// The kubeconfig of a cluster that we start. It is ours if its seal fits.
///
/// Sealed is what leads to the cluster: the current context, and of our context all but its namespace. So a step may
/// choose a namespace in it, or add contexts of its own.
#[derive(Clone, Debug)]
pub struct OwnKubeconfig {
    file: PathBuf,
    context: String,
}

impl OwnKubeconfig {
    /// The one at `file`, for the kube context `context`.
    pub fn new(file: &Path, context: &str) -> Self {
        Self { file: file.to_owned(), context: context.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// Fails if there is one that is not ours: no program may get it.
    pub fn check(&self) -> Result<(), Failure> {
        match read_own(&self.file) {
            Ok(bytes) if self.fits(&bytes) => Ok(()),
            Ok(_) => Err(self.foreign()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.unusable().source(&error)),
        }
    }

    /// Returns what it says; `None` if there is none. Fails if it is not ours.
    pub(super) fn read(&self) -> Result<Option<Kubeconfig>, Failure> {
        let text = match read_own_text(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.unusable().source(&error)),
        };
        if !self.fits(text.as_bytes()) {
            return Err(self.foreign());
        }
        Kubeconfig::from_yaml(&text).map(Some).map_err(|error| self.unusable().source(&error))
    }

    /// Seals what stands there. Only for what we have just had written, in the place of one that was ours or of none.
    pub fn seal(&self) -> Result<(), Failure> {
        let seal = || match read_own(&self.file) {
            Ok(bytes) if self.fits(&bytes) => Ok(()),
            Ok(bytes) => replace_file(&self.seal_file(), format!("{}\n", self.seal_of(&bytes)?.to_hex()).as_bytes()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        seal().map_err(|error| {
            Failure::of(ids::STATE_UNUSABLE, format!("can't seal the kubeconfig `{}`", self.file.display()))
                .source(&error)
        })
    }

    /// Keeps one that is not ours under another name. Returns what a person should know; `None` if there is none.
    pub fn set_aside(&self) -> Result<Option<String>, Failure> {
        let is_foreign = |bytes: Vec<u8>| !self.fits(&bytes);
        // Of what is no plain file the program that would write it says more.
        if refuse_link(&self.file).is_err() || !read_own(&self.file).is_ok_and(is_foreign) {
            return Ok(None);
        }
        let mut seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut kept = self.file.with_extension(format!("foreign-{seconds}"));
        while kept.symlink_metadata().is_ok() {
            seconds += 1;
            kept = self.file.with_extension(format!("foreign-{seconds}"));
        }
        fs::rename(&self.file, &kept).map_err(|error| {
            Failure::of(ids::STATE_UNUSABLE, "can't set a kubeconfig that is not ours aside").source(&error)
        })?;
        Ok(Some(format!(
            "the kubeconfig was not made here, or another program has changed it, as if `git pull` had put it here: it \
             is kept as `{}`, and the step that starts the cluster makes it again",
            kept.display()
        )))
    }

    fn fits(&self, bytes: &[u8]) -> bool {
        let noted = read_own_text(&self.seal_file()).ok();
        let noted = noted.and_then(|text| blake3::Hash::from_hex(text.trim_end()).ok());
        noted.is_some() && noted == self.seal_of(bytes).ok()
    }

    fn seal_of(&self, bytes: &[u8]) -> io::Result<blake3::Hash> {
        let folder = self.file.parent().ok_or_else(|| io::Error::other("it is in no folder"))?;
        let identity = folder_identity(&fs::symlink_metadata(folder)?);
        let key = blake3::derive_key(PURPOSE, identity.as_bytes());
        Ok(blake3::keyed_hash(&key, &sealed_part(bytes, &self.context)))
    }

    fn seal_file(&self) -> PathBuf {
        self.file.with_extension("seal")
    }

    fn unusable(&self) -> Failure {
        Failure::of(ids::KUBECONFIG_UNUSABLE, format!("can't use the kubeconfig {}", self.file.display()))
    }

    fn foreign(&self) -> Failure {
        let message = format!("`{}` was not made here, and nobody is connected to where it leads", self.file.display());
        Failure::of(ids::STATE_FOREIGN, message)
            .cause(
                "it has no seal that fits: `git pull` may have put it here, if it was committed; or another program \
                 has changed it, or it is of an earlier version",
            )
            .hint("`provision up` keeps it as `.provision/kubeconfig.foreign-…` and makes it again")
            .hint("if it is committed, remove it from the repository: `git rm --cached -r .provision`")
    }
}

/// What is sealed of a kubeconfig: what leads to the cluster of `context`; all of it, where that is not known.
fn sealed_part(bytes: &[u8], context: &str) -> Vec<u8> {
    leads_to(bytes, context).unwrap_or_else(|| [b"whole\0", bytes].concat())
}

fn leads_to(bytes: &[u8], context: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    // Of several documents, programs read one, and others all.
    if text.lines().skip(1).any(|line| line.starts_with("---")) {
        return None;
    }
    let mut config = Kubeconfig::from_yaml(text).ok()?;
    config.contexts.retain(|named| named.name == context);
    let (clusters, users): (Vec<_>, Vec<_>) = config
        .contexts
        .iter_mut()
        .filter_map(|named| named.context.as_mut())
        .map(|context| {
            context.namespace = None;
            (context.cluster.clone(), context.user.clone())
        })
        .unzip();
    config.clusters.retain(|named| clusters.contains(&named.name));
    config.auth_infos.retain(|named| users.contains(&Some(named.name.clone())));
    if config.contexts.is_empty() {
        return None;
    }
    // Through a value, whose keys are in order.
    let part = serde_json::to_value(&config).ok()?.to_string();
    Some([b"part\0", part.as_bytes()].concat())
}

#[cfg(test)]
mod tests;
