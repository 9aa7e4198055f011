//! [`Follower`]: what the run that is on has recorded so far. It only reads: the run does not notice.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use fs_err as fs;

use super::project::Project;
use crate::error::Failure;
use crate::journal::{History, Holder, RunRecord, journal_path, running};
use crate::model::RunId;

/// Interval in which it is looked for news.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Follows the run that was on when it was made.
pub(super) struct Follower<'a> {
    project: &'a Project,
    /// The process of the run; `None` if no run was on.
    holder: Option<Holder>,
    is_on: bool,
    journal: PathBuf,
    /// Of the file that `history` was read from.
    stamp: Option<Stamp>,
    history: History,
}

/// Differs when a file has changed: its inode, its size, and its time.
type Stamp = (u64, u64, Option<SystemTime>);

impl<'a> Follower<'a> {
    /// Reads what is on record.
    pub(super) fn new(project: &'a Project) -> Result<Self, Failure> {
        let state_dir = project.tools.state_dir();
        // Before reading, so that what the run has recorded at its end is read as well.
        let holder = running(state_dir);
        let journal = journal_path(state_dir);
        let stamp = stamp(&journal);
        Ok(Self { project, is_on: holder.is_some(), holder, journal, stamp, history: project.history()? })
    }

    /// Looks whether the run is still on, and reads what it has recorded meanwhile. Returns whether that is anything.
    pub(super) fn look(&mut self) -> Result<bool, Failure> {
        // Another process may be on meanwhile.
        self.is_on = self.is_on && running(self.project.tools.state_dir()) == self.holder;
        let stamp = stamp(&self.journal);
        let has_changed = stamp != self.stamp;
        if has_changed {
            self.history = self.project.history()?;
            self.stamp = stamp;
        }
        Ok(has_changed)
    }

    /// Whether the run was on at the last look.
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// What is on record.
    pub(super) fn history(&self) -> &History {
        &self.history
    }

    /// The run that is followed, once its first step has started: before that nothing is on record.
    pub(super) fn run(&self) -> Option<(&RunId, &RunRecord)> {
        let holder = self.holder.as_ref()?;
        self.history.last_run().filter(|(_, run)| run.pid == holder.pid && run.at_ms >= holder.since)
    }

    /// The command of the run that is followed.
    pub(super) fn command(&self) -> Option<&str> {
        self.holder.as_ref().map(|holder| holder.command.as_str())
    }
}

fn stamp(path: &PathBuf) -> Option<Stamp> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.ino(), found.len(), found.modified().ok()))
}
