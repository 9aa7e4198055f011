//! The state of one stream that is masked: feeds the layers, and writes what is decided.

use std::sync::Arc;

use super::cursor::{MAX_SPAN, Search, Span};
use super::decoded::{DEPTH, Decoded};
use super::filter::Filter;
use super::layer::Layer;
use super::matcher::Matcher;

/// What a secret is replaced by.
const MASK: &[u8] = b"***";

/// The most that is held back.
const MAX_HELD: u64 = 4 * MAX_SPAN;

/// After so many bytes what is decided is written.
const BLOCK: usize = 4096;

/// Around an anchor so many bytes are searched: a match and what may have come before it in an escape.
const REACH: u64 = MAX_SPAN + 128;

/// So much of the end of a chunk is searched: the longest that a match is followed over the end without an anchor.
const END: usize = 256;

/// Less is not worth to begin again.
const MIN_SKIP: usize = 512;

/// The state of one stream.
pub(super) struct Masking {
    matcher: Arc<Matcher>,
    filter: Option<Filter>,
    root: Layer,
    /// The raw bytes that are not written yet, and the position of the first.
    held: Vec<u8>,
    base: u64,
    found: Vec<Span>,
    /// Where the last mask ends.
    masked_to: u64,
    /// Because of an anchor, everything has to be searched up to here.
    search_to: u64,
    /// Where secrets are, for a search that wants to know; parts that overlap are one.
    places: Option<Vec<Span>>,
}

impl std::fmt::Debug for Masking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masking")
    }
}

impl Masking {
    pub(super) fn new(matcher: Arc<Matcher>) -> Self {
        let filter = matcher.anchors.as_ref().map(|anchors| Filter::new(Arc::clone(anchors)));
        let (held, found) = (Vec::new(), Vec::new());
        let root = Layer::new(DEPTH);
        Self { matcher, filter, root, held, base: 0, found, masked_to: 0, search_to: 0, places: None }
    }

    /// Also notes where secrets are: see [`Masking::take_places`].
    pub(super) fn noting_places(self) -> Self {
        Self { places: Some(Vec::new()), ..self }
    }

    /// Returns the places of secrets that nothing that follows can extend.
    pub(super) fn take_places(&mut self) -> Vec<Span> {
        let Some(places) = &mut self.places else { return Vec::new() };
        let decided = places.partition_point(|place| place.end <= self.base);
        places.drain(..decided).collect()
    }

    /// Begins another text; this one is finished. Positions go on.
    pub(super) fn begin_next(&mut self) {
        self.root.reset();
        if let Some(filter) = &mut self.filter {
            filter.restart();
        }
        self.search_to = self.base;
    }

    /// Whether this searches for what `matcher` finds.
    pub(super) fn uses(&self, matcher: &Arc<Matcher>) -> bool {
        Arc::ptr_eq(&self.matcher, matcher)
    }

    pub(super) fn restart(&mut self, matcher: Arc<Matcher>, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        let (base, masked_to) = (self.base, self.masked_to);
        *self = Self { base, masked_to, ..Self::new(matcher) };
        self.push(&held, out);
    }

    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let start = self.end();
        let Some(mut filter) = self.filter.take() else { return self.search(bytes, out) };
        let mut done = 0;
        let index =
            |position: u64| usize::try_from(position.saturating_sub(start)).unwrap_or(usize::MAX).min(bytes.len());
        // The parts to search are around the anchors, and the end, whose pending bytes must be known.
        filter.read(bytes, |n| {
            let at = start + n as u64;
            let from = index(at.saturating_sub(REACH));
            let searched = index(self.search_to);
            if from > searched {
                self.search(&bytes[done..searched.max(done)], out);
                done = self.skip(bytes, searched.max(done), from, out);
            }
            self.search_to = at + REACH;
        });
        self.filter = Some(filter);
        let searched = index(self.search_to).max(done);
        let from = bytes.len().saturating_sub(END);
        if from > searched {
            self.search(&bytes[done..searched], out);
            done = self.skip(bytes, searched, from, out);
        }
        self.search(&bytes[done..], out);
    }

    /// Writes the part of `bytes` up to about `to` unsearched, and starts to search again from there. Returns the
    /// place.
    fn skip(&mut self, bytes: &[u8], from: usize, to: usize, out: &mut Vec<u8>) -> usize {
        // Not in the middle of an escape or of a code: behind white space, if there is any near.
        let near = &bytes[to.saturating_sub(END).max(from)..to];
        let to = to - near.iter().rev().position(u8::is_ascii_whitespace).unwrap_or(0);
        if to - from < MIN_SKIP {
            return from;
        }
        self.write(self.end(), out);
        out.extend_from_slice(&bytes[from..to]);
        self.base += (to - from) as u64;
        self.root.reset();
        to
    }

    /// Searches `bytes`, writes what is decided.
    fn search(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for block in bytes.chunks(BLOCK) {
            let start = self.end();
            self.held.extend_from_slice(block);
            let mut search = Search { automaton: &self.matcher.automaton, found: &mut self.found };
            for (start, byte) in (start..).zip(block) {
                self.root.push(*byte, Span { start, end: start + 1 }, &mut search);
            }
            let to = self.decided();
            self.write(to, out);
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.root.finish(&mut Search { automaton: &self.matcher.automaton, found: &mut self.found });
        self.write(self.end(), out);
    }

    /// The position after everything that has come.
    pub(super) fn end(&self) -> u64 {
        self.base + self.held.len() as u64
    }

    /// The position up to which nothing can become a secret any more.
    fn decided(&mut self) -> u64 {
        let end = self.end();
        let oldest = end.saturating_sub(MAX_HELD);
        let mut pending = self.root.pending(&self.matcher.automaton);
        if pending.is_some_and(|start| start < oldest) {
            // Left-out bytes without end: no secret is wrapped like that.
            self.root.forget(oldest, &self.matcher.automaton);
            pending = self.root.pending(&self.matcher.automaton);
        }
        pending.unwrap_or(end).clamp(oldest.max(self.base), end)
    }

    /// Writes everything before the position `to`, masked.
    fn write(&mut self, to: u64, out: &mut Vec<u8>) {
        self.found.sort_unstable();
        let mut at = self.base;
        let decided = self.found.partition_point(|span| span.start < to);
        for span in self.found.drain(..decided) {
            note(&mut self.places, span);
            if span.start >= self.masked_to {
                copy(&self.held, self.base, at.max(self.masked_to), span.start, out);
                out.extend_from_slice(MASK);
                at = span.start;
            }
            self.masked_to = self.masked_to.max(span.end);
        }
        copy(&self.held, self.base, at.max(self.masked_to), to, out);
        self.held.drain(..usize::try_from(to - self.base).unwrap_or(self.held.len()));
        self.base = to;
    }
}

/// Adds a place in their order.
fn note(places: &mut Option<Vec<Span>>, span: Span) {
    let Some(places) = places else { return };
    match places.last_mut() {
        Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
        _ => places.push(span),
    }
}

fn copy(held: &[u8], base: u64, from: u64, to: u64, out: &mut Vec<u8>) {
    if from < to {
        let index = |position: u64| usize::try_from(position - base).unwrap_or(held.len());
        out.extend_from_slice(&held[index(from)..index(to)]);
    }
}
