//! [`on_two_threads`]: a long list is worked on by two threads.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};

/// How many items a thread takes at a time: the other one may be slow, so that halves would not do.
const SHARE: usize = 128;

/// What `each` makes of `items`, in their order. A short list is done before a thread would have begun.
pub(super) fn on_two_threads<T: Send, R: Send>(items: Vec<T>, each: impl Fn(T) -> Option<R> + Sync) -> Vec<R> {
    if items.len() < 4 * SHARE {
        return items.into_iter().filter_map(each).collect();
    }
    let n_items = items.len();
    let left = Mutex::new(items.into_iter());
    let work = || {
        let mut shares = Vec::new();
        loop {
            let (share, n_left) = {
                let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
                (left.by_ref().take(SHARE).collect::<Vec<T>>(), left.len())
            };
            if share.is_empty() {
                return shares;
            }
            shares.push((n_left, share.into_iter().filter_map(&each).collect::<Vec<R>>()));
        }
    };
    let mut shares = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut shares = work();
        shares.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        shares
    });
    shares.sort_unstable_by_key(|(n_left, _)| std::cmp::Reverse(*n_left));
    let mut all = Vec::with_capacity(n_items);
    all.extend(shares.into_iter().flat_map(|(_, share)| share));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_stays_and_nothing_is_lost() {
        for n in [0, 1, 4 * SHARE - 1, 4 * SHARE, 4 * SHARE + 1, 100 * SHARE] {
            let odd = on_two_threads((0..n).collect(), |item| (item % 2 == 1).then_some(item));
            assert_eq!(odd, (0..n).filter(|item| item % 2 == 1).collect::<Vec<_>>());
        }
    }
}
