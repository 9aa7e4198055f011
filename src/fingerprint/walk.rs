//! [`Walk`]: the entries of a file set in order. A big tree is listed by several threads, ahead of whoever takes its entries.
//!
//! Folders wait on a stack, the next one to be taken on top. Helpers list them from there; whoever takes the entries lists
//! a folder itself that no helper has begun, so that it never waits for one that has no time.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::files::FileSet;
use crate::error::{Context, Failure};

/// What a walk may cost beside its own thread.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Entries that are listed before there are helpers.
    alone: usize,
    /// Entries that are listed and not yet taken, at most and about.
    ahead: usize,
}

/// A small tree is done before it has helpers; what is ahead takes some 10 MB.
const LIMITS: Limits = Limits { alone: 1000, ahead: 32_000 };

/// More helpers than these only get into each other's way.
const MAX_HELPERS: usize = 7;

/// One entry of a file set.
#[derive(Debug)]
pub struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// Where in `path` the name begins.
    name_at: usize,
    /// What it is.
    pub kind: EntryKind,
    /// What the file system says about it, links not followed.
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
    /// A symbolic link, with its target as it is written.
    Link(PathBuf),
}

/// What a filter says about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Part of the set.
    Take,
    /// Not part of it, but what is in it may be.
    Pass,
    /// As [`Verdict::Pass`]; a folder becomes part of the set with the first thing in it that is.
    Hold,
    /// Neither it nor anything in it.
    Prune,
}

/// What a folder has in it, in order of the names.
type Listing = io::Result<Vec<Result<Found, Failure>>>;

/// Something in a folder.
#[derive(Debug)]
struct Found {
    verdict: Verdict,
    /// `None` for what is passed over.
    entry: Option<Entry>,
    /// What is in it, where that matters.
    folder: Option<Arc<Folder>>,
}

/// A folder to list.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    verdict: Verdict,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Waiting,
    Begun,
    Listed(Listing),
}

/// The entries of a [`FileSet`].
#[derive(Debug)]
pub struct Walk {
    shared: Arc<Shared>,
    /// The rests of the folders above the next entry, and of its own.
    open: Vec<std::vec::IntoIter<Result<Found, Failure>>>,
    /// The ignored folders above the current entry that have not been given out yet, with their depth.
    held: Vec<(usize, Entry)>,
    ready: VecDeque<Entry>,
    n_seen: usize,
    has_helpers: bool,
}

/// What the walk and its helpers share.
#[derive(Debug)]
struct Shared {
    set: FileSet,
    /// Where in the paths the names relative to the root begin.
    name_at: usize,
    limits: Limits,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// Folders that nobody has begun, or that the walk has; the next one on top.
    folders: Vec<Arc<Folder>>,
    n_ahead: usize,
    closed: bool,
}

