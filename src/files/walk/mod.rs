//! [`Walk`]: the entries of a file set in order. A big tree is listed by several threads, ahead of the consumer.
//!
//! Folders wait on a stack, the next one to be taken on top. Helper threads list them from there; the consumer lists a
//! folder itself that no helper has begun, so that it never waits for a helper that does not get to run.

mod entry;
mod reader;

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::filter::{Filter, FilterDecision};
use super::mutex::lock;
use crate::error::Failure;
pub use entry::{Entry, EntryKind};
use reader::{Folder, Found, Listing, Reader, State};

/// Limits for the threads and the memory of a walk.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Entries that are listed before there are helpers.
    alone: usize,
    /// The approximate limit for entries that are listed and not yet taken.
    ahead: usize,
}

/// A small tree is done before it gets helpers; the entries ahead take some 10 MB.
const LIMITS: Limits = Limits { alone: 1000, ahead: 32_000 };

/// More helpers than this contend for the same lock.
const MAX_HELPERS: usize = 7;

/// The entries of a [`super::FileSet`].
#[derive(Debug)]
pub struct Walk {
    shared: Arc<Shared>,
    /// The remaining entries of the folders above the next entry, and of its own.
    open: Vec<std::vec::IntoIter<Result<Found, Failure>>>,
    /// The ignored folders above the current entry that have not been returned yet, with their depth.
    held: Vec<(usize, Entry)>,
    ready: VecDeque<Entry>,
    /// The folders that links have led to so far.
    linked: HashSet<PathBuf>,
    n_seen: usize,
    has_helpers: bool,
}

/// State that the consumer and its helpers share.
#[derive(Debug)]
struct Shared {
    reader: Reader,
    limits: Limits,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// Folders that no helper has begun, or that the consumer has listed; the next one on top.
    folders: Vec<Arc<Folder>>,
    /// How many entries helpers have listed that the walk has not taken.
    n_ahead: usize,
    closed: bool,
}

impl Queue {
    /// Takes a folder that is not begun, and marks it as begun; none while `ahead` entries wait to be taken.
    fn next(&mut self, ahead: usize) -> Option<Arc<Folder>> {
        while self.n_ahead < ahead {
            let folder = self.folders.pop()?;
            let mut state = lock(&folder.state);
            if matches!(*state, State::Waiting) {
                *state = State::Begun;
                drop(state);
                return Some(folder);
            }
        }
        None
    }
}

impl Walk {
    /// The entries that `filter` takes, from where it starts.
    pub(super) fn new(filter: Arc<Filter>) -> Self {
        Self::within(filter, LIMITS)
    }

    fn within(filter: Arc<Filter>, limits: Limits) -> Self {
        let start: PathBuf = filter.start();
        let reader = Reader::new(filter);
        let shared = Shared { reader, limits, queue: Mutex::default(), changed: Condvar::new() };
        let mut walk = Self {
            shared: Arc::new(shared),
            open: Vec::new(),
            held: Vec::new(),
            ready: VecDeque::new(),
            linked: HashSet::new(),
            n_seen: 0,
            has_helpers: false,
        };
        walk.open.push(walk.shared.reader.first(start).into_iter());
        walk
    }

    /// Processes `found`; returns the entry that is next because of it, if there is one.
    fn step(&mut self, found: Found) -> Result<Option<Entry>, Failure> {
        let depth = self.open.len();
        self.held.retain(|(above, _)| *above < depth);
        let mut next = None;
        match found.entry {
            Some(entry) if found.decision != FilterDecision::Take => self.held.push((depth, entry)),
            Some(entry) if self.held.is_empty() => next = Some(entry),
            Some(entry) => {
                self.ready.extend(self.held.drain(..).map(|(_, folder)| folder));
                self.ready.push_back(entry);
            }
            None => {}
        }
        // Whether a link is followed depends on those before it, so it is decided in their order.
        if let Some(folder) = found.folder
            && self.shared.reader.is_entered(&folder, &mut self.linked)
        {
            match self.listing(&folder) {
                Ok(listing) => self.open.push(listing.into_iter()),
                // A folder that cannot be read is an error, unless nothing in it is wanted anyway.
                Err(_) if folder.decision == FilterDecision::Hold => {}
                Err(error) => {
                    let message = format!("can't read `{}`", folder.path.display());
                    return Err(Failure::failed(message).cause(error.to_string()));
                }
            }
        }
        Ok(next)
    }

    /// Returns the contents of `folder`, as a helper has listed them, or listed now.
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

    /// Starts helpers. Where the system refuses threads, the walk only takes longer.
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
    /// Runs in a helper: lists folders until the walk is over.
    fn help(&self) {
        let mut queue = lock(&self.queue);
        while !queue.closed {
            queue = match queue.next(self.limits.ahead) {
                Some(folder) => {
                    drop(queue);
                    self.list_ahead(&folder)
                }
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Lists other folders while a helper lists the one that the consumer needs.
    fn help_until_listed(&self, wanted: &Folder) {
        let mut queue = lock(&self.queue);
        // A helper notifies under the queue's lock, so that no notification is lost between the check and the wait.
        while matches!(*lock(&wanted.state), State::Begun) {
            queue = match queue.next(self.limits.ahead) {
                Some(folder) => {
                    drop(queue);
                    self.list_ahead(&folder)
                }
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Lists a folder that [`Queue::next`] returned, for the consumer to take.
    fn list_ahead(&self, folder: &Folder) -> MutexGuard<'_, Queue> {
        let listing = self.list(folder);
        let mut queue = lock(&self.queue);
        queue.n_ahead += listing.as_ref().map_or(0, Vec::len);
        *lock(&folder.state) = State::Listed(listing);
        self.changed.notify_all();
        queue
    }

    /// Reads a folder, and pushes the folders in it on the stack.
    fn list(&self, folder: &Folder) -> Listing {
        let listing = self.reader.read(folder)?;
        let folders = listing.iter().rev().filter_map(|found| found.as_ref().ok()?.folder.clone());
        let folders = folders.filter(|folder| folder.real.is_none());
        let mut queue = lock(&self.queue);
        queue.folders.extend(folders);
        self.changed.notify_all();
        Ok(listing)
    }
}

#[cfg(test)]
mod tests;
