//! Undoes one layer of escapes: `\n \" \/ \x41 \101 \u0041 \u{41} \U00000041`, surrogate pairs, `%41`, `%u0041`,
//! `&amp;`, `&#65;`, `&#x41;`. One byte after the other, with the part of the raw stream that each decoded byte comes
//! from.
//!
//! All kinds are undone at once, no matter which tool wrote them: a secret is searched for after each of several such
//! layers, and texts that look escaped themselves are registered undone too (see `texts.rs`), so that a kind too many
//! does no harm.

use super::cursor::Span;
use super::entities;

/// The longest escape: a surrogate pair.
const LONGEST: usize = 12;

/// The escape that is not complete yet, with the origin of its bytes. `S` is nothing where the origin does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Unescape<S = Span> {
    bytes: [u8; LONGEST],
    spans: [S; LONGEST],
    n: usize,
}

/// Where a decoded byte comes from.
pub(super) trait Origin: Copy + Default {
    /// The origin of something that began at `self` and ends with `last`.
    fn to(self, last: Self) -> Self;
}

impl Origin for Span {
    fn to(self, last: Self) -> Self {
        Self { start: self.start, end: last.end }
    }
}

impl Origin for () {
    fn to(self, _last: Self) -> Self {}
}

/// What the beginning of the pending bytes is. Of `LONGEST` bytes it is always decided.
enum Step {
    More,
    /// So many bytes stand for this character or byte.
    Char(usize, char),
    Byte(usize, u8),
    Nothing(usize),
}

/// Whether an escape may begin with `byte`.
#[inline]
pub(super) fn begins(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'&')
}

impl<S: Origin> Unescape<S> {
    pub(super) fn is_idle(&self) -> bool {
        self.n == 0
    }

    /// The origin of the first pending byte.
    pub(super) fn pending(&self) -> Option<S> {
        (self.n > 0).then(|| self.spans[0])
    }

    /// The same, to be changed.
    pub(super) fn first_origin(&mut self) -> Option<&mut S> {
        (self.n > 0).then(|| &mut self.spans[0])
    }

    /// Takes a byte and passes decoded ones to `to`.
    #[inline]
    pub(super) fn push(&mut self, byte: u8, span: S, mut to: impl FnMut(u8, S)) {
        if self.n == 0 && !begins(byte) {
            return to(byte, span);
        }
        self.bytes[self.n] = byte;
        self.spans[self.n] = span;
        self.n += 1;
        self.settle(false, &mut to);
    }

    /// Passes what is left at the end of the stream to `to`.
    pub(super) fn finish(&mut self, mut to: impl FnMut(u8, S)) {
        self.settle(true, &mut to);
    }

    fn settle(&mut self, at_end: bool, to: &mut impl FnMut(u8, S)) {
        while self.n > 0 {
            let mut text = [0; 4];
            let (used, decoded): (usize, &[u8]) = match first(&self.bytes[..self.n], at_end) {
                Step::More => return,
                Step::Char(used, character) => (used, character.encode_utf8(&mut text).as_bytes()),
                Step::Byte(used, byte) => {
                    text[0] = byte;
                    (used, &text[..1])
                }
                Step::Nothing(used) => (used, &[]),
            };
            let span = self.spans[0].to(self.spans[used - 1]);
            for byte in decoded {
                to(*byte, span);
            }
            self.bytes.copy_within(used..self.n, 0);
            self.spans.copy_within(used..self.n, 0);
            self.n -= used;
        }
        // Equal states are compared byte by byte.
        self.bytes = [0; LONGEST];
    }
}

/// `text` without one layer of escapes.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut decoder = Unescape::<()>::default();
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        decoder.push(*byte, (), |byte, ()| out.push(byte));
    }
    decoder.finish(|byte, ()| out.push(byte));
    out
}

fn first(bytes: &[u8], at_end: bool) -> Step {
    let step = match bytes[0] {
        b'%' => percent(bytes),
        b'&' => entity(bytes),
        b'\\' => backslash(bytes, at_end),
        other => Step::Byte(1, other),
    };
    match step {
        Step::More if at_end => Step::Byte(1, bytes[0]),
        step => step,
    }
}

fn percent(bytes: &[u8]) -> Step {
    let literal = Step::Byte(1, b'%');
    match bytes.get(1) {
        None => Step::More,
        Some(b'u' | b'U') => digits(bytes, 2, 4).unwrap_or(literal),
        Some(_) => match digits(bytes, 1, 2) {
            Some(Step::Char(used, character)) => Step::Byte(used, u8::try_from(u32::from(character)).unwrap_or(b'?')),
            Some(step) => step,
            None => literal,
        },
    }
}

fn entity(bytes: &[u8]) -> Step {
    let literal = Step::Byte(1, b'&');
    let Some(end) = bytes[1..].iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'#')) else {
        return if bytes.len() < LONGEST { Step::More } else { literal };
    };
    let name = std::str::from_utf8(&bytes[1..=end]).unwrap_or_default();
    let character = if bytes[end + 1] != b';' {
        None
    } else if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        number.ok().and_then(char::from_u32)
    } else {
        entities::character(name)
    };
    character.map_or(literal, |character| Step::Char(end + 2, character))
}

