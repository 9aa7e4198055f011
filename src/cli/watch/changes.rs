//! [`Changes`]: waits for a change of an input.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use fs_err as fs;
use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;

use super::folders::{Events, Folders, Unwatched};
use crate::error::Failure;
use crate::exec::StopSignal;
use crate::files::Seen;

/// A change is over when nothing more has happened for so long: an editor writes a file in several steps.
const QUIET: Duration = Duration::from_millis(40);

/// The longest that a change which goes on is waited for, as of a checkout of another branch.
const LONGEST: Duration = Duration::from_secs(2);

/// How often inputs are compared where folders can't be watched, and how many times as long as that takes it waits.
const POLL: Duration = Duration::from_secs(2);
const REST: u32 = 20;

/// How far a change time may be before that of a clock which was read later: it is that of the last tick.
const TICK: i64 = 1;

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The files, in order of their paths.
    pub(super) files: Vec<PathBuf>,
    /// When the first of them was changed.
    pub(super) at: SystemTime,
}

/// How it ended to wait.
pub(super) enum Waited {
    Changed(Change),
    Stopped(StopSignal),
}

/// Where changes are seen.
pub(super) enum Changes {
    /// The system tells.
    Told(Folders),
    /// They are looked for.
    LookedFor {
        /// The time of the last look, in seconds since 1970.
        since: i64,
        /// How long the next one is waited for.
        rest: Duration,
    },
}

impl Changes {
    /// Begins to watch; `looking`: without the system. Returns why the system can't tell, where it can't.
    pub(super) fn new(looking: bool) -> (Self, Option<Unwatched>) {
        let looked_for = Self::LookedFor { since: Timestamp::now().as_second(), rest: POLL };
        if looking {
            return (looked_for, None);
        }
        match Folders::new() {
            Ok(folders) => (Self::Told(folders), None),
            Err(why) => (looked_for, Some(why)),
        }
    }

    /// Returns how many folders are watched, where the system tells.
    pub(super) fn n_folders(&self) -> Option<usize> {
        match self {
            Self::Told(folders) => Some(folders.len()),
            Self::LookedFor { .. } => None,
        }
    }

    /// Watches the inputs that were seen in a run which began at `began`. Returns what has changed meanwhile, and why
    /// changes are looked for from now on, if that is so.
    pub(super) fn follow(
        &mut self,
        seen: &Seen,
        root: &Path,
        began: Timestamp,
    ) -> (BTreeSet<PathBuf>, Option<Unwatched>) {
        let since = began.as_second() - TICK;
        let Self::Told(folders) = self else {
            *self = Self::LookedFor { since, rest: Duration::ZERO };
            return (BTreeSet::new(), None);
        };
        let mut paths = BTreeSet::new();
        let followed = folders.add(seen.folders(root)).and_then(|is_new| Ok((is_new, folders.take(seen)?)));
        match followed {
            Ok((is_new, events)) => {
                paths.extend(events.files);
                if is_new || events.lost {
                    // Nobody has watched them during the run.
                    paths.extend(seen.recent(since));
                }
                (paths, None)
            }
            Err(why) => {
                *self = Self::LookedFor { since, rest: Duration::ZERO };
                (paths, Some(why))
            }
        }
    }

    /// Waits until an input is not as it was seen, beginning with `paths`, or a signal comes.
    pub(super) async fn next(
        &mut self,
        seen: &Seen,
        mut paths: BTreeSet<PathBuf>,
        signals: &mut UnboundedReceiver<StopSignal>,
    ) -> Result<Waited, Failure> {
        loop {
            if !paths.is_empty() {
                paths.extend(self.settle(seen).await);
                if let Some(change) = change(seen, std::mem::take(&mut paths)) {
                    return Ok(Waited::Changed(change));
                }
            }
            tokio::select! {
                happened = self.happened(seen) => paths = happened?,
                Some(signal) = signals.recv() => return Ok(Waited::Stopped(signal)),
            }
        }
    }

    /// Waits until something has happened. Returns where.
    async fn happened(&mut self, seen: &Seen) -> Result<BTreeSet<PathBuf>, Failure> {
        match self {
            Self::Told(folders) => {
                let waited = folders.wait().await;
                waited.map_err(|error| Failure::bug("can't wait for a change of a file").source(&error))?;
                Ok(self.take(seen))
            }
            Self::LookedFor { since, rest } => {
                tokio::time::sleep(*rest).await;
                let (began, now) = (Instant::now(), Timestamp::now().as_second());
                let found = seen.recent(*since).into_iter().collect();
                *since = now - TICK;
                *rest = POLL.max(began.elapsed() * REST);
                Ok(found)
            }
        }
    }

    /// Waits until what happens has ended. Returns where more has happened.
    async fn settle(&mut self, seen: &Seen) -> BTreeSet<PathBuf> {
        let began = Instant::now();
        let mut paths = BTreeSet::new();
        while let Self::Told(folders) = self
            && began.elapsed() < LONGEST
        {
            tokio::select! {
                Ok(()) = folders.wait() => paths.extend(self.take(seen)),
                () = tokio::time::sleep(QUIET) => break,
            }
        }
        paths
    }

    /// Takes what has happened; all that is recent, where the system has lost some of it.
    fn take(&mut self, seen: &Seen) -> BTreeSet<PathBuf> {
        let Self::Told(folders) = self else { return BTreeSet::new() };
        let events = folders.take(seen).unwrap_or_else(|_| Events { lost: true, ..Events::default() });
        let mut files = events.files;
        if events.lost {
            files.extend(seen.recent(0));
        }
        files
    }
}

/// Returns the change, if any of `paths` is an input that is not as it was seen.
fn change(seen: &Seen, paths: BTreeSet<PathBuf>) -> Option<Change> {
    let files: Vec<PathBuf> = paths.into_iter().filter(|path| seen.has_changed(path)).collect();
    let now = SystemTime::now();
    let changed = |path: &PathBuf| {
        let found = fs::symlink_metadata(path).ok()?;
        let seconds = u64::try_from(found.ctime()).ok()?;
        let nanos = u32::try_from(found.ctime_nsec()).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos)).filter(|time| *time < now)
    };
    let at = files.iter().map(|path| changed(path).unwrap_or(now)).min()?;
    Some(Change { files, at })
}
