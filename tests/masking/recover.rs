//! What somebody who reads a masked text can still get out of it: decoders of every listed form, written as simply as
//! can be and independently of those in `redact`, applied to each other's results.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use regex::bytes::{Captures, Regex};

/// A window of a secret of this length must not be recoverable.
const WINDOW: usize = 12;

/// The first part of `secret` that can be recovered from `text`. A window of 12 bytes counts, without regard to quotes
/// and white space, unless it is filler (fewer than four different bytes); of a shorter secret the whole.
pub(crate) fn leak(text: &[u8], secret: &str) -> Option<String> {
    let bare_secret = bare(secret.trim().as_bytes());
    let windows: Vec<&[u8]> = bare_secret
        .windows(WINDOW.min(bare_secret.len()))
        .filter(|window| window.iter().collect::<BTreeSet<_>>().len() >= 4 || window.len() < WINDOW)
        .collect();
    for view in views(text) {
        let bare_view = bare(&view);
        if bare_secret.len() < 8 {
            if contains(&view, secret.trim().as_bytes()) {
                return Some(secret.to_owned());
            }
        } else if let Some(window) = windows.iter().find(|window| contains(&bare_view, window)) {
            return Some(format!("{} in {}", String::from_utf8_lossy(window), String::from_utf8_lossy(&view)));
        }
    }
    None
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn bare(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| !byte.is_ascii_whitespace() && !b"'\"\\+\0\x0b".contains(byte)).collect()
}

/// `text`, and everything that up to three decoders in a row make of it.
fn views(text: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::from([text.to_vec()]);
    let mut latest = all.clone();
    for _ in 0..3 {
        let mut next = BTreeSet::new();
        for view in latest {
            for decode in [escapes, percent, percent_plus, entities, shell, hex, dump, dump_text] {
                next.insert(decode(&view));
            }
            next.extend(base64(&view));
        }
        next.retain(|view| view.len() >= 4 && !all.contains(view));
        all.extend(next.iter().cloned());
        latest = next;
    }
    all
}

/// A pattern, built once.
fn regex(pattern: &'static str) -> Regex {
    thread_local!(static BUILT: RefCell<HashMap<&'static str, Regex>> = RefCell::default());
    BUILT.with_borrow_mut(|built| built.entry(pattern).or_insert_with(|| Regex::new(pattern).unwrap()).clone())
}

fn replace(text: &[u8], pattern: &'static str, with: impl Fn(&Captures<'_>) -> Vec<u8>) -> Vec<u8> {
    regex(pattern).replace_all(text, |captures: &Captures<'_>| with(captures)).into_owned()
}

fn number(digits: &[u8], radix: u32) -> u32 {
    u32::from_str_radix(std::str::from_utf8(digits).unwrap(), radix).unwrap_or(0)
}

fn character(number: u32) -> Vec<u8> {
    char::from_u32(number).unwrap_or('?').to_string().into_bytes()
}

/// String literals of JSON, Python, C and shells.
fn escapes(text: &[u8]) -> Vec<u8> {
    let pattern = concat!(
        r"(?s-u)\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}",
        r"|x[0-9a-fA-F]{2}|U[0-9a-fA-F]{8}|[0-7]{3}|.)"
    );
    replace(text, pattern, |captures| {
        let code = &captures[1];
        match code[0] {
            b'u' if code.len() == 11 => {
                let (high, low) = (number(&code[1..5], 16), number(&code[7..11], 16));
                character(0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff))
            }
            b'u' | b'U' if code.len() > 1 => character(number(&code[1..], 16)),
            b'x' if code.len() > 1 => vec![number(&code[1..], 16) as u8],
            b'0'..=b'7' if code.len() > 1 => vec![number(code, 8) as u8],
            b'n' => b"\n".to_vec(),
            b't' => b"\t".to_vec(),
            b'r' => b"\r".to_vec(),
            b'\n' => Vec::new(),
            _ => code.to_vec(),
        }
    })
}

