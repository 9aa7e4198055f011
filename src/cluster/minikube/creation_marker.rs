//! [`CreationMarker`]: the note that a cluster is being created here and has not been up yet.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Failure, ids};
use crate::files::{read_own_text, remove_if_there, replace_file};
use crate::tools::kubernetes::OwnKubeconfig;
use crate::tools::{checkout_id, unique_id};

/// The file's name in the state folder.
const NAME: &str = "cluster-making";

/// The intent to create the cluster of a profile, which survives our own crash: one line of text, the profile and the
/// id of the creation. Written before anything is created, removed once the cluster is up.
///
/// The marker proves nothing about the cluster. The node's volume carries the same id as a label, and only that shows
/// that the node which is there now is the one that this creation made.
#[derive(Debug)]
pub(super) struct CreationMarker {
    file: PathBuf,
    kubeconfig: OwnKubeconfig,
    profile: String,
}

impl CreationMarker {
    /// The marker of `profile`, kept in `state_dir`.
    pub(super) fn new(state_dir: &Path, profile: &str) -> Self {
        let kubeconfig = OwnKubeconfig::new(&state_dir.join("kubeconfig"), profile);
        Self { file: state_dir.join(NAME), kubeconfig, profile: profile.to_owned() }
    }

    /// Returns the id of a creation that has begun and not ended.
    pub(super) fn id(&self) -> Result<Option<String>, Failure> {
        let text = match read_own_text(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failure("can't read the marker of a cluster's creation", &error)),
        };
        let marked = text.strip_suffix('\n').and_then(|line| line.split_once(' '));
        let Some(prefix) = self.id_prefix() else { return Ok(None) };
        let is_ours = |(profile, id): &(&str, &str)| *profile == self.profile && id.starts_with(&prefix);
        Ok(marked.filter(is_ours).map(|(_, id)| id.to_owned()))
    }

    /// How the ids of this checkout begin: the marker of a copied checkout speaks of a creation that is not its own.
    pub(super) fn id_prefix(&self) -> Option<String> {
        Some(format!("start-{}", checkout_id(self.file.parent()?)?))
    }

    /// Notes that a creation begins, and returns its id: that of an earlier one which has not ended, or a new one. A
    /// kubeconfig of ours can only be of an earlier cluster, and is removed.
    pub(super) fn begin(&self) -> Result<String, Failure> {
        let id = match self.id()? {
            Some(id) => id,
            None => unique_id(&self.id_prefix().unwrap_or_default()),
        };
        let write = || -> std::io::Result<()> {
            self.kubeconfig.remove()?;
            replace_file(&self.file, format!("{} {id}\n", self.profile).as_bytes())?;
            fs_err::File::open(self.file.parent().unwrap_or(Path::new("/")))?.sync_all()
        };
        write().map_err(|error| failure("can't write the marker of a cluster's creation", &error))?;
        Ok(id)
    }

    /// Removes it, and our kubeconfig: the cluster is gone.
    pub(super) fn forget(&self) -> Result<(), Failure> {
        let removed = self.kubeconfig.remove();
        removed.map_err(|error| failure("can't remove the kubeconfig of the cluster", &error))?;
        self.end()
    }

    /// Removes it: the cluster is up.
    pub(super) fn end(&self) -> Result<(), Failure> {
        let removed = remove_if_there(&self.file);
        removed.map(drop).map_err(|error| failure("can't remove the marker of a cluster's creation", &error))
    }
}

fn failure(what: &str, error: &std::io::Error) -> Failure {
    Failure::of(ids::STATE_UNUSABLE, what).source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_keeps_one_id_until_the_cluster_is_up() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("kubeconfig"), "of an earlier cluster").unwrap();
        let (ours, other) = (CreationMarker::new(folder.path(), "ours"), CreationMarker::new(folder.path(), "our"));
        ours.end().unwrap();
        assert_eq!(ours.id().unwrap(), None);
        let id = ours.begin().unwrap();
        assert_eq!((ours.id().unwrap(), other.id().unwrap()), (Some(id.clone()), None));
        assert!(!folder.path().join("kubeconfig").exists());
        assert_eq!(ours.begin().unwrap(), id);
        ours.end().unwrap();
        assert_eq!(ours.id().unwrap(), None);
        assert_ne!(ours.begin().unwrap(), id);
    }

    #[test]
    fn what_is_not_a_whole_marker_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let marker = CreationMarker::new(folder.path(), "p");
        // Cut short by a crash of the machine; of another cluster; of an earlier version, without an id.
        for text in ["p start-1", "q start-1\n", "p\n", "p \n", ""] {
            fs_err::write(folder.path().join(NAME), text).unwrap();
            assert_eq!(marker.id().unwrap(), None, "{text:?}");
        }
    }
}
