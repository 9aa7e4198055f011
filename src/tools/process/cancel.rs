//! [`Cancel`]: the two ways to stop work.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::pause;

/// Stops work: first it is to wind down, then to stop at once. Cheap to clone; clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    wind_down: CancellationToken,
    kill: CancellationToken,
}

impl Cancel {
    /// Nothing is cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that is cancelled whenever `self` is, and can be cancelled alone: a step's own, for its timeout.
    pub fn child(&self) -> Self {
        Self { wind_down: self.wind_down.child_token(), kill: self.kill.child_token() }
    }

    /// Cancels, with time to wind down: children get TERM and some time, a build is cancelled.
    pub fn wind_down(&self) {
        self.wind_down.cancel();
    }

    /// Cancels, without time to wind down.
    pub fn kill(&self) {
        self.wind_down.cancel();
        self.kill.cancel();
    }

    /// Whether work is to stop, in either way.
    pub fn is_cancelled(&self) -> bool {
        self.wind_down.is_cancelled()
    }

    /// Whether work is to stop at once.
    pub fn is_killed(&self) -> bool {
        self.kill.is_cancelled()
    }

    /// Returns once it is cancelled, in either way.
    pub async fn cancelled(&self) {
        self.wind_down.cancelled().await;
    }

    /// Returns `grace` after it was cancelled, without time in which the process was stopped, or as soon as work is to
    /// stop at once: for what may still be finished meanwhile.
    pub async fn grace_elapsed(&self, grace: Duration) {
        self.cancelled().await;
        tokio::select! {
            () = self.killed() => {}
            () = pause::sleep(grace) => {}
        }
    }

    /// Returns once work is to stop at once.
    pub async fn killed(&self) {
        self.kill.cancelled().await;
    }
}
