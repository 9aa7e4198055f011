//! Ctrl-Z: the process stops and goes on later, and time limits are paused meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, kill_process};

/// How long the process has been stopped in all, in nanoseconds.
static STOPPED_FOR: AtomicU64 = AtomicU64::new(0);

/// Whether it is stopped, or was a moment ago and has not been added up yet.
static IS_STOPPED: AtomicBool = AtomicBool::new(false);

/// How often a limit that has passed checks whether the stop is added up.
const CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// Stops the children, by `stop_children`, and then this process. Returns when the process is continued.
pub(super) fn stop_process(stop_children: impl FnOnce()) {
    IS_STOPPED.store(true, Ordering::SeqCst);
    stop_children();
    let began = Instant::now();
    // SIGSTOP and not SIGTSTP, which we catch. It takes effect before the call returns.
    let _sent = kill_process(getpid(), Signal::STOP);
    let stopped = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    STOPPED_FOR.fetch_add(stopped, Ordering::SeqCst);
    IS_STOPPED.store(false, Ordering::SeqCst);
}

fn stopped_for() -> Duration {
    Duration::from_nanos(STOPPED_FOR.load(Ordering::SeqCst))
}

/// Measures time without that in which the process was stopped.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    began: Instant,
    stopped_before: Duration,
}

impl Stopwatch {
    /// Begins to measure.
    pub fn start() -> Self {
        Self { began: Instant::now(), stopped_before: stopped_for() }
    }

    /// For tests: one that began so long ago.
    #[cfg(test)]
    pub(crate) fn begun(ago: Duration) -> Self {
        Self { began: Instant::now().checked_sub(ago).unwrap(), ..Self::start() }
    }

    /// The time since.
    pub fn elapsed(self) -> Duration {
        self.began.elapsed().saturating_sub(stopped_for().saturating_sub(self.stopped_before))
    }
}

/// Waits for `limit`, not counting time in which the process was stopped.
pub async fn sleep(limit: Duration) {
    let watch = Stopwatch::start();
    loop {
        let left = limit.saturating_sub(watch.elapsed());
        if left > Duration::ZERO {
            tokio::time::sleep(left).await;
        } else if IS_STOPPED.load(Ordering::SeqCst) {
            tokio::time::sleep(CHECK_INTERVAL).await;
        } else {
            return;
        }
    }
}

/// Returns the result of `work`, or `None` when it takes longer than `limit`.
pub async fn timeout<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        result = work => Some(result),
        () = sleep(limit) => None,
    }
}