fn percent(text: &[u8]) -> Vec<u8> {
    replace(text, "(?-u)%([0-9a-fA-F]{2})", |captures| vec![number(&captures[1], 16) as u8])
}

fn percent_plus(text: &[u8]) -> Vec<u8> {
    percent(&replace(text, r"\+", |_| b" ".to_vec()))
}

fn entities(text: &[u8]) -> Vec<u8> {
    replace(text, "(?-u)&(#[xX][0-9a-fA-F]+|#[0-9]+|[a-z]+);", |captures| match &captures[1] {
        [b'#', b'x' | b'X', digits @ ..] => character(number(digits, 16)),
        [b'#', digits @ ..] => character(number(digits, 10)),
        b"amp" => b"&".to_vec(),
        b"lt" => b"<".to_vec(),
        b"gt" => b">".to_vec(),
        b"quot" => b"\"".to_vec(),
        b"apos" => b"'".to_vec(),
        _ => captures[0].to_vec(),
    })
}

fn shell(text: &[u8]) -> Vec<u8> {
    let text = replace(text, r#"'"'"'|'\\''|''"#, |_| b"'".to_vec());
    replace(&text, r"(?s-u)\\(.)", |captures| captures[1].to_vec())
}

fn from_digits(digits: &[u8]) -> Vec<u8> {
    digits.chunks(2).map(|pair| number(pair, 16) as u8).collect()
}

/// Every run of hexadecimal digits, with separators or without, at both alignments.
fn hex(text: &[u8]) -> Vec<u8> {
    let runs = regex(r#"(?-u)(?:(?:0x|\\x)?[0-9a-fA-F][\s:,."'-]*){8,}"#);
    let mut out = Vec::new();
    for run in runs.find_iter(text) {
        let digits = replace(run.as_bytes(), r#"(?-u)0x|\\x|[\s:,."'-]"#, |_| Vec::new());
        for start in [0, 1] {
            out.extend(from_digits(&digits[start..]));
            out.extend(b"\n----\n");
        }
    }
    out
}

fn rows(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let row = concat!(
        r"(?m-u)^[0-9a-f]{6,}(?:: ((?:[0-9a-f]{2,4} ?){1,16}) +(.*)",
        r"|\s+((?:[0-9a-f]{2} {1,2}){0,15}[0-9a-f]{2}) *(?:\|(.*)\|)?)$"
    );
    regex(row)
        .captures_iter(text)
        .map(|captures| {
            let one = captures.get(1).or(captures.get(3)).map_or(Vec::new(), |part| part.as_bytes().to_vec());
            let two = captures.get(2).or(captures.get(4)).map_or(Vec::new(), |part| part.as_bytes().to_vec());
            (one, two)
        })
        .collect()
}

fn dump(text: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = rows(text).into_iter().flat_map(|row| row.0).filter(u8::is_ascii_hexdigit).collect();
    from_digits(&digits)
}

fn dump_text(text: &[u8]) -> Vec<u8> {
    rows(text).into_iter().flat_map(|row| row.1).collect()
}

/// Every run of base64, over line ends, in either alphabet, at all alignments.
fn base64(text: &[u8]) -> Vec<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    let runs = regex(r"(?-u)(?:[A-Za-z0-9+/_-][ \t\r\n]*){8,}");
    let mut out = vec![Vec::new(); 4];
    for run in runs.find_iter(text) {
        let digits: Vec<u8> = run.as_bytes().iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let digits: Vec<u8> = digits
            .iter()
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                byte => *byte,
            })
            .collect();
        for (start, out) in out.iter_mut().enumerate() {
            let digits = &digits[start..];
            let digits = if digits.len() % 4 == 1 { &digits[..digits.len() - 1] } else { digits };
            out.extend(engine.decode(digits).unwrap());
            out.extend(b"\n----\n");
        }
    }
    out
}
