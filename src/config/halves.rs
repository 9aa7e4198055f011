//! [`halves`]: a long list is worked on by two threads.

use std::panic::resume_unwind;

/// A shorter list is done before a thread has begun.
const MANY: usize = 500;

/// `each` of `items`, in their order; of a long list both halves at the same time.
pub(super) fn halves<T: Send, R: Send>(mut items: Vec<T>, each: impl Fn(T) -> R + Sync) -> Vec<R> {
    if items.len() < MANY {
        return items.into_iter().map(each).collect();
    }
    let second = items.split_off(items.len() / 2);
    let each = &each;
    std::thread::scope(|scope| {
        let second = scope.spawn(move || second.into_iter().map(each).collect::<Vec<R>>());
        let mut all: Vec<R> = items.into_iter().map(each).collect();
        all.extend(second.join().unwrap_or_else(|panic| resume_unwind(panic)));
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_stays() {
        for n in [0, 1, MANY - 1, MANY, MANY + 1, 3 * MANY] {
            assert_eq!(halves((0..n).collect(), |item| item + 1), (1..=n).collect::<Vec<_>>());
        }
    }
}
