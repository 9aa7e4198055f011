//! [`Lines`]: the line in which a byte stands.

/// The bytes at which the lines of a file begin.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The line of the byte `at`, counted from 1.
    pub(super) fn at(&self, at: usize) -> usize {
        self.0.partition_point(|start| *start <= at)
    }
}
