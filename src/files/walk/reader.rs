//! [`Reader`]: lists what counts in a folder.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::super::filter::{Filter, FilterDecision};
use super::entry::{Entry, EntryKind, relative};
use crate::error::{Context, Failure};

/// The contents of a folder, in order of the names.
pub(super) type Listing = io::Result<Vec<Result<Found, Failure>>>;

/// Something in a folder.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) decision: FilterDecision,
    /// `None` if it is no part of the set.
    pub(super) entry: Option<Entry>,
    /// Set if its contents matter.
    pub(super) folder: Option<Arc<Folder>>,
}

/// A folder to list.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) decision: FilterDecision,
    pub(super) state: Mutex<State>,
}

/// Progress of listing a folder.
#[derive(Debug)]
pub(super) enum State {
    Waiting,
    Begun,
    Listed(Listing),
}

impl Found {
    /// A folder that is not an entry itself.
    fn folder(path: PathBuf, decision: FilterDecision) -> Self {
        Self { decision: FilterDecision::Pass, entry: None, folder: Some(Folder::new(path, decision)) }
    }
}

impl Folder {
    /// A folder that is not begun.
    pub(super) fn new(path: PathBuf, decision: FilterDecision) -> Arc<Self> {
        Arc::new(Self { path, decision, state: Mutex::new(State::Waiting) })
    }
}

/// Reads folders, one at a time.
#[derive(Debug)]
pub(super) struct Reader {
    filter: Arc<Filter>,
    /// Where in the paths the names relative to the root begin.
    name_at: usize,
}

impl Reader {
    /// For the folders of `filter`.
    pub(super) fn new(filter: Arc<Filter>) -> Self {
        let name_at = filter.root().join("x").as_os_str().len() - 1;
        Self { filter, name_at }
    }

    /// Lists `folder`.
    pub(super) fn read(&self, folder: &Folder) -> Listing {
        let mut found = fs_err::read_dir(&folder.path)?
            .map(|one| one.map(|one| (one.path(), one)))
            .collect::<io::Result<Vec<(PathBuf, fs_err::DirEntry)>>>()?;
        // By the whole paths: that is the order of the names, because all begin the same.
        found.sort_unstable_by(|(a, _), (b, _)| a.as_os_str().cmp(b.as_os_str()));
        let listing: Vec<Result<Found, Failure>> = found
            .into_iter()
            .filter_map(|(path, one)| {
                let is_folder = match one.file_type().context(|| format!("can't read `{}`", path.display())) {
                    Ok(kind) => kind.is_dir(),
                    Err(failure) => return Some(Err(failure)),
                };
                self.found(path, is_folder, || one.metadata()).transpose()
            })
            .collect();
        Ok(listing)
    }

    /// Returns what the walk begins with: the entry at `start`. A glob may name a path that does not exist.
    pub(super) fn first(&self, start: PathBuf) -> Vec<Result<Found, Failure>> {
        if start.as_os_str().len() <= self.name_at {
            return vec![Ok(Found::folder(start, FilterDecision::Take))];
        }
        let Ok(metadata) = fs_err::symlink_metadata(&start) else { return Vec::new() };
        // A link to a folder counts by itself, and, because the pattern names it, with the contents of its target.
        let behind =
            (metadata.is_symlink() && start.is_dir()).then(|| Found::folder(start.clone(), FilterDecision::Pass));
        let is_folder = metadata.is_dir();
        let itself = self.found(start, is_folder, || Ok(metadata)).transpose();
        itself.into_iter().chain(behind.map(Ok)).collect()
    }

    /// Decides what counts of the entry at `path`.
    fn found(
        &self,
        path: PathBuf,
        is_folder: bool,
        metadata: impl FnOnce() -> io::Result<Metadata>,
    ) -> Result<Option<Found>, Failure> {
        let decision = self.filter.decide(relative(&path, self.name_at), is_folder)?;
        let enter = is_folder && decision != FilterDecision::Prune;
        let folder = enter.then(|| Folder::new(path.clone(), decision));
        let entry = match decision {
            FilterDecision::Take => Some(self.entry(path, metadata)?),
            FilterDecision::Hold if is_folder => Some(self.entry(path, metadata)?),
            FilterDecision::Pass | FilterDecision::Hold | FilterDecision::Prune => None,
        };
        Ok((entry.is_some() || folder.is_some()).then_some(Found { decision, entry, folder }))
    }

    fn entry(&self, path: PathBuf, metadata: impl FnOnce() -> io::Result<Metadata>) -> Result<Entry, Failure> {
        let unreadable = || format!("can't read `{}`", path.display());
        let metadata = metadata().context(unreadable)?;
        let kind = metadata.file_type();
        let kind = if kind.is_symlink() {
            EntryKind::Link(fs_err::read_link(&path).context(unreadable)?)
        } else if kind.is_dir() {
            EntryKind::Folder
        } else if kind.is_file() {
            EntryKind::File
        } else {
            let what = if kind.is_fifo() {
                "a named pipe"
            } else if kind.is_socket() {
                "a socket"
            } else {
                "a device"
            };
            return Err(Failure::failed(format!("`{}` is {what}", path.display()))
                .cause("only files, folders and symbolic links can be inputs")
                .hint(format!("remove `{}` or name it in `.dockerignore`", relative(&path, self.name_at).display())));
        };
        Ok(Entry { name_at: self.name_at, path, kind, metadata })
    }
}
