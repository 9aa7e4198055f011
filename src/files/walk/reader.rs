//! [`Reader`]: lists what counts in a folder.

use std::collections::HashSet;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use super::super::filter::{Filter, FilterDecision};
use super::entry::{Entry, EntryKind, relative};
use crate::error::{Context, Failure};
use crate::files::inside::resolve_below;

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
    /// Where it really is, if a link leads to it.
    pub(super) real: Option<PathBuf>,
    /// Whether there is a link above it on the way from the start.
    pub(super) behind: bool,
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
        Self { decision: FilterDecision::Pass, entry: None, folder: Some(Folder::new(path, decision, false)) }
    }
}

impl Folder {
    /// A folder that is not begun.
    pub(super) fn new(path: PathBuf, decision: FilterDecision, behind: bool) -> Arc<Self> {
        Arc::new(Self { path, decision, real: None, behind, state: Mutex::new(State::Waiting) })
    }

    /// One to which the link `path` leads.
    fn linked(path: PathBuf, real: PathBuf, behind: bool) -> Arc<Self> {
        let (decision, real) = (FilterDecision::Pass, Some(real));
        Arc::new(Self { path, decision, real, behind, state: Mutex::new(State::Waiting) })
    }
}

/// Reads folders, one at a time.
#[derive(Debug)]
pub(super) struct Reader {
    filter: Arc<Filter>,
    /// Where in the paths the names relative to the root begin.
    name_at: usize,
    /// The root without links in its path; looked up when there is a link.
    real_root: OnceLock<PathBuf>,
}

impl Reader {
    /// For the folders of `filter`.
    pub(super) fn new(filter: Arc<Filter>) -> Self {
        let name_at = filter.root().join("x").as_os_str().len() - 1;
        Self { filter, name_at, real_root: OnceLock::new() }
    }

    /// Lists `folder`.
    pub(super) fn read(&self, folder: &Folder) -> Listing {
        let mut found = fs_err::read_dir(&folder.path)?
            .map(|one| one.map(|one| (one.path(), one)))
            .collect::<io::Result<Vec<(PathBuf, fs_err::DirEntry)>>>()?;
        // By the whole paths: that is the order of the names, because all begin the same.
        found.sort_unstable_by(|(a, _), (b, _)| a.as_os_str().cmp(b.as_os_str()));
        let behind = folder.behind || folder.real.is_some();
        let listing: Vec<Result<Found, Failure>> = found
            .into_iter()
            .filter_map(|(path, one)| {
                let kind = match one.file_type().context(|| format!("can't read `{}`", path.display())) {
                    Ok(kind) => kind,
                    Err(failure) => return Some(Err(failure)),
                };
                if kind.is_symlink() && self.filter.follows_links() {
                    return self.linked(path, behind).transpose();
                }
                self.found(path, kind.is_dir(), behind, || one.metadata()).transpose()
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
        let itself = if metadata.is_symlink() {
            self.linked(start, false)
        } else {
            // A link may stand for a folder on the way.
            resolve_below(self.real_root(), &start)
                .and_then(|_| self.found(start, metadata.is_dir(), false, || Ok(metadata)))
        };
        itself.transpose().into_iter().collect()
    }

    fn real_root(&self) -> &Path {
        let root = self.filter.root();
        self.real_root.get_or_init(|| fs_err::canonicalize(root).unwrap_or_else(|_| root.to_owned()))
    }

    /// Decides what counts of the symbolic link at `path`: the file that it leads to, or the contents of the folder.
    fn linked(&self, path: PathBuf, behind: bool) -> Result<Option<Found>, Failure> {
        let unreadable = || format!("can't read `{}`", path.display());
        let name = relative(&path, self.name_at);
        let decision = self.filter.decide(name, false)?;
        let is_taken = decision == FilterDecision::Take;
        let below = self.filter.may_match_below(name);
        if !is_taken && !below {
            return Ok(None);
        }
        let Ok(metadata) = fs_err::metadata(&path) else {
            // It leads nowhere, or around in a circle.
            return self.found(path.clone(), false, behind, || fs_err::symlink_metadata(&path));
        };
        let is_folder = metadata.is_dir();
        if !(if is_folder { below } else { is_taken }) {
            return Ok(None);
        }
        let real = resolve_below(self.real_root(), &path)?;
        if !is_folder {
            return self.found(path, false, behind, || Ok(metadata));
        }
        let kind = EntryKind::LinkedFolder(fs_err::read_link(&path).context(unreadable)?);
        let folder = Folder::linked(path.clone(), real, behind);
        // The link itself counts whether the glob matches its name or not: where it leads decides what is read.
        let entry = Entry { name_at: self.name_at, path, kind, metadata };
        Ok(Some(Found { decision: FilterDecision::Take, entry: Some(entry), folder: Some(folder) }))
    }

    /// Whether the contents of `folder`, to which a link leads, are to be listed under the link's name: not those of a
    /// folder that the link is in, and not those that count anyway. `seen` has the folders that were listed before.
    pub(super) fn is_entered(&self, folder: &Folder, seen: &mut HashSet<PathBuf>) -> bool {
        let Some(real) = &folder.real else { return true };
        // The pattern itself names the link.
        if folder.path == self.filter.start() {
            return true;
        }
        let place = folder.path.parent().and_then(|parent| fs_err::canonicalize(parent).ok());
        if place.is_none_or(|place| place.starts_with(real)) {
            return false;
        }
        let start = fs_err::canonicalize(self.filter.start()).ok();
        if start.is_some_and(|start| self.filter.counts_by_its_own_name(&start, real)) {
            return false;
        }
        // A link that is met behind another one: without this, folders that link to each other have endlessly many
        // names.
        seen.insert(real.clone()) || !folder.behind
    }

    /// Decides what counts of the entry at `path`.
    fn found(
        &self,
        path: PathBuf,
        is_folder: bool,
        behind: bool,
        metadata: impl FnOnce() -> io::Result<Metadata>,
    ) -> Result<Option<Found>, Failure> {
        let decision = self.filter.decide(relative(&path, self.name_at), is_folder)?;
        let enter = is_folder && decision != FilterDecision::Prune;
        let folder = enter.then(|| Folder::new(path.clone(), decision, behind));
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
        } else if kind.is_fifo() {
            EntryKind::Pipe
        } else if kind.is_socket() {
            EntryKind::Socket
        } else {
            let name = relative(&path, self.name_at).display();
            return Err(Failure::failed(format!("`{}` is a device", path.display()))
                .cause("a device has no contents that could be compared")
                .hint(if self.filter.follows_links() {
                    format!("leave it out: add `!{name}` to the patterns")
                } else {
                    format!("remove `{name}` or name it in `.dockerignore`")
                }));
        };
        Ok(Entry { name_at: self.name_at, path, kind, metadata })
    }
}
