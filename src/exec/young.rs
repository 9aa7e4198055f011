//! [`YoungChildren`]: child processes that the journal has not heard of yet.
//!
//! A record of a child is for the run after a `kill -9`. Most children are gone before that could matter, and two records
//! for each of ten thousand would cost more than they do; the few that a kill finds young are known by their environment, which
//! names their run. Of a run that had started no step yet nobody knows: then they are the short looks of checks, which end
//! by themselves.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::journal::{Entry, child_start};
use crate::model::StepId;

/// The age at which a child is recorded.
const AGE: Duration = Duration::from_millis(100);

/// The children younger than [`AGE`], the oldest first.
#[derive(Debug, Default)]
pub(super) struct YoungChildren(VecDeque<(Instant, StepId, u32)>);

impl YoungChildren {
    /// The child `pid` of `step` begins.
    pub(super) fn started(&mut self, step: StepId, pid: u32) {
        self.0.push_back((Instant::now() + AGE, step, pid));
    }

    /// The child `pid` has ended; the entry for that, if the journal knows it.
    pub(super) fn ended(&mut self, pid: u32) -> Option<Entry> {
        match self.0.iter().position(|(_, _, young)| *young == pid) {
            Some(at) => {
                self.0.remove(at);
                None
            }
            None => Some(Entry::ChildEnded(pid)),
        }
    }

    /// Ends when the next child is old enough; never where there is none.
    pub(super) async fn next_of_age(&self) {
        match self.0.front() {
            Some((at, ..)) => tokio::time::sleep_until(*at).await,
            None => std::future::pending().await,
        }
    }

    /// The entries of those that are old enough.
    pub(super) fn of_age(&mut self) -> Vec<Entry> {
        let now = Instant::now();
        let mut entries = Vec::new();
        while self.0.front().is_some_and(|(at, ..)| *at <= now) {
            let Some((_, step, pid)) = self.0.pop_front() else { break };
            entries.extend(child_start(&step, pid).map(Entry::ChildStarted));
        }
        entries
    }
}
