//! [`poll_until`] and [`Poll`]: the one way to wait for something outside that has to be checked again and again.

use std::ops::ControlFlow;
use std::time::Duration;

use super::process::Cancel;
use super::process::pause::{self, Stopwatch};
use crate::error::Failure;

/// The pace of a loop that checks something outside: how often, and for how long at most. Time in which the process was
/// stopped (Ctrl-Z) does not count. Where a closure can do the check, [`poll_until`] is shorter.
#[derive(Debug)]
pub struct Poll<'a> {
    cancel: &'a Cancel,
    what: &'a str,
    limit: Option<Duration>,
    interval: Duration,
    began: Stopwatch,
}

impl<'a> Poll<'a> {
    /// The time begins now. `what` names the wait in a failure: "waiting for the node".
    pub fn new(cancel: &'a Cancel, limit: Option<Duration>, interval: Duration, what: &'a str) -> Self {
        Self { cancel, what, limit, interval, began: Stopwatch::start() }
    }

    /// How long it has been waiting.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether the limit has passed.
    pub fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.elapsed() >= limit)
    }

    /// The result of one check; fails as interrupted, and drops the check, when the wait is cancelled.
    pub async fn check<T>(&self, check: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        if self.cancel.is_cancelled() {
            return Err(Failure::interrupted(self.what));
        }
        tokio::select! {
            biased;
            result = check => result,
            () = self.cancel.cancelled() => Err(Failure::interrupted(self.what)),
        }
    }

    /// Waits until the next check is due. Fails with `pending`, which says what was still missing, once the limit has
    /// passed, and as interrupted when the wait is cancelled.
    pub async fn next(&self, pending: Failure) -> Result<(), Failure> {
        if self.is_over() {
            return Err(pending);
        }
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Failure::interrupted(self.what).cause(pending.to_string())),
            () = pause::sleep(self.interval) => Ok(()),
        }
    }
}

/// Calls `check` every `interval` until it breaks with a value. Fails with what it continued with last once `limit` has
/// passed, at once with a failure of `check` itself, and as interrupted when `cancel` asks to stop.
pub async fn poll_until<T, F: Future<Output = Result<ControlFlow<T, Failure>, Failure>>>(
    cancel: &Cancel,
    limit: Option<Duration>,
    interval: Duration,
    what: &str,
    mut check: impl FnMut() -> F,
) -> Result<T, Failure> {
    let poll = Poll::new(cancel, limit, interval, what);
    loop {
        match poll.check(check()).await? {
            ControlFlow::Break(value) => return Ok(value),
            ControlFlow::Continue(pending) => poll.next(pending).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::error::FailureKind;

    const OFTEN: Duration = Duration::from_millis(1);

    fn pending(n: u32) -> Failure {
        Failure::failed(format!("{n} of 3"))
    }

    #[tokio::test]
    async fn it_checks_until_there_is_a_value_and_no_longer() {
        let n_checks = AtomicU32::new(0);
        let never = Cancel::new();
        let wait = poll_until(&never, None, OFTEN, "counting", || async {
            let n = n_checks.fetch_add(1, Ordering::Relaxed) + 1;
            Ok(if n == 3 { ControlFlow::Break(n) } else { ControlFlow::Continue(pending(n)) })
        });
        assert_eq!(wait.await.unwrap(), 3);
        assert_eq!(n_checks.into_inner(), 3);
    }

    #[tokio::test]
    async fn a_limit_that_passes_says_what_was_missing_and_still_allows_one_check() {
        let never = Cancel::new();
        let wait = poll_until(&never, Some(Duration::ZERO), OFTEN, "counting", || async {
            Ok(ControlFlow::<(), _>::Continue(pending(1)))
        });
        let failure = wait.await.unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Failed, "1 of 3"));
        let wait = poll_until(&never, Some(Duration::ZERO), OFTEN, "x", || async { Ok(ControlFlow::Break(7)) });
        assert_eq!(wait.await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_cancelled_wait_is_interrupted_also_within_a_check_and_says_what_was_missing() {
        let cancel = Cancel::new();
        let wait = poll_until(&cancel, None, Duration::MAX, "counting", || async {
            cancel.wind_down();
            Ok(ControlFlow::<(), _>::Continue(pending(1)))
        });
        let failure = wait.await.unwrap_err();
        assert_eq!((failure.kind, &failure.causes[..]), (FailureKind::Interrupted, &["1 of 3".to_owned()][..]));
        let cancel = Cancel::new();
        let wait = poll_until(&cancel, None, OFTEN, "counting", || async {
            cancel.wind_down();
            std::future::pending::<Result<ControlFlow<(), Failure>, Failure>>().await
        });
        assert_eq!(wait.await.unwrap_err().kind, FailureKind::Interrupted);
    }
}
