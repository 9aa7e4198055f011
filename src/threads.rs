//! Work for two threads ([`in_halves`]), and the memory that a thread is going to need ([`prepare_heap`]).

use std::hint::black_box;

/// How much, in bytes: reading a thousand steps, or their records, takes about as much.
const SIZE: usize = 1 << 20;

/// Makes the heap of the calling thread grow by [`SIZE`], before many small blocks are allocated.
///
/// With glibc the heap of a thread other than the first grows by a page at a time, with a system call for each during
/// which no other thread gets a page. Nothing is written to what is taken, so that unused memory costs nothing.
pub(crate) fn prepare_heap() {
    // The first block has pages of its own. By freeing it, glibc learns that blocks of this size come and go: from now
    // on it takes them from the heap, and the heap keeps as much when they are freed (`M_MMAP_THRESHOLD`, mallopt(3)).
    drop(black_box(Vec::<u8>::with_capacity(SIZE)));
    drop(black_box(Vec::<u8>::with_capacity(SIZE - 4096)));
}

/// From how many parts on a second thread pays.
const MIN_PARTS_TO_SHARE: usize = 100;

/// Returns what `work` makes of `parts`. Of many, a thread beside this one does the second half, and there are two
/// results.
pub(crate) fn in_halves<Part: Send, Made: Send>(
    mut parts: Vec<Part>,
    work: impl Fn(Vec<Part>) -> Made + Sync,
) -> (Made, Option<Made>) {
    if parts.len() < MIN_PARTS_TO_SHARE {
        return (work(parts), None);
    }
    let others = parts.split_off(parts.len() / 2);
    let work = &work;
    std::thread::scope(|threads| {
        let beside = threads.spawn(move || {
            prepare_heap();
            work(others)
        });
        let made = work(parts);
        (made, Some(beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))))
    })
}

#[cfg(test)]
mod tests {
    use std::thread::current;

    use super::*;

    #[test]
    fn many_parts_are_shared_by_two_threads_in_their_order() {
        let work = |parts: Vec<usize>| (current().id(), parts);
        let ((here, first), second) = in_halves((0..101).collect(), work);
        let (beside, second) = second.unwrap();
        assert_eq!(here, current().id());
        assert_ne!(beside, here);
        assert_eq!([first, second].concat(), (0..101).collect::<Vec<_>>());
        assert_eq!(in_halves((0..99).collect(), work), ((here, (0..99).collect()), None));
    }

    #[test]
    fn a_panic_beside_is_a_panic_here() {
        let work = |parts: Vec<usize>| assert!(!parts.contains(&100), "the last part");
        assert!(std::panic::catch_unwind(|| in_halves((0..101).collect(), work)).is_err());
    }
}
