//! [`Rate`]: how fast a transfer is now.

use std::time::Duration;

use crate::model::{Progress, Unit};

/// A rate is that of the last while, between this and twice as much.
const WINDOW: Duration = Duration::from_secs(3);

/// What is known of less time than this says nothing.
const LEAST: Duration = Duration::from_secs(1);

/// A moment of a transfer: when, and how many bytes there were.
type Moment = (Duration, u64);

/// How fast a transfer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// What it is measured from.
    from: Moment,
    /// What it is measured from next.
    next: Moment,
    last: Moment,
}

impl Rate {
    /// Returns what is known after `progress`; `None` unless bytes are transferred. Another transfer is measured from
    /// its own beginning.
    pub(crate) fn after(before: Option<Box<Self>>, now: Duration, progress: &Progress) -> Option<Box<Self>> {
        if progress.unit != Unit::Bytes {
            return None;
        }
        let moment = (now, progress.current);
        let Some(mut rate) = before.filter(|rate| rate.last.1 <= progress.current) else {
            return Some(Box::new(Self { from: moment, next: moment, last: moment }));
        };
        rate.last = moment;
        if now.saturating_sub(rate.next.0) >= WINDOW {
            rate.from = std::mem::replace(&mut rate.next, moment);
        }
        Some(rate)
    }

    /// Returns the bytes in a second. It falls while nothing arrives.
    pub(crate) fn per_second(&self, now: Duration) -> Option<u64> {
        let time = now.saturating_sub(self.from.0);
        let bytes = u128::from(self.last.1 - self.from.1);
        let rate = u64::try_from(bytes * 1000 / time.as_millis().max(1)).unwrap_or(u64::MAX);
        (time >= LEAST && rate > 0).then_some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(moments: &[(u64, u64)]) -> Option<Box<Rate>> {
        moments.iter().fold(None, |rate, (ms, bytes)| {
            Rate::after(rate, Duration::from_millis(*ms), &Progress::bytes(*bytes, None, ""))
        })
    }

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        let at = |moments: &[(u64, u64)], now| after(moments).unwrap().per_second(Duration::from_millis(now));
        assert_eq!(at(&[(0, 0)], 500), None);
        assert_eq!(at(&[(0, 0), (500, 600)], 900), None);
        assert_eq!(at(&[(0, 0), (1000, 5000)], 1000), Some(5000));
        // Slow for ten seconds, then fast: what was long ago does not count.
        let slow: Vec<(u64, u64)> = (0..=10).map(|n| (n * 1000, n * 100)).collect();
        let fast = (11..=20).map(|n| (n * 1000, 1000 + (n - 10) * 100_000));
        let all: Vec<(u64, u64)> = slow.iter().copied().chain(fast).collect();
        assert_eq!(at(&all, 20_000), Some(100_000));
        // Nothing arrives any more.
        assert!(at(&all, 30_000) < Some(50_000));
        assert_eq!(at(&[(0, 7)], 60_000), None);
        // Another transfer of the same step.
        assert_eq!(at(&[(0, 0), (5000, 90_000), (6000, 10), (8000, 2010)], 8000), Some(1000));
    }

    #[test]
    fn what_is_counted_in_things_has_no_rate() {
        let bytes = after(&[(0, 0), (1000, 5000)]);
        assert_eq!(Rate::after(bytes, Duration::from_secs(2), &Progress::items(1, Some(2), "")), None);
    }
}
