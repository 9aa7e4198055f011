//! [`Entry`]: one file, folder or symbolic link of a file set.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// One entry of a file set.
#[derive(Debug)]
pub struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// Where in `path` the name begins.
    pub(super) name_at: usize,
    /// What it is.
    pub kind: EntryKind,
    /// Its metadata; of a link in a set that follows links: that of the file behind it.
    pub metadata: Metadata,
}

impl Entry {
    /// Its path relative to the set's root.
    pub fn name(&self) -> &Path {
        relative(&self.path, self.name_at)
    }
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, with its target as it is written. Where links are followed, one that leads nowhere.
    Link(PathBuf),
    /// A symbolic link to a folder, whose contents count as well.
    LinkedFolder(PathBuf),
    /// A named pipe.
    Pipe,
    /// A socket: no build gets it.
    Socket,
}

/// The end of `path` from the byte `from` on.
pub(super) fn relative(path: &Path, from: usize) -> &Path {
    Path::new(OsStr::from_bytes(path.as_os_str().as_bytes().get(from..).unwrap_or_default()))
}
