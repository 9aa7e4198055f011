//! [`Cancel`]: the two ways to be asked to stop.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::pause;

/// Asks work to stop: first to wind down, then at once. Cheap to clone; clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    wind_down: CancellationToken,
    kill: CancellationToken,
}

impl Cancel {
    /// Nothing asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that is asked whenever `self` is, and can be asked alone: a step's own, for its timeout.
    pub fn child(&self) -> Self {
        Self { wind_down: self.wind_down.child_token(), kill: self.kill.child_token() }
    }

    /// Asks to wind down: children get TERM and some time, a build is cancelled.
    pub fn wind_down(&self) {
        self.wind_down.cancel();
    }

    /// Asks to stop now.
    pub fn kill(&self) {
        self.wind_down.cancel();
        self.kill.cancel();
    }

    /// Whether anything was asked.
    pub fn is_asked(&self) -> bool {
        self.wind_down.is_cancelled()
    }

    /// Whether it was asked to stop at once.
    pub fn is_kill_asked(&self) -> bool {
        self.kill.is_cancelled()
    }

    /// Ends when winding down is asked.
    pub async fn asked(&self) {
        self.wind_down.cancelled().await;
    }

    /// Ends `grace` after winding down was asked, without time in which the process was stopped, or when stopping at once is
    /// asked: for what may still be finished meanwhile.
    pub async fn expired(&self, grace: Duration) {
        self.asked().await;
        tokio::select! {
            () = self.killed() => {}
            () = pause::sleep(grace) => {}
        }
    }

    /// Ends when stopping at once is asked.
    pub async fn killed(&self) {
        self.kill.cancelled().await;
    }
}
