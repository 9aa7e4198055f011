//! [`prepare`]: the memory that a thread is going to need, taken from the system at once.

use std::hint::black_box;

/// How much, in bytes: reading a thousand steps, or their records, takes about as much.
const SIZE: usize = 1 << 20;

/// Makes the heap of the calling thread grow by [`SIZE`], before many small blocks are allocated.
///
/// With glibc the heap of a thread other than the first grows by a page at a time, with a system call for each during
/// which no other thread gets a page. Nothing is written to what is taken, so that unused memory costs nothing.
pub(crate) fn prepare() {
    // The first block has pages of its own. By freeing it, glibc learns that blocks of this size come and go: from now
    // on it takes them from the heap, and the heap keeps as much when they are freed (`M_MMAP_THRESHOLD`, mallopt(3)).
    drop(black_box(Vec::<u8>::with_capacity(SIZE)));
    drop(black_box(Vec::<u8>::with_capacity(SIZE - 4096)));
}
