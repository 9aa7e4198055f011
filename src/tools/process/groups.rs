//! The process groups of the children that run, and signals to them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The groups of the children that run.
static GROUPS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// The run that children belong to.
static RUN: OnceLock<String> = OnceLock::new();

/// Marks every child from now on as one of this process's only run `id`, so that whatever leaves its group is found.
pub fn mark_children(id: &str) {
    // Only a second run in one process could fail.
    drop(RUN.set(id.to_owned()));
}

/// The run that children belong to.
pub(super) fn run() -> Option<&'static str> {
    RUN.get().map(String::as_str)
}

/// How many children are being made: neither their group nor anything else of them is known yet.
static N_STARTING: AtomicUsize = AtomicUsize::new(0);

/// Whether there has ever been a child.
static ANY: AtomicBool = AtomicBool::new(false);

/// Stands for a child from before it is made until its group is known.
#[derive(Debug)]
pub(super) struct Starting(());

impl Starting {
    /// A child is about to be made.
    pub(super) fn new() -> Self {
        ANY.store(true, Ordering::SeqCst);
        N_STARTING.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        N_STARTING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits, `limit` at most, until the groups of all children are known.
pub fn wait_for_starting(limit: Duration) {
    let began = Instant::now();
    while N_STARTING.load(Ordering::SeqCst) > 0 && began.elapsed() < limit {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Kills the children that nobody waits for, once every step is over: those that were being made when their step was given
/// up. Waits for them, `limit` at most.
pub fn stop_unclaimed(limit: Duration) {
    wait_for_starting(limit);
    signal_all(Signal::KILL);
}

/// Whether this process has had any child.
pub fn had_children() -> bool {
    ANY.load(Ordering::SeqCst)
}

/// The process group of a child. Whoever lets go of it, by whatever way, stops what is left in it: nothing, after a
/// supervised end.
#[derive(Debug)]
pub(super) struct Group(u32);

impl Group {
    /// The group that the child `pid` leads, from now on one of ours.
    pub(super) fn began(pid: u32) -> Self {
        GROUPS.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
        Self(pid)
    }

    /// Its number, which is that of the child.
    pub(super) fn pid(&self) -> u32 {
        self.0
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        signal_group(self.0, Signal::KILL);
        GROUPS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Sends a signal to the groups of all children.
pub fn signal_all(signal: Signal) {
    for group in GROUPS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        signal_group(*group, signal);
    }
}

/// Sends a signal to a process group; answers whether there was one.
pub fn signal_group(pid: u32, signal: Signal) -> bool {
    i32::try_from(pid).ok().and_then(Pid::from_raw).is_some_and(|group| kill_process_group(group, signal).is_ok())
}

/// Sends a signal to one process.
pub fn signal_process(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // One that is gone has got what the signal is for.
        let _sent = kill_process(pid, signal);
    }
}
