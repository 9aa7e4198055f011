//! Codes in which secrets may be hidden: base64 in both alphabets, hexadecimal digits, dumps. Each is read at every
//! alignment, and over line ends: where a code begins is not known. What comes of it is a layer of its own.

use super::automaton::Automaton;
use super::cursor::{Search, Span};
use super::decoded::{Decoded, Depth};
use super::dump::Dump;

/// Layers of escapes that are undone in what a code holds.
const ESCAPES_IN_CODES: u8 = 2;

pub(super) struct Codes<T> {
    base64: Base64<T>,
    /// Dumps and hexadecimal digits only where they are not in a code themselves.
    hex: Option<Box<(Hex<T>, Dump<T>)>>,
}

impl<T: Decoded> Codes<T> {
    pub(super) fn new(depth: Depth) -> Self {
        // The same at every level: the search of one level is copied to the next.
        let escapes = ESCAPES_IN_CODES;
        let inner = Depth { escapes, codes: depth.codes - 1 };
        let leaf = Depth { escapes, codes: 0 };
        let hex = (depth.codes > 1).then(|| Box::new((Hex::new(leaf), Dump::new(leaf))));
        Self { base64: Base64::new(inner), hex }
    }

    #[inline]
    pub(super) fn push(&mut self, byte: u8, span: Span, search: &mut Search<'_>) {
        self.base64.push(byte, span, search);
        if let Some(hex) = &mut self.hex {
            hex.0.push(byte, span, search);
            hex.1.push(byte, span, search);
        }
    }

    pub(super) fn agree(&self, other: &Self) -> bool {
        self.base64.agrees(&other.base64)
            && match (&self.hex, &other.hex) {
                (Some(one), Some(two)) => one.0.agrees(&two.0) && one.1.agrees(&two.1),
                _ => true,
            }
    }

    pub(super) fn copy_from(&mut self, from: &Self) {
        self.base64.copy_from(&from.base64);
        if let (Some(one), Some(two)) = (&mut self.hex, &from.hex) {
            one.0.copy_from(&two.0);
            one.1.copy_from(&two.1);
        }
    }

    pub(super) fn pending(&self, automaton: &Automaton) -> Option<u64> {
        let hex = self.hex.as_ref().and_then(|hex| {
            let both = [hex.0.pending(automaton), hex.1.pending(automaton)];
            both.into_iter().flatten().min()
        });
        hex.into_iter().chain(self.base64.pending(automaton)).min()
    }

    pub(super) fn each_text(&mut self, mut act: impl FnMut(&mut T)) {
        self.base64.texts.iter_mut().for_each(&mut act);
        if let Some(hex) = &mut self.hex {
            hex.0.texts.iter_mut().for_each(&mut act);
            hex.1.texts().into_iter().for_each(act);
        }
    }

    /// The code around this text leaves out the end of a line.
    pub(super) fn line_end(&mut self, position: u64, search: &Search<'_>) {
        left_out(&mut self.base64.last, position);
        self.base64.now = position;
        self.base64.texts.iter_mut().for_each(|text| text.line_end(position, search));
        if let Some(hex) = &mut self.hex {
            hex.0.line_end(position, search);
        }
    }

    pub(super) fn reset(&mut self) {
        self.base64.reset();
        if let Some(hex) = &mut self.hex {
            hex.0.reset();
            hex.1.reset();
        }
    }

    pub(super) fn finish(&mut self, search: &mut Search<'_>) {
        if let Some(hex) = &mut self.hex {
            hex.0.finish(search);
        }
        self.each_text(|text| text.finish(search));
    }
}

/// A digit of a code that the next one completes to a byte, and where it stands.
#[derive(Clone, Copy)]
struct Digit {
    value: u8,
    start: u64,
}

/// A digit in front of left-out bytes is not waited for: a line must not hang on its last letter.
fn left_out(last: &mut Option<Digit>, position: u64) {
    if let Some(digit) = last {
        digit.start = position;
    }
}

fn earliest<T: Decoded>(last: Option<Digit>, now: u64, texts: &[T], automaton: &Automaton) -> Option<u64> {
    let pending = texts.iter().filter_map(|text| text.pending(automaton)).min();
    // A digit that was left behind is pending from a position that is not there yet.
    let digit = last.map(|digit| digit.start).filter(|start| *start < now);
    digit.into_iter().chain(pending).min()
}

struct Base64<T> {
    last: Option<Digit>,
    /// The position behind the last byte.
    now: u64,
    phase: usize,
    texts: [T; 4],
}

impl<T: Decoded> Base64<T> {
    fn new(depth: Depth) -> Self {
        Self { last: None, now: 0, phase: 0, texts: std::array::from_fn(|_| T::new(depth)) }
    }

    #[inline]
    fn push(&mut self, byte: u8, span: Span, search: &mut Search<'_>) {
        self.now = span.end;
        let value = SEXTETS[usize::from(byte)];
        match value {
            LEFT_OUT => {
                left_out(&mut self.last, span.end);
                if byte == b'\n' {
                    self.texts.iter_mut().for_each(|text| text.line_end(span.end, search));
                }
            }
            FOREIGN => self.reset(),
            value => {
                if let Some(Digit { value: before, start }) = self.last {
                    let span = Span { start, end: span.end };
                    // The text of alignment n begins its groups of four digits at digit n, so that this digit is number
                    // `phase - n` of its group.
                    for (alignment, text) in self.texts.iter_mut().enumerate() {
                        match (self.phase + 4 - alignment) % 4 {
                            1 => text.push(before << 2 | value >> 4, span, search),
                            2 => text.push(before << 4 | value >> 2, span, search),
                            3 => text.push(before << 6 | value, span, search),
                            _ => {}
                        }
                    }
                }
                self.last = Some(Digit { value, start: span.start });
                self.phase = (self.phase + 1) % 4;
            }
        }
    }

