//! [`DiskSpace`]: how much room a file system has.

use std::path::Path;

use super::blocking::blocking;
use crate::error::{Context, Failure};

/// The room that is left where a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// In bytes, for users other than root.
    pub available: u64,
    /// How many more files can be made; `None` for a file system without a limit.
    pub files: Option<u64>,
}

impl DiskSpace {
    /// Returns the room where `path` is, or where its nearest folder that is there is.
    pub async fn at(path: &Path) -> Result<Self, Failure> {
        let folder = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/")).to_owned();
        blocking(move || {
            let found = rustix::fs::statvfs(&folder)
                .map_err(std::io::Error::from)
                .context(|| format!("asking how much room `{}` has", folder.display()))?;
            Ok(Self {
                available: found.f_bavail.saturating_mul(found.f_frsize),
                files: (found.f_files > 0).then_some(found.f_favail),
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_that_is_not_there_yet_has_the_room_of_the_one_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let space = DiskSpace::at(&dir.path().join("a/b/c")).await.unwrap();
        assert!(space.available > 0, "{space:?}");
    }
}
