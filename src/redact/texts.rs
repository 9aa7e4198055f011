//! What is searched for: a secret, its lines, and what the views of a layer leave of them.

use std::collections::BTreeSet;

use super::anchors::base64_images;
use super::automaton::PIECE;
use super::layer::{MIN_JOINED, MIN_PLAIN, MIN_UNQUOTED, joined, unquoted};
use super::unescape::unescape;

/// Secrets longer than this are searched for without white space only: that keeps the automaton small, and finds them
/// as well.
const LONG: usize = 16 * 1024;

/// Shorter words are met by chance in base64.
const MIN_WORD: usize = 6;

/// Adds what `secret` looks like before base64 or hexadecimal digits are made of it to `sources`: as it is, escaped,
/// and as base64 itself. They only serve to find the places worth a thorough search.
pub(super) fn add_sources(secret: &str, sources: &mut BTreeSet<Vec<u8>>) {
    let secret = secret.trim();
    let short_lines = secret.lines().map(str::trim).filter(|line| (MIN_PLAIN..PIECE).contains(&line.len()));
    for text in std::iter::once(secret).chain(short_lines) {
        let json = serde_json::Value::from(text).to_string();
        let json = json[1..json.len() - 1].to_owned();
        let go = json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
        let shell = text.replace('\'', r"'\''");
        let escaped = [text.to_owned(), json, go, shell, url(text.bytes()), backslashes(text)];
        sources.extend(escaped.map(String::into_bytes));
        sources.extend(base64_images(text.as_bytes()));
    }
    // Whatever escapes there are, letters and digits stand as they are.
    let words = secret.as_bytes().split(|byte| !byte.is_ascii_alphanumeric());
    for word in words.filter(|word| word.len() >= MIN_WORD) {
        sources.insert(word.to_vec());
        sources.extend(base64_images(word));
    }
}

/// Within a URL: everything but letters, digits and `-._~` by its number (RFC 3986, 2.1 and 2.3).
fn url(text: impl Iterator<Item = u8>) -> String {
    text.fold(String::new(), |url, byte| {
        let stands = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if stands { url + char::from(byte).encode_utf8(&mut [0; 4]) } else { url + &format!("%{byte:02X}") }
    })
}

fn backslashes(text: &str) -> String {
    let plain =
        |character: char| !character.is_ascii() || character.is_ascii_alphanumeric() || "%+-./:=@_".contains(character);
    text.chars()
        .map(|character| if plain(character) { character.to_string() } else { format!("\\{character}") })
        .collect()
}

/// Adds what `secret` is searched by to `texts`.
pub(super) fn add(secret: &str, texts: &mut BTreeSet<Vec<u8>>) {
    let secret = secret.trim();
    add_bytes(secret.as_bytes(), texts);
    // `\xe9` is a byte of UTF-8 in one language and a character in the next: it is undone as a byte.
    let latin_1: Vec<u8> = secret.chars().flat_map(latin_1).collect();
    add_bytes(&latin_1, texts);
}

fn latin_1(character: char) -> Vec<u8> {
    u8::try_from(character).map_or_else(|_| character.to_string().into_bytes(), |byte| vec![byte])
}

fn add_bytes(secret: &[u8], texts: &mut BTreeSet<Vec<u8>>) {
    let lines: Vec<&[u8]> = secret.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    if lines.len() > 1 {
        add_joined(secret, texts);
        // Texts that contain a line end would hold back every line end of the stream; a short secret has no other form.
        if kept(secret, joined).len() < MIN_JOINED {
            insert(secret.to_vec(), MIN_PLAIN, texts);
        }
    }
    if secret.len() <= LONG {
        insert_dotted(secret, texts);
    }
    let n_lines = lines.len();
    // A line of dashes or braces among others gives nothing away.
    let says_something =
        |line: &[u8]| n_lines == 1 || line.iter().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    for line in lines.into_iter().filter(|line| says_something(line)) {
        if secret.len() <= LONG {
            add_line(line, texts);
        } else {
            add_joined(line, texts);
        }
    }
}

fn add_line(line: &[u8], texts: &mut BTreeSet<Vec<u8>>) {
    if line.len() < MIN_PLAIN {
        return;
    }
    for text in unescaped(line) {
        insert(kept(&text, unquoted), MIN_UNQUOTED, texts);
        insert(text, MIN_PLAIN, texts);
    }
    add_joined(line, texts);
    if kept(line, unquoted).len() < MIN_UNQUOTED {
        short_forms(line, texts);
    }
}

fn add_joined(text: &[u8], texts: &mut BTreeSet<Vec<u8>>) {
    for text in unescaped(text) {
        let text = kept(&text, joined);
        // Where a line is wrapped right behind the first byte, that byte is not waited with.
        if text.len() <= PIECE {
            insert(text.get(1..).unwrap_or_default().to_vec(), MIN_JOINED, texts);
        }
        insert(text, MIN_JOINED, texts);
    }
}

/// Returns `text`, and what it becomes where its own escapes are undone together with those around it.
fn unescaped(text: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![text.to_vec()];
    for _ in 0..2 {
        let next = unescape(&all[all.len() - 1]);
        if all.contains(&next) {
            break;
        }
        all.push(next);
    }
    all
}

/// A secret too short to be searched for without its quotes, as shells and forms write it.
fn short_forms(text: &[u8], texts: &mut BTreeSet<Vec<u8>>) {
    let forms = [(b' ', "+"), (b'\'', r"'\''"), (b'\'', r#"'"'"'"#), (b'\'', "''"), (b'"', "\"\"")];
    for (from, to) in forms {
        let form = |byte: &u8| if *byte == from { to.as_bytes().to_vec() } else { vec![*byte] };
        insert(text.iter().flat_map(form).collect(), MIN_PLAIN, texts);
    }
}

/// The text column of a dump has a dot for what can't be printed.
fn insert_dotted(secret: &[u8], texts: &mut BTreeSet<Vec<u8>>) {
    let is_printable = |byte: &u8| (b' '..=b'~').contains(byte);
    if !secret.iter().all(is_printable) {
        let dotted = secret.iter().map(|byte| if is_printable(byte) { *byte } else { b'.' }).collect();
        insert(dotted, MIN_UNQUOTED, texts);
    }
}

fn kept(text: &[u8], view: impl Fn(u8) -> Option<u8>) -> Vec<u8> {
    text.iter().filter_map(|byte| view(*byte)).collect()
}

fn insert(text: Vec<u8>, min: usize, texts: &mut BTreeSet<Vec<u8>>) {
    if text.len() >= min {
        texts.insert(text);
    }
}
