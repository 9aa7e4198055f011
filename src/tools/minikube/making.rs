//! [`Making`]: the mark of a cluster that is being made and has not been up yet.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::{Failure, FailureKind};

/// The file's name in the state folder.
const NAME: &str = "cluster-making";

/// Says, over our own end, that the cluster of a profile was begun by us and has never been up: nothing can be in it, so that it may be
/// deleted without asking. One line of text, the profile's name; durable before anything is made, gone once the cluster has answered.
#[derive(Debug)]
pub struct Making {
    file: PathBuf,
    kubeconfig: PathBuf,
    profile: String,
}

impl Making {
    /// That of `profile`, kept in `state_dir`.
    pub fn new(state_dir: &Path, profile: &str) -> Self {
        Self { file: state_dir.join(NAME), kubeconfig: state_dir.join("kubeconfig"), profile: profile.to_owned() }
    }

    /// Whether a start of ours began to make it and nobody saw it up since.
    pub fn was_begun(&self) -> Result<bool, Failure> {
        match fs_err::read_to_string(&self.file) {
            Ok(text) => Ok(text.strip_suffix('\n') == Some(self.profile.as_str())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failure("can't read the mark of a cluster that is being made", &error)),
        }
    }

    /// Notes that it is about to be made: there is none now. A kubeconfig of ours can only speak of an earlier one, and goes.
    pub fn begin(&self) -> Result<(), Failure> {
        let write = || -> std::io::Result<()> {
            remove(&self.kubeconfig)?;
            let mut file = fs_err::File::create(&self.file)?;
            file.write_all(format!("{}\n", self.profile).as_bytes())?;
            file.sync_all()?;
            fs_err::File::open(self.file.parent().unwrap_or(Path::new("/")))?.sync_all()
        };
        write().map_err(|error| failure("can't note that a cluster is being made", &error))
    }

    /// It is up.
    pub fn done(&self) -> Result<(), Failure> {
        remove(&self.file).map_err(|error| failure("can't note that the cluster is up", &error))
    }
}

fn failure(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::State, what).source(error)
}

fn remove(file: &Path) -> std::io::Result<()> {
    match fs_err::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_speaks_of_one_profile_until_its_cluster_is_up() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("kubeconfig"), "of an earlier cluster").unwrap();
        let (ours, other) = (Making::new(folder.path(), "ours"), Making::new(folder.path(), "our"));
        ours.done().unwrap();
        assert!(!ours.was_begun().unwrap());
        ours.begin().unwrap();
        assert!(ours.was_begun().unwrap() && !other.was_begun().unwrap());
        assert!(!folder.path().join("kubeconfig").exists());
        ours.done().unwrap();
        assert!(!ours.was_begun().unwrap());
        // A mark that a crash of the machine cut short proves nothing.
        fs_err::write(folder.path().join(NAME), "ours").unwrap();
        assert!(!ours.was_begun().unwrap());
    }
}
