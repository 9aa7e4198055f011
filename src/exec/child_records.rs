//! [`PendingChildren`]: child processes that the journal does not know yet.
//!
//! A record of a child is for the run after a `kill -9`. Most children are gone before that could matter, and two
//! records for each of ten thousand would cost more than they do; those that a kill finds unrecorded are known by their
//! environment, which names their run. Before a run has started its first step the journal does not know the run: then
//! its children are the programs of short checks, which end by themselves.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::journal::{Child, Entry};
use crate::model::StepId;
use crate::tools::process::procfs;

/// The age at which a child is recorded.
const RECORDED_AFTER: Duration = Duration::from_millis(100);

/// The children that are younger than that, the oldest first.
#[derive(Debug, Default)]
pub(super) struct PendingChildren(VecDeque<(Instant, StepId, u32)>);

impl PendingChildren {
    /// The child `pid` of `step` begins.
    pub(super) fn started(&mut self, step: StepId, pid: u32) {
        self.0.push_back((Instant::now() + RECORDED_AFTER, step, pid));
    }

    /// The child `pid` has ended. Returns the entry for that, if the journal knows the child.
    pub(super) fn ended(&mut self, pid: u32) -> Option<Entry> {
        match self.0.iter().position(|(_, _, pending)| *pending == pid) {
            Some(at) => {
                self.0.remove(at);
                None
            }
            None => Some(Entry::ChildEnded(pid)),
        }
    }

    /// Returns when the next child is due; never where there is none.
    pub(super) async fn next_due(&self) {
        match self.0.front() {
            Some((at, ..)) => tokio::time::sleep_until(*at).await,
            None => std::future::pending().await,
        }
    }

    /// Returns the entries of the children that are due.
    pub(super) fn due(&mut self) -> Vec<Entry> {
        let now = Instant::now();
        let mut entries = Vec::new();
        while self.0.front().is_some_and(|(at, ..)| *at <= now) {
            let Some((_, step, pid)) = self.0.pop_front() else { break };
            entries.extend(identify(step, pid).map(Entry::ChildStarted));
        }
        entries
    }
}

/// Returns what names the process `pid` of `step` for good, so that a later process with the same number is not taken
/// for it; `None` where the system does not tell (no `/proc`) or the process is gone already.
pub(super) fn identify(step: StepId, pid: u32) -> Option<Child> {
    let start = procfs::stat(pid).filter(|stat| stat.runs)?.start;
    Some(Child { step, pid, start, boot: procfs::boot_id()?.to_owned() })
}
