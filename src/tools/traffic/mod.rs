//! [`Traffic`]: requests at a steady rate, each of them counted, while something else happens.
//!
//! A request is sent when its time has come, whether the ones before it have been answered or not: otherwise a service
//! that hangs would be asked once and fail once. What could not be sent at all counts for nothing, and is counted
//! apart.

mod accepting;
mod exchange;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub use accepting::{NoConnection, connect};
use exchange::ask_if_free;
pub use exchange::{Ask, Connection, Reply, Route, Stream, ask};

use super::pause::Stopwatch;

/// How many connections are opened at the same time at most.
const OPENINGS: usize = 16;

/// How many failed requests are kept until the end with what is known of them. The others are news too, and counted.
const KEPT: usize = 500;

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRequest {
    /// Its number among all that were sent, from 1.
    pub number: u64,
    /// When it was sent, since the first one.
    pub at: Duration,
    /// Why it failed.
    pub why: String,
    /// What stood behind the route just after that.
    pub situation: Option<String>,
}

/// Returns a line for each failed request; what stood behind the route is in it where that is news.
pub fn lines(failures: &[FailedRequest]) -> Vec<String> {
    let mut known = &None;
    let line = |failed: &'_ FailedRequest, is_news: bool| {
        let situation = failed.situation.as_ref().filter(|_| is_news);
        let situation = situation.map(|situation| format!("; then: {situation}")).unwrap_or_default();
        format!("request {} at {:.2} s: {}{situation}", failed.number, failed.at.as_secs_f64(), failed.why)
    };
    let mut lines = Vec::with_capacity(failures.len());
    for failed in failures {
        lines.push(line(failed, failed.situation != *known));
        known = &failed.situation;
    }
    lines
}

/// What came of the requests so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many have succeeded or failed.
    pub total: u64,
    /// How many have failed.
    pub failed: u64,
    /// The failed ones, as far as they are kept, in the order in which they were sent.
    pub failures: Vec<FailedRequest>,
    /// How many could not be sent, which says nothing of what answers.
    pub unsent: u64,
    /// Why the last of them could not be sent.
    pub why_unsent: Option<String>,
    /// The longest time in which none was sent that succeeded or failed.
    pub longest_gap: Duration,
    /// The longest time that one took.
    pub slowest: Duration,
    /// How many were answered by each pod, where responses name theirs.
    pub by_pod: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Counts {
    tally: Tally,
    /// When the requests that count were sent, in the order in which they ended.
    sent: Vec<Duration>,
    /// The failed requests that nobody has heard of.
    news: Vec<FailedRequest>,
}

/// Requests that go on until they are stopped, or this is dropped.
pub struct Traffic {
    began: Stopwatch,
    counts: Arc<Mutex<Counts>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Traffic {
    /// Begins to send `rate` requests a second.
    pub fn start(route: Arc<dyn Route>, request: Ask, rate: u32) -> Self {
        let began = Stopwatch::start();
        let (counts, stop) = (Arc::new(Mutex::new(Counts::default())), CancellationToken::new());
        let sending = send_all(route, Arc::new(request), rate, began, Arc::clone(&counts), stop.clone());
        Self { began, counts, stop, task: tokio::spawn(sending) }
    }

    /// Returns every request that has failed since the last call, also those that are not kept.
    pub fn take_news(&self) -> Vec<FailedRequest> {
        std::mem::take(&mut lock(&self.counts).news)
    }

    /// Sends no more, waits for those that were sent, and returns what came of all.
    pub async fn stop(&mut self) -> Tally {
        self.stop.cancel();
        let stopped = self.began.elapsed();
        // A task that panicked has counted less than it sent, which shows as a gap.
        let _ended = (&mut self.task).await;
        let counts = lock(&self.counts);
        let mut tally = Tally { longest_gap: longest_gap(&counts.sent, stopped), ..counts.tally.clone() };
        tally.failures.sort_by_key(|failure| failure.number);
        tally
    }
}

async fn send_all(
    route: Arc<dyn Route>,
    request: Arc<Ask>,
    rate: u32,
    began: Stopwatch,
    counts: Arc<Mutex<Counts>>,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    // After a stall the missed ones are not sent all at once: that would be no steady rate either.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // Dropped with this task, which ends every request.
    let mut sent = JoinSet::new();
    let openings = Arc::new(Semaphore::new(OPENINGS));
    let mut number = 0;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = ticks.tick() => {
                number += 1;
                let (route, request, counts) = (Arc::clone(&route), Arc::clone(&request), Arc::clone(&counts));
                let openings = Arc::clone(&openings);
                sent.spawn(async move {
                    let (at, took) = (began.elapsed(), Stopwatch::start());
                    let reply = ask_if_free(&*route, &request, &openings).await;
                    let took = took.elapsed();
                    let situation = if matches!(reply, Reply::Bad(_)) { route.situation().await } else { None };
                    lock(&counts).add(number, at, took, reply, situation);
                });
            }
            Some(_) = sent.join_next(), if !sent.is_empty() => {}
        }
    }
    while sent.join_next().await.is_some() {}
}

impl Counts {
    fn add(&mut self, number: u64, at: Duration, took: Duration, reply: Reply, situation: Option<String>) {
        let tally = &mut self.tally;
        if let Reply::Unsent(why) = reply {
            tally.unsent += 1;
            tally.why_unsent = Some(why);
            return;
        }
        tally.total += 1;
        tally.slowest = tally.slowest.max(took);
        self.sent.push(at);
        match reply {
            Reply::Good(Some(pod)) => *tally.by_pod.entry(pod).or_default() += 1,
            Reply::Good(None) | Reply::Unsent(_) => {}
            Reply::Bad(why) => {
                tally.failed += 1;
                let failed = FailedRequest { number, at, why, situation };
                if tally.failures.len() < KEPT {
                    tally.failures.push(failed.clone());
                }
                self.news.push(failed);
            }
        }
    }
}

/// Returns the longest time between two moments of `sent`, of the beginning, and of the end.
fn longest_gap(sent: &[Duration], end: Duration) -> Duration {
    let mut moments = [sent, &[Duration::ZERO, end]].concat();
    moments.sort_unstable();
    moments.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or_default()
}

fn lock(counts: &Mutex<Counts>) -> std::sync::MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}
