//! A place in the automaton that remembers where in the raw stream its last bytes came from.

use super::automaton::{Automaton, PIECE, Place};

/// The longest part of the raw stream that a match of at most `PIECE` decoded bytes may cover. It bounds what is held
/// back.
pub(super) const MAX_SPAN: u64 = 1024;

/// A part of the raw stream, by positions from its beginning.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// What all decoders of a stream share: what to find, and what was found.
pub(super) struct Search<'a> {
    pub(super) automaton: &'a Automaton,
    pub(super) found: &'a mut Vec<Span>,
}

/// One view's search.
#[derive(Clone, Default)]
pub(super) struct Cursor {
    place: Place,
    starts: [u64; PIECE],
    n: usize,
}

impl Cursor {
    /// Takes the view's next byte, which comes from `span`. A short text counts from `min` bytes on.
    #[inline]
    pub(super) fn step(&mut self, byte: u8, span: Span, min: usize, search: &mut Search<'_>) {
        self.place = search.automaton.step(self.place, byte);
        if self.place.len == 0 {
            return;
        }
        // White space is neither masked nor held back where a match begins with it: a prompt often ends with it.
        self.starts[self.n % PIECE] = if byte.is_ascii_whitespace() { span.end } else { span.start };
        self.n = self.n.wrapping_add(1);
        let matched = search.automaton.matched(self.place);
        if matched >= min {
            let start = self.start(matched);
            if span.end - start <= MAX_SPAN {
                search.found.push(Span { start, end: span.end });
            }
        }
    }

    fn start(&self, back: usize) -> u64 {
        self.starts[self.n.wrapping_sub(back) % PIECE]
    }

    /// Where the bytes begin that may still become a match.
    pub(super) fn pending(&self, automaton: &Automaton) -> Option<u64> {
        let hold = if self.place.len == 0 { 0 } else { automaton.hold(self.place) };
        (hold > 0).then(|| self.start(hold))
    }

    /// Goes on behind a line end that the view leaves out. Lines must not wait for the next one because their last
    /// letter occurs in a secret: only `keep` bytes, or a prefix of at least `prefix` bytes of one of the texts, are
    /// kept.
    pub(super) fn line_end(&mut self, keep: usize, prefix: usize, automaton: &Automaton) {
        if self.place.len > 0 && automaton.hold(self.place) < keep {
            self.place = automaton.prefix(self.place);
            if (self.place.len as usize) < prefix {
                self.reset();
            }
        }
    }

    /// Forgets what came.
    #[inline]
    pub(super) fn reset(&mut self) {
        self.place = Place::default();
    }

    /// Forgets what came when it began before `position`.
    pub(super) fn forget(&mut self, position: u64, automaton: &Automaton) {
        if self.pending(automaton).is_some_and(|start| start < position) {
            self.reset();
        }
    }

    /// Whether both will find the same.
    #[inline]
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.place == other.place
    }
}
