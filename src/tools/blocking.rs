//! [`blocking`]: work that may block, off the loop's thread.

use std::sync::LazyLock;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

use crate::error::Failure;

/// How many do such work at once, at least.
const MIN_AT_ONCE: usize = 8;

/// How many for each core.
const PER_CORE: usize = 2;

/// Who may do such work. Each thread costs a stack, a heap, and the time to make it: without a limit the steps of a
/// pipeline that are checked at once would have one each, on a few cores.
static AT_ONCE: LazyLock<Semaphore> = LazyLock::new(|| {
    let n_cores = available_parallelism().map_or(1, usize::from);
    Semaphore::new(MIN_AT_ONCE.max(PER_CORE * n_cores))
});

/// Runs work that may block for a moment, on files or in the system, on a thread where nothing else waits for it. It
/// waits for its turn: see [`waiting`].
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    // The semaphore is never closed.
    let turn = AT_ONCE.acquire().await.ok();
    waiting(move || {
        // Until the work has ended, also when nobody waits for it any more.
        let _turn = turn;
        work()
    })
    .await
}

/// Runs work that waits for others, such as the other end of a pipe: it has a thread of its own at once.
pub async fn waiting<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Failure::bug("work on another thread ended in a panic").source(&error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn who_waits_for_others_keeps_nobody_from_working() {
        let (mut senders, mut waits) = (Vec::new(), Vec::new());
        for _ in 0..2 * AT_ONCE.available_permits() {
            let (sender, receiver) = channel();
            senders.push(sender);
            waits.push(waiting(move || receiver.recv().map_err(|error| Failure::bug("a test").source(&error))));
        }
        let works = async {
            let found = blocking(|| Ok(1)).await;
            for sender in &senders {
                sender.send(()).unwrap();
            }
            found
        };
        let (found, waited) = tokio::join!(works, join_all(waits));
        assert_eq!(found.unwrap(), 1);
        assert!(waited.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_and_gives_its_turn_back() {
        for _ in 0..2 * AT_ONCE.available_permits() {
            let failed = blocking(|| -> Result<(), Failure> { panic!("a test") }).await;
            assert!(failed.unwrap_err().to_string().contains("ended in a panic"));
        }
    }
}
