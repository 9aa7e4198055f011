//! [`ChildRegistry`]: the process groups of a run's children, and signals to them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::pause::{self, Stopwatch};

/// How long a child that is being made may delay Ctrl-Z.
const START_LIMIT: Duration = Duration::from_millis(50);

/// The children of one run: each run of a process has its own.
#[derive(Debug, Default)]
pub struct ChildRegistry {
    /// The run that children are marked with, so that what leaves its group is found; none outside of a run.
    run: Option<String>,
    /// The variables of our environment that no child inherits: those with declared secrets.
    withheld: Arc<[String]>,
    /// Each child, and whether it leads a group.
    groups: Mutex<BTreeMap<u32, bool>>,
    /// How many children are being made: neither their group nor anything else of them is known yet.
    n_starting: AtomicUsize,
    /// Whether there has ever been a child.
    had_any: AtomicBool,
}

impl ChildRegistry {
    /// Returns the registry of the run `id`, whose children are marked with it.
    pub fn of_run(id: &str) -> Self {
        Self { run: Some(id.to_owned()), ..Self::default() }
    }

    /// With variables of our environment that no child inherits.
    pub fn withholding(self, variables: &Arc<[String]>) -> Self {
        Self { withheld: Arc::clone(variables), ..self }
    }

    /// The variables of our environment that no child inherits.
    pub(super) fn withheld(&self) -> &[String] {
        &self.withheld
    }

    /// The run that children are marked with.
    pub(super) fn run(&self) -> Option<&str> {
        self.run.as_deref()
    }

    fn groups(&self) -> MutexGuard<'_, BTreeMap<u32, bool>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, for `limit` at most, until the groups of all children are known.
    pub fn wait_for_starting(&self, limit: Duration) {
        let began = Stopwatch::start();
        while self.n_starting.load(Ordering::SeqCst) > 0 && began.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Kills the children that are not waited for once every step is over: those that were being made when their step
    /// was dropped. Waits for them, for `limit` at most.
    pub fn stop_unclaimed(&self, limit: Duration) {
        self.wait_for_starting(limit);
        self.signal_all(Signal::KILL);
    }

    /// Whether there has ever been a child.
    pub fn had_any(&self) -> bool {
        self.had_any.load(Ordering::SeqCst)
    }

    /// Whether no child runs.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.groups().is_empty()
    }

    /// Stops the children's groups and then this process, as Ctrl-Z asks. Returns when the process is continued, and
    /// then the children go on too.
    pub fn suspend(&self) {
        pause::stop_process(|| {
            self.signal_all(Signal::STOP);
            // One that was being made is stopped too.
            self.wait_for_starting(START_LIMIT);
            self.signal_all(Signal::STOP);
        });
        self.signal_all(Signal::CONT);
    }

    /// Sends a signal to the groups of all children.
    pub fn signal_all(&self, signal: Signal) {
        for (child, leads) in self.groups().iter() {
            signal_child(*child, *leads, signal);
        }
    }
}

/// Stands for a child from before it is made until its group is known.
#[derive(Debug)]
pub(super) struct Starting(Arc<ChildRegistry>);

impl Starting {
    /// A child of `registry` is about to be made.
    pub(super) fn new(registry: &Arc<ChildRegistry>) -> Self {
        registry.had_any.store(true, Ordering::SeqCst);
        registry.n_starting.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(registry))
    }

    /// Where the child belongs.
    pub(super) fn registry(&self) -> &Arc<ChildRegistry> {
        &self.0
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.n_starting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The process group of a child. When it is dropped, in whatever way, what is left in the group is stopped: nothing,
/// after a supervised end.
#[derive(Debug)]
pub(super) struct Group {
    pid: u32,
    /// Whether it leads a group. One that has the terminal is in ours, and stands for itself alone.
    leads: bool,
    /// Whether another process may have the number meanwhile.
    is_over: bool,
    registry: Arc<ChildRegistry>,
}

impl Group {
    /// The group that the child `pid` leads, from now on one of `registry`; or that child alone.
    pub(super) fn began(pid: u32, leads: bool, registry: &Arc<ChildRegistry>) -> Self {
        registry.groups().insert(pid, leads);
        Self { pid, leads, is_over: false, registry: Arc::clone(registry) }
    }

    /// Whether the child leads a group.
    pub(super) fn leads(&self) -> bool {
        self.leads
    }

    /// The child has ended. What is left of its group keeps the group's number.
    pub(super) fn leader_ended(&mut self) {
        if !self.leads {
            self.is_over = true;
            self.registry.groups().remove(&self.pid);
        }
    }

    /// Sends a signal to it. Returns whether there was somebody.
    pub(super) fn signal(&self, signal: Signal) -> bool {
        !self.is_over && signal_child(self.pid, self.leads, signal)
    }

    /// Whether other children of the run are being made.
    pub(super) fn others_are_starting(&self) -> bool {
        self.registry.n_starting.load(Ordering::SeqCst) > 0
    }

    /// Its number, which is that of the child.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.registry.groups().remove(&self.pid);
    }
}

/// Sends a signal to a child, with its group if it leads one. Returns whether there was somebody.
fn signal_child(pid: u32, leads: bool, signal: Signal) -> bool {
    if leads {
        return signal_group(pid, signal);
    }
    i32::try_from(pid).ok().and_then(Pid::from_raw).is_some_and(|pid| kill_process(pid, signal).is_ok())
}

/// Sends a signal to a process group. Returns whether there was one.
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
