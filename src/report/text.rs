//! Text from tools and files on a terminal: its width, where it is cut, and which control sequences are removed.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use serde::Serialize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns the width of `text` in columns; it has no escape sequences.
pub(crate) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Cuts `text` to at most `max` columns; if something is omitted, the result ends with `mark`.
pub(crate) fn cut<'a>(text: &'a str, max: usize, mark: &str) -> Cow<'a, str> {
    if text.len() <= max || width(text) <= max {
        return Cow::Borrowed(text);
    }
    let room = max.saturating_sub(width(mark));
    let (mut end, mut used) = (0, 0);
    for (at, c) in text.char_indices() {
        let columns = c.width().unwrap_or(0);
        if used + columns > room {
            break;
        }
        used += columns;
        end = at + c.len_utf8();
    }
    let mark = if width(mark) <= max { mark } else { "" };
    Cow::Owned(format!("{}{mark}", &text[..end]))
}

/// Pads `text` with spaces to `columns`.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{:missing$}", "")
}

/// Returns the characters and escape sequences of `text` in turn, each with its width in columns.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let (length, columns) = match first {
            '\x1b' => (sequence_length(rest), 0),
            _ => (first.len_utf8(), first.width().unwrap_or(0)),
        };
        let (piece, after) = rest.split_at(length);
        rest = after;
        Some((piece, columns))
    })
}

/// Returns `text` as one line without escape sequences and control characters; of text that overwrites itself by
/// carriage returns, the last state.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    clean(text, false)
}

/// Like [`plain`], but colours and weights (SGR sequences) stay, and are reset at the end.
pub(crate) fn styled(text: &str) -> Cow<'_, str> {
    clean(text, true)
}

fn clean(text: &str, keep_style: bool) -> Cow<'_, str> {
    let text = text.trim_end_matches(['\r', '\n']);
    let text = text.rsplit_once('\r').map_or(text, |(_, last)| last);
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut has_style = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match c {
            '\x1b' | '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}' => {
                let length = sequence_length(rest);
                let sequence = &rest[..length];
                if keep_style && is_style(sequence) {
                    out.push_str(sequence);
                    has_style = true;
                }
                rest = &rest[length..];
                continue;
            }
            '\t' => out.push_str("    "),
            '\n' => out.push(' '),
            _ if is_unsafe(c) => {}
            _ => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    if has_style {
        out.push_str("\x1b[0m");
    }
    Cow::Owned(out)
}

/// Writes a JSON document for programs.
pub(crate) fn write_document(out: &mut dyn io::Write, document: &impl Serialize) -> io::Result<()> {
    writeln!(out, "{}", tame_json(serde_json::to_string_pretty(document)?))
}

/// Returns the JSON text `json` with the characters escaped that drive a terminal and that JSON allows in a string as
/// they are: some control characters are of more than one byte.
pub(super) fn tame_json(json: String) -> String {
    let drives = |c: char| c != '\n' && is_unsafe(c);
    if json.is_ascii() && !json.contains('\u{7f}') || !json.contains(drives) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if drives(c) {
            // Writing to a string does not fail.
            let _written = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Returns whether `c` is a control character, or changes the direction of the text that follows.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Returns the length in bytes of the escape sequence at the start of `text`; an unterminated one takes all of it.
fn sequence_length(text: &str) -> usize {
    let mut chars = text.char_indices();
    let kind = match chars.next() {
        Some((_, '\x1b')) => match chars.next() {
            Some((_, kind)) => kind,
            None => return text.len(),
        },
        Some((_, '\u{9b}')) => '[',
        // The other single-character introducers all start a string.
        _ => ']',
    };
    match kind {
        '[' => chars
            .find(|(_, c)| !matches!(c, '\x20'..='\x3f'))
            // An invalid character ends the sequence without being part of it: a broken sequence must not hide text.
            .map_or(text.len(), |(at, c)| if matches!(c, '\x40'..='\x7e') { at + 1 } else { at }),
        ']' | 'P' | 'X' | '^' | '_' => {
            while let Some((at, c)) = chars.next() {
                match c {
                    '\x07' => return at + 1,
                    '\u{9c}' => return at + c.len_utf8(),
                    '\x1b' => {
                        let end = chars.next().map_or(text.len(), |(at, c)| at + c.len_utf8());
                        return end;
                    }
                    _ => {}
                }
            }
            text.len()
        }
        '\x20'..='\x2f' => {
            chars.find(|(_, c)| !matches!(c, '\x20'..='\x2f')).map_or(text.len(), |(at, c)| at + c.len_utf8())
        }
        _ => 1 + kind.len_utf8(),
    }
}

fn is_style(sequence: &str) -> bool {
    sequence
        .strip_prefix("\x1b[")
        .and_then(|rest| rest.strip_suffix('m'))
        .is_some_and(|codes| codes.bytes().all(|b| b.is_ascii_digit() || matches!(b, b';' | b':')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_nothing_that_drives_a_terminal_and_means_the_same() {
        for text in ["plain \n", "é ü 漢", "\u{9b}31m \u{7f} \u{202e} \u{2028} \x1b]0;x\x07"] {
            let value = serde_json::json!({ text: [text] });
            for json in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
                let tame = tame_json(json);
                assert!(!tame.contains(|c: char| c != '\n' && is_unsafe(c)), "{tame}");
                assert_eq!(serde_json::from_str::<serde_json::Value>(&tame).unwrap(), value);
            }
        }
    }

    #[test]
    fn control_sequences_are_removed() {
        let cases = [
            ("plain", "plain"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("a\x1b[2Jb\x1b[10;10Hc", "abc"),
            ("\x1b]0;title\x07x\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "xlink"),
            ("\x1bP1$r\x1b\\y", "y"),
            ("\x1b(Bz\x1b7\x1bc", "z"),
            ("\u{9b}31mc1", "c1"),
            ("10%\r20%\r30%\r\n", "30%"),
            ("a\tb\x08\x07", "a    b"),
            ("\x1b", ""),
            ("\x1b[31", ""),
            ("\x1b[3\x1b[1mok", "ok"),
            ("\x1b[3äx", "äx"),
            ("a\u{202e}b", "ab"),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn colours_stay_and_are_reset_at_the_end_of_the_line() {
        assert_eq!(styled("\x1b[1;31mred\x1b[2K"), "\x1b[1;31mred\x1b[0m");
        assert_eq!(styled("\x1b[?25lx\x1b[>4;2mz"), "xz");
        assert!(matches!(styled("as it is"), Cow::Borrowed(_)));
    }

    #[test]
    fn text_is_cut_by_columns() {
        let cases = [
            ("hello", 5, "hello"),
            ("hello", 4, "hel…"),
            ("hello", 1, "…"),
            ("hello", 0, ""),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("日本語", 2, "…"),
        ];
        for (text, max, expected) in cases {
            let short = cut(text, max, "…");
            assert_eq!(short, expected, "{text} {max}");
            assert!(width(&short) <= max);
        }
        assert_eq!(cut("hello", 1, "..."), "");
        assert_eq!(pad("日", 4), "日  ");
    }
}
