//! [`Follower`]: what the run that is on has recorded so far. It only reads: the run does not notice.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use fs_err as fs;

use super::project::Project;
use crate::error::Failure;
use crate::journal::{History, Holder, RunRecord, journal_path, run_on, running};
use crate::model::{Outcome, RunId};
use crate::report::plain;

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
        let holder = run_on(state_dir);
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
        run_of(&self.history, self.holder.as_ref())
    }

    /// The same while it is on.
    pub(super) fn run_on(&self) -> Option<&RunId> {
        self.run().filter(|_| self.is_on).map(|(id, _)| id)
    }

    /// Whether the run that is followed is of another profile, or at another cluster, and so does none of these steps:
    /// known once its first step has started.
    pub(super) fn is_of_others(&self) -> bool {
        self.run().is_some_and(|(run, _)| self.history.is_of_another_scope(run))
    }

    /// The command of the run that is followed.
    pub(super) fn command(&self) -> Option<&str> {
        self.holder.as_ref().map(|holder| holder.command.as_str())
    }
}

/// Returns the run of the process that holds the lock, once its first step has started: before that the last one on
/// record is another one, which may have been killed.
pub(super) fn run_of<'a>(history: &'a History, holder: Option<&Holder>) -> Option<(&'a RunId, &'a RunRecord)> {
    history.run_of(holder?)
}

fn stamp(path: &PathBuf) -> Option<Stamp> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.ino(), found.len(), found.modified().ok()))
}

/// Returns what is said where only a run is on that does none of the steps: see [`Follower::is_of_others`].
pub(super) fn not_followed() -> String {
    "the run that is on is of another profile or at another cluster, and is not followed".to_owned()
}

/// Returns that the last run failed before any of its steps began, and why. Of earlier runs nobody knows: their steps
/// may have run again since.
pub(super) fn before_any_step(history: &History) -> Option<String> {
    let (id, record) = history.last_run()?;
    let has_begun = history.all_steps().any(|known| known.started_in.as_ref() == Some(id));
    if has_begun || record.outcome != Some(Outcome::Failed) {
        return None;
    }
    let why = record.error.as_ref().map(|(step, error)| {
        let of = step.as_ref().map(|step| format!("{step}: ")).unwrap_or_default();
        let cause = error.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!(": {of}{}", plain(&format!("{}{cause}", error.message)))
    });
    Some(format!("the last run, {id}, failed before any step began{}", why.unwrap_or_default()))
}