    fn reset(&mut self) {
        if self.last.take().is_some() {
            self.phase = 0;
            self.texts.iter_mut().for_each(T::reset);
        }
    }

    fn agrees(&self, other: &Self) -> bool {
        let same = |a: Digit, b: Digit| a.value == b.value && self.phase == other.phase;
        match (self.last, other.last) {
            (None, None) => true,
            (Some(a), Some(b)) => same(a, b) && self.texts.iter().zip(&other.texts).all(|(a, b)| a.agrees_deep(b)),
            _ => false,
        }
    }

    fn copy_from(&mut self, from: &Self) {
        if self.last.is_none() && from.last.is_none() {
            return;
        }
        (self.last, self.now, self.phase) = (from.last, from.now, from.phase);
        self.texts.iter_mut().zip(&from.texts).for_each(|(text, from)| text.copy_from(from));
    }

    fn pending(&self, automaton: &Automaton) -> Option<u64> {
        self.last?;
        earliest(self.last, self.now, &self.texts, automaton)
    }
}

/// Not a digit, but allowed between digits.
pub(super) const LEFT_OUT: u8 = 64;
/// Ends the code.
pub(super) const FOREIGN: u8 = 65;

/// What each byte is worth as a digit of base64, in either alphabet (RFC 4648, 4 and 5).
pub(super) const SEXTETS: [u8; 256] = {
    let mut table = [FOREIGN; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut n = 0_u8;
    while n < 64 {
        table[alphabet[n as usize] as usize] = n;
        n += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    let between = b" \t\r\n\\'\",\0";
    let mut n = 0;
    while n < between.len() {
        table[between[n] as usize] = LEFT_OUT;
        n += 1;
    }
    table
};

/// Whether `byte` may stand between hexadecimal digits.
#[inline]
pub(super) fn between_hex(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'+' | b':' | b',' | b'-' | b'.' | b'_' | b'\'' | b'"' | b'\\' | 0)
}

struct Hex<T> {
    last: Option<Digit>,
    /// A zero that may belong to `0x`.
    zero: Option<Span>,
    now: u64,
    phase: usize,
    texts: [T; 2],
}

impl<T: Decoded> Hex<T> {
    fn new(depth: Depth) -> Self {
        let texts = [T::new(depth), T::new(depth)];
        Self { last: None, zero: None, now: 0, phase: 0, texts }
    }

    #[inline]
    fn push(&mut self, byte: u8, span: Span, search: &mut Search<'_>) {
        self.now = span.end;
        if let Some(zero) = self.zero.take() {
            if matches!(byte, b'x' | b'X') {
                return left_out(&mut self.last, span.end);
            }
            self.digit(0, zero, search);
        }
        match byte {
            b'0' => self.zero = Some(span),
            b'1'..=b'9' => self.digit(byte - b'0', span, search),
            b'a'..=b'f' => self.digit(byte - b'a' + 10, span, search),
            b'A'..=b'F' => self.digit(byte - b'A' + 10, span, search),
            _ if between_hex(byte) => {
                left_out(&mut self.last, span.end);
                if byte == b'\n' {
                    self.texts.iter_mut().for_each(|text| text.line_end(span.end, search));
                }
            }
            _ => self.reset(),
        }
    }

    fn line_end(&mut self, position: u64, search: &Search<'_>) {
        left_out(&mut self.last, position);
        self.now = position;
        self.texts.iter_mut().for_each(|text| text.line_end(position, search));
    }

    fn digit(&mut self, value: u8, span: Span, search: &mut Search<'_>) {
        if let Some(Digit { value: before, start }) = self.last {
            self.texts[self.phase].push(before << 4 | value, Span { start, end: span.end }, search);
        }
        self.last = Some(Digit { value, start: span.start });
        self.phase ^= 1;
    }

    fn reset(&mut self) {
        self.zero = None;
        if self.last.take().is_some() {
            self.phase = 0;
            self.texts.iter_mut().for_each(T::reset);
        }
    }

    fn finish(&mut self, search: &mut Search<'_>) {
        if let Some(zero) = self.zero.take() {
            self.digit(0, zero, search);
        }
    }

    fn agrees(&self, other: &Self) -> bool {
        self.phase == other.phase
            && self.zero.is_some() == other.zero.is_some()
            && self.last.map(|digit| digit.value) == other.last.map(|digit| digit.value)
            && self.texts.iter().zip(&other.texts).all(|(a, b)| a.agrees_deep(b))
    }

    fn copy_from(&mut self, from: &Self) {
        (self.last, self.zero, self.now, self.phase) = (from.last, from.zero, from.now, from.phase);
        self.texts.iter_mut().zip(&from.texts).for_each(|(text, from)| text.copy_from(from));
    }

    fn pending(&self, automaton: &Automaton) -> Option<u64> {
        let zero = self.zero.map(|span| span.start);
        zero.into_iter().chain(earliest(self.last, self.now, &self.texts, automaton)).min()
    }
}