impl Queue {
    /// A folder that nobody has begun, which is begun now.
    fn next(&mut self) -> Option<Arc<Folder>> {
        loop {
            let folder = self.folders.pop()?;
            let mut state = lock(&folder.state);
            if matches!(*state, State::Waiting) {
                *state = State::Begun;
                drop(state);
                return Some(folder);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn relative(path: &Path, from: usize) -> &Path {
    Path::new(OsStr::from_bytes(path.as_os_str().as_bytes().get(from..).unwrap_or_default()))
}

impl Walk {
    /// Of `set`, from `start` on, which is its root or below it.
    pub(super) fn new(set: &FileSet, start: PathBuf) -> Self {
        Self::within(set, start, LIMITS)
    }

    fn within(set: &FileSet, start: PathBuf, limits: Limits) -> Self {
        let name_at = set.root().join("x").as_os_str().len() - 1;
        let shared = Shared { set: set.clone(), name_at, limits, queue: Mutex::default(), changed: Condvar::new() };
        let mut walk = Self {
            shared: Arc::new(shared),
            open: Vec::new(),
            held: Vec::new(),
            ready: VecDeque::new(),
            n_seen: 0,
            has_helpers: false,
        };
        walk.open.push(walk.shared.first(start).into_iter());
        walk
    }

    /// Takes `found` in; the entry that is next because of it, if there is one.
    fn step(&mut self, found: Found) -> Result<Option<Entry>, Failure> {
        let depth = self.open.len();
        self.held.retain(|(above, _)| *above < depth);
        let mut next = None;
        match found.entry {
            Some(entry) if found.verdict != Verdict::Take => self.held.push((depth, entry)),
            Some(entry) if self.held.is_empty() => next = Some(entry),
            Some(entry) => {
                self.ready.extend(self.held.drain(..).map(|(_, folder)| folder));
                self.ready.push_back(entry);
            }
            None => {}
        }
        if let Some(folder) = found.folder {
            match self.listing(&folder) {
                Ok(listing) => self.open.push(listing.into_iter()),
                // What can't be read is an error, unless nothing of it is wanted anyway.
                Err(_) if folder.verdict == Verdict::Hold => {}
                Err(error) => {
                    let message = format!("can't read `{}`", folder.path.display());
                    return Err(Failure::failed(message).cause(error.to_string()));
                }
            }
        }
        Ok(next)
    }

    /// What is in `folder`: as a helper has listed it, or listed here and now.
    fn listing(&mut self, folder: &Arc<Folder>) -> Listing {
        let listing = loop {
            let state = std::mem::replace(&mut *lock(&folder.state), State::Begun);
            match state {
                State::Waiting => break self.shared.list(folder),
                State::Listed(listing) => {
                    let mut queue = lock(&self.shared.queue);
                    queue.n_ahead = queue.n_ahead.saturating_sub(listing.as_ref().map_or(0, Vec::len));
                    self.shared.changed.notify_all();
                    break listing;
                }
                State::Begun => self.shared.help_until_listed(folder),
            }
        };
        self.n_seen += listing.as_ref().map_or(0, Vec::len);
        if self.n_seen > self.shared.limits.alone && !self.has_helpers {
            self.has_helpers = true;
            self.call_helpers();
        }
        listing
    }

    /// Without helpers, where the system gives no threads, the walk only takes longer.
    fn call_helpers(&self) {
        let n = std::thread::available_parallelism().map_or(0, |n| n.get() - 1).min(MAX_HELPERS);
        for _ in 0..n {
            let shared = Arc::clone(&self.shared);
            drop(std::thread::Builder::new().name("file-walk".into()).spawn(move || shared.help()));
        }
    }
}

impl Iterator for Walk {
    type Item = Result<Entry, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Some(Ok(entry));
            }
            let Some(found) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            match found.and_then(|found| self.step(found)) {
                Ok(None) => {}
                Ok(Some(entry)) => return Some(Ok(entry)),
                Err(failure) => {
                    self.open.clear();
                    return Some(Err(failure));
                }
            }
        }
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    /// What a helper does: lists folders until the walk is over.
    fn help(&self) {
        let mut queue = lock(&self.queue);
        while !queue.closed {
            let next = if queue.n_ahead < self.limits.ahead { queue.next() } else { None };
            queue = match next {
                Some(folder) => {
                    drop(queue);
                    self.list_ahead(&folder)
                }
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// What the walk does while a helper lists the folder that it needs.
    fn help_until_listed(&self, wanted: &Folder) {
        let mut queue = lock(&self.queue);
        // A helper tells under the queue's lock, so that it can't slip through between the look and the wait.
        while matches!(*lock(&wanted.state), State::Begun) {
            queue = match queue.next() {
                Some(folder) => {
                    drop(queue);
                    self.list_ahead(&folder)
                }
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Lists a folder that [`Queue::next`] gave, for the walk to take.
    fn list_ahead(&self, folder: &Folder) -> MutexGuard<'_, Queue> {
        let listing = self.list(folder);
        let mut queue = lock(&self.queue);
        queue.n_ahead += listing.as_ref().map_or(0, Vec::len);
        *lock(&folder.state) = State::Listed(listing);
        self.changed.notify_all();
        queue
    }

    /// Reads a folder, and puts those in it on the stack.
    fn list(&self, folder: &Folder) -> Listing {
        let mut found = fs_err::read_dir(&folder.path)?
            .map(|one| one.map(|one| (one.path(), one)))
            .collect::<io::Result<Vec<(PathBuf, fs_err::DirEntry)>>>()?;
        // As texts: that is the order of the names, because all begin the same.
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
        let folders = listing.iter().rev().filter_map(|found| found.as_ref().ok()?.folder.clone());
        let mut queue = lock(&self.queue);
        queue.folders.extend(folders);
        self.changed.notify_all();
        Ok(listing)
    }

    /// What the walk begins with: what is at `start`. What is not there has nothing in it where a glob may name it.
    fn first(&self, start: PathBuf) -> Vec<Result<Found, Failure>> {
        if start.as_os_str().len() <= self.name_at {
            let folder = Folder { path: start, verdict: Verdict::Take, state: Mutex::new(State::Waiting) };
            return vec![Ok(Found { verdict: Verdict::Pass, entry: None, folder: Some(Arc::new(folder)) })];
        }
        let Ok(metadata) = fs_err::symlink_metadata(&start) else { return Vec::new() };
        let mut first = Vec::new();
        // A link to a folder counts by itself, and, because the pattern names it, with what is behind it.
        if metadata.is_symlink() && start.is_dir() {
            let folder = Folder { path: start.clone(), verdict: Verdict::Pass, state: Mutex::new(State::Waiting) };
            first.push(Ok(Found { verdict: Verdict::Pass, entry: None, folder: Some(Arc::new(folder)) }));
        }
        let is_folder = metadata.is_dir();
        first.extend(self.found(start, is_folder, || Ok(metadata)).transpose());
        first.reverse();
        first
    }

    /// What counts of the thing at `path`.
    fn found(
        &self,
        path: PathBuf,
        is_folder: bool,
        metadata: impl FnOnce() -> io::Result<Metadata>,
    ) -> Result<Option<Found>, Failure> {
        let verdict = self.set.wants(relative(&path, self.name_at), is_folder)?;
        let enter = is_folder && verdict != Verdict::Prune;
        let folder = || Folder { path: path.clone(), verdict, state: Mutex::new(State::Waiting) };
        let folder = enter.then(|| Arc::new(folder()));
        let entry = match verdict {
            Verdict::Take => Some(self.entry(path, metadata)?),
            Verdict::Hold if is_folder => Some(self.entry(path, metadata)?),
            Verdict::Pass | Verdict::Hold | Verdict::Prune => None,
        };
        Ok((entry.is_some() || folder.is_some()).then_some(Found { verdict, entry, folder }))
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

#[cfg(test)]
mod tests;