fn backslash(bytes: &[u8], at_end: bool) -> Step {
    let Some(kind) = bytes.get(1) else { return Step::More };
    // What is no number stands for the letter itself, as a shell has it.
    let letter = || Step::Byte(2, *kind);
    let control = |byte| Step::Byte(2, byte);
    match kind {
        b'n' => control(b'\n'),
        b't' => control(b'\t'),
        b'r' => control(b'\r'),
        b'a' => control(0x07),
        b'b' => control(0x08),
        b'f' => control(0x0c),
        b'v' => control(0x0b),
        b'e' | b'E' => control(0x1b),
        b'\n' => Step::Nothing(2),
        // What follows may begin an escape of its own: then the backslash belongs to the text.
        b'&' | b'%' => Step::Nothing(1),
        b'0'..=b'7' => octal(bytes, at_end),
        b'x' | b'u' if bytes.get(2) == Some(&b'{') => braced(bytes).unwrap_or_else(letter),
        b'x' => match digits(bytes, 2, 2) {
            Some(Step::Char(used, character)) => Step::Byte(used, u8::try_from(u32::from(character)).unwrap_or(b'?')),
            Some(step) => step,
            None => letter(),
        },
        b'u' => utf16(bytes, at_end).unwrap_or_else(letter),
        b'U' => digits(bytes, 2, 8).unwrap_or_else(letter),
        _ => letter(),
    }
}

fn hex(bytes: &[u8]) -> Option<u32> {
    let is_hex = bytes.iter().all(u8::is_ascii_hexdigit);
    is_hex.then(|| std::str::from_utf8(bytes).ok().and_then(|text| u32::from_str_radix(text, 16).ok())).flatten()
}

/// A character by `n` hexadecimal digits from `from` on; `None` when it is something else.
fn digits(bytes: &[u8], from: usize, n: usize) -> Option<Step> {
    let end = bytes.len().min(from + n);
    if !bytes[from.min(end)..end].iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    if end < from + n {
        return Some(Step::More);
    }
    let number = hex(&bytes[from..end])?;
    Some(Step::Char(end, char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)))
}

/// `\u{1f600}`.
fn braced(bytes: &[u8]) -> Option<Step> {
    let digits = &bytes[3..];
    match digits.iter().position(|byte| !byte.is_ascii_hexdigit()) {
        None => (digits.len() <= 6).then_some(Step::More),
        Some(end) if digits[end] == b'}' => Some(Step::Char(end + 4, char::from_u32(hex(&digits[..end])?)?)),
        Some(_) => None,
    }
}

/// `\u0041`, and `\ud83d\ude00` for what UTF-16 writes in two.
fn utf16(bytes: &[u8], at_end: bool) -> Option<Step> {
    let one = match digits(bytes, 2, 4)? {
        Step::More => return Some(Step::More),
        step => step,
    };
    let high = hex(&bytes[2..6])?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some(one);
    }
    let goes_on = bytes[6..].iter().zip(b"\\u").all(|(byte, expected)| byte == expected);
    let low = if goes_on { digits(bytes, 8, 4) } else { None };
    match low {
        Some(Step::More) if !at_end => Some(Step::More),
        Some(Step::Char(used, _)) => {
            let low = hex(&bytes[8..12]).filter(|low| (0xdc00..0xe000).contains(low));
            let pair = low.and_then(|low| char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)));
            Some(pair.map_or(one, |pair| Step::Char(used, pair)))
        }
        _ => Some(one),
    }
}

fn octal(bytes: &[u8], at_end: bool) -> Step {
    let n = bytes[1..].iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    if n < 3 && bytes.len() == n + 1 && !at_end {
        return Step::More;
    }
    let number = bytes[1..=n].iter().fold(0_u32, |number, byte| number * 8 + u32::from(byte - b'0'));
    // `\777` is no byte: the last digit does not belong to it.
    u8::try_from(number)
        .map_or_else(|_| Step::Byte(n, u8::try_from(number / 8).unwrap_or(b'?')), |byte| Step::Byte(n + 1, byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_escape_is_undone() {
        let table: &[(&str, &str)] = &[
            (r#"\"\\\/\n\t\q"#, "\"\\/\n\tq"),
            (r"\u0026\u003c\u00e9\ud83d\ude00!", "&<é😀!"),
            (r"\ud83dx\ud83d\n\ud83d\u0041", "\u{fffd}x\u{fffd}\n\u{fffd}A"),
            (r"\u{1f600}\U0001F600\x{e9}\xc3\xa9", "😀😀éé"),
            (r"\303\251\0 \1012", "é\0 A2"),
            ("%41%c3%a9%u00e9%4%zz%", "Aéé%4%zz%"),
            ("&amp;&lt;&#65;&#x41;&eacute;&yuml;&apos;&lcub;", "&<AAéÿ'{"),
            ("AT&T &nonsense; &verylongnameofnothing; &&amp;&#;", "AT&T &nonsense; &verylongnameofnothing; &&&#;"),
            ("a\\\nb\\", "ab\\"),
            (r"a\&b\%c\&quot;\%41", "a&b%c\"A"),
            (r"\u12\x\xg\u{zz}\U12!", "u12xxgu{zz}U12!"),
        ];
        for (escaped, plain) in table {
            assert_eq!(String::from_utf8_lossy(&unescape(escaped.as_bytes())), *plain, "{escaped}");
        }
    }

    #[test]
    fn the_origins_cover_the_escaped_text_in_order() {
        let text = r"a\u00e9%20&#x27;\ud83d\ude00\1z".as_bytes();
        let mut decoder = Unescape::default();
        let mut spans = Vec::new();
        for (n, byte) in (0..).zip(text) {
            decoder.push(*byte, Span { start: n, end: n + 1 }, |_, span| spans.push(span));
        }
        decoder.finish(|_, span| spans.push(span));
        spans.dedup();
        assert_eq!(spans.first().unwrap().start, 0);
        assert_eq!(spans.last().unwrap().end, text.len() as u64);
        assert!(spans.windows(2).all(|pair| pair[0].end == pair[1].start), "{spans:?}");
    }
}
