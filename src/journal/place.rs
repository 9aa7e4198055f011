//! [`Place`]: which file it is that a path leads to.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use fs_err as fs;

/// A file's device and inode. No other file can get them as long as it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    device: u64,
    inode: u64,
}

impl Place {
    /// The place of an open file.
    pub(super) fn of(file: &fs::File) -> io::Result<Self> {
        file.metadata().map(|metadata| Self::from(&metadata))
    }

    /// The place of what `path` leads to now; a link is not followed.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        fs::symlink_metadata(path).map(|metadata| Self::from(&metadata))
    }

    /// Whether `path` leads to it.
    pub(super) fn is_at(self, path: &Path) -> bool {
        Self::at(path).is_ok_and(|place| place == self)
    }
}

impl From<&std::fs::Metadata> for Place {
    fn from(metadata: &std::fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}
