//! Dumps: rows of an offset, hexadecimal bytes and often the same bytes as text, as `xxd`, `hexdump -C` and `od -t x1`
//! write. The bytes of all rows are decoded to one layer, the text columns to another.

use super::automaton::Automaton;
use super::cursor::{Search, Span};
use super::decoded::{Decoded, Depth};

/// How many digits an offset has at least.
const MIN_OFFSET: usize = 6;

/// How many bytes a row has unless it is the last one or somebody asked for another width.
const FULL_ROW: usize = 16;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    /// No row yet: an offset may begin anywhere, for what prints the row may put its own words before it.
    #[default]
    Offset,
    /// The bytes; whether the offset ended with a colon, as xxd writes it.
    Bytes,
    Text,
}

pub(super) struct Dump<T> {
    part: Part,
    /// Bytes of the row so far, digits of the offset, spaces one after the other.
    column: usize,
    digits: usize,
    spaces: usize,
    /// Bytes of the row.
    n_bytes: usize,
    colon: bool,
    /// The column of the text, known from the first full row.
    text_at: Option<usize>,
    nibble: Option<(u8, Span)>,
    /// A bar of the text column that may be its end.
    bar: Option<Span>,
    bytes: T,
    text: T,
}

impl<T: Decoded> Dump<T> {
    pub(super) fn new(depth: Depth) -> Self {
        Self {
            part: Part::Offset,
            column: 0,
            digits: 0,
            spaces: 0,
            n_bytes: 0,
            colon: false,
            text_at: None,
            nibble: None,
            bar: None,
            bytes: T::new(depth),
            text: T::new(depth),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, byte: u8, span: Span, search: &mut Search<'_>) {
        if byte == b'\n' {
            return self.line_end(span.end, search);
        }
        match self.part {
            Part::Offset => self.offset(byte),
            Part::Bytes => self.byte(byte, span, search),
            Part::Text => self.text(byte, span, search),
        }
        self.column += 1;
    }

    fn line_end(&mut self, position: u64, search: &Search<'_>) {
        if self.part == Part::Offset {
            self.forget();
        } else {
            self.bytes.line_end(position, search);
            self.text.line_end(position, search);
        }
        (self.part, self.column, self.digits, self.spaces) = (Part::Offset, 0, 0, 0);
        (self.nibble, self.bar) = (None, None);
    }

    fn forget(&mut self) {
        self.text_at = None;
        self.bytes.reset();
        self.text.reset();
    }

    fn offset(&mut self, byte: u8) {
        match byte {
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => self.digits += 1,
            b':' | b' ' | b'+' if self.digits >= MIN_OFFSET => {
                self.part = Part::Bytes;
                self.colon = byte == b':';
                (self.column, self.spaces, self.n_bytes) = (self.digits, 0, 0);
            }
            _ => self.digits = 0,
        }
    }

    fn byte(&mut self, byte: u8, span: Span, search: &mut Search<'_>) {
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            // A plus is how forms write a space.
            b' ' | b'+' => {
                self.spaces += 1;
                // Two spaces end the bytes of xxd.
                if self.colon && self.spaces == 2 {
                    self.part = Part::Text;
                    if self.n_bytes == FULL_ROW {
                        self.text_at = Some(self.column + 1);
                    }
                }
                return;
            }
            b'|' if !self.colon => {
                self.part = Part::Text;
                self.text_at = Some(0);
                return;
            }
            b'\r' => return,
            _ => {
                (self.part, self.digits, self.nibble) = (Part::Offset, 0, None);
                return self.forget();
            }
        };
        self.spaces = 0;
        match self.nibble.take() {
            None => self.nibble = Some((value, span)),
            Some((high, first)) => {
                self.n_bytes += 1;
                self.bytes.push(high << 4 | value, Span { start: first.start, end: span.end }, search);
            }
        }
    }

    fn text(&mut self, byte: u8, span: Span, search: &mut Search<'_>) {
        match self.text_at {
            // The padding of a last row that is not full.
            Some(at) if self.column < at => return,
            None if matches!(byte, b' ' | b'+') => return,
            None => self.text_at = Some(self.column),
            Some(_) => {}
        }
        if let Some(bar) = self.bar.take() {
            self.text.push(b'|', bar, search);
        }
        if byte == b'|' && !self.colon {
            self.bar = Some(span);
        } else if byte != b'\r' {
            self.text.push(byte, span, search);
        }
    }

    pub(super) fn texts(&mut self) -> [&mut T; 2] {
        [&mut self.bytes, &mut self.text]
    }

    /// Starts again.
    pub(super) fn reset(&mut self) {
        (self.part, self.digits, self.nibble, self.bar) = (Part::Offset, 0, None, None);
        self.forget();
    }

    pub(super) fn agrees(&self, other: &Self) -> bool {
        let state = |dump: &Self| {
            let (nibble, bar) = (dump.nibble.map(|nibble| nibble.0), dump.bar.is_some());
            (dump.part, dump.column, dump.digits, dump.spaces, dump.n_bytes, dump.colon, dump.text_at, nibble, bar)
        };
        state(self) == state(other) && self.bytes.agrees_deep(&other.bytes) && self.text.agrees_deep(&other.text)
    }

    pub(super) fn copy_from(&mut self, from: &Self) {
        (self.part, self.column, self.digits, self.spaces) = (from.part, from.column, from.digits, from.spaces);
        (self.colon, self.text_at, self.nibble, self.bar) = (from.colon, from.text_at, from.nibble, from.bar);
        self.n_bytes = from.n_bytes;
        self.bytes.copy_from(&from.bytes);
        self.text.copy_from(&from.text);
    }

    pub(super) fn pending(&self, automaton: &Automaton) -> Option<u64> {
        let nibble = self.nibble.map(|nibble| nibble.1.start);
        let bar = self.bar.map(|bar| bar.start);
        [nibble, bar, self.bytes.pending(automaton), self.text.pending(automaton)].into_iter().flatten().min()
    }
}
