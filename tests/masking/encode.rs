//! The forms in which a secret gets into a log, for random secrets.

#![expect(clippy::format_push_string, reason = "the clearest way, and nobody waits")]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

/// One way to write a secret. `choices` is what a tool may decide either way: each bit is used once for each character.
pub(crate) type Form = fn(&[u8], u64) -> Vec<u8>;

/// Escapes and quotes: text stays text.
pub(crate) const ESCAPES: &[(&str, Form)] = &[
    ("as it is", |text, _| text.to_vec()),
    ("json", |text, _| json(text)),
    ("json ascii", json_ascii),
    ("json go", |text, _| json_go(text)),
    ("json slash", |text, _| replace(&json(text), "/", r"\/")),
    ("url", url),
    ("form", |text, choices| replace(&url(text, choices & !0xff), "%20", "+")),
    ("html", |text, choices| html(text, choices)),
    ("printf %q", |text, _| printf_q(text)),
    ("$'…'", |text, _| ansi_c(text)),
    (r"'\''", |text, _| quoted(text, "'", r"'\''")),
    (r#"'"'"'"#, |text, _| quoted(text, "'", r#"'"'"'"#)),
    ("yaml", |text, _| quoted(text, "'", "''")),
    ("repr", |text, _| repr(text)),
    ("c", c_literal),
];

/// Codes: nothing of the original is visible in them.
pub(crate) const CODES: &[(&str, Form)] = &[
    ("base64", |text, choices| wrapped(&STANDARD.encode(text), 16 + usize::from(choices as u8) % 90, "\n")),
    ("base64 indented", |text, choices| {
        wrapped(&STANDARD.encode(text), 20 + usize::from(choices as u8) % 57, "\r\n    ")
    }),
    ("base64 -w0", |text, _| STANDARD.encode(text).into_bytes()),
    ("base64url", |text, _| URL_SAFE.encode(text).into_bytes()),
    ("base64url without padding", |text, _| URL_SAFE_NO_PAD.encode(text).into_bytes()),
    ("hex", |text, choices| hex(text, choices, "")),
    ("hex of bytes", |text, choices| hex(text, choices, [" ", ":", "-", ", ", "\n"][choices as usize % 5])),
    ("xxd -p", |text, choices| wrapped(&utf8(hex(text, choices, "")), 60, "\n")),
    ("xxd", |text, _| xxd(text)),
    ("hexdump -C", |text, _| hexdump(text, true)),
    ("od -tx1", |text, _| hexdump(text, false)),
];

fn utf8(text: Vec<u8>) -> String {
    String::from_utf8(text).unwrap()
}

fn text(text: &[u8]) -> String {
    utf8(text.to_vec())
}

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    text(bytes).replace(from, to).into_bytes()
}

fn quoted(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    format!("'{}'", text(bytes).replace(from, to)).into_bytes()
}

fn json(bytes: &[u8]) -> Vec<u8> {
    serde_json::to_vec(&text(bytes)).unwrap()
}

fn json_ascii(bytes: &[u8], choices: u64) -> Vec<u8> {
    let mut out = String::new();
    for character in utf8(json(bytes)).chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out += &if choices & 1 == 0 { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
            }
        }
    }
    out.into_bytes()
}

fn json_go(bytes: &[u8]) -> Vec<u8> {
    let text = utf8(json(bytes)).replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    text.into_bytes()
}

/// `choices` says which characters that may stand as they are do so, and the case of the digits.
fn url(bytes: &[u8], choices: u64) -> Vec<u8> {
    let mut out = String::new();
    for (n, byte) in bytes.iter().enumerate() {
        let may_stand = byte.is_ascii_alphanumeric() || b"-._~!*'()/:@$,;=".contains(byte);
        let stands =
            may_stand && (choices >> (n % 64) & 1 == 0 || choices.is_multiple_of(3) && byte.is_ascii_alphanumeric());
        if stands {
            out.push(char::from(*byte));
        } else {
            out += &if choices & 2 == 0 { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
        }
    }
    out.into_bytes()
}

fn html(bytes: &[u8], choices: u64) -> Vec<u8> {
    let mut out = String::new();
    for character in text(bytes).chars() {
        let plain = character.is_ascii_alphanumeric() || " \n".contains(character);
        match (character, if plain { 0 } else { choices % 3 }) {
            ('&', 0) => out += "&amp;",
            ('<', 0) => out += "&lt;",
            ('>', 0) => out += "&gt;",
            ('"', 0) => out += "&quot;",
            ('\'', 0) => out += "&#39;",
            (_, 0) => out.push(character),
            (_, 1) => out += &format!("&#{};", u32::from(character)),
            _ => out += &format!("&#x{:x};", u32::from(character)),
        }
    }
    out.into_bytes()
}

fn printf_q(bytes: &[u8]) -> Vec<u8> {
    let plain = text(bytes);
    if plain.chars().any(|character| !character.is_ascii() || character.is_ascii_control()) {
        return ansi_c(bytes);
    }
    let mut out = String::new();
    for character in plain.chars() {
        if !(character.is_ascii_alphanumeric() || "%+-./:=@_".contains(character)) {
            out.push('\\');
        }
        out.push(character);
    }
    out.into_bytes()
}

fn ansi_c(bytes: &[u8]) -> Vec<u8> {
    let mut out = String::from("$'");
    for byte in bytes {
        match byte {
            b'\n' => out += "\\n",
            b'\'' | b'\\' => out += &format!("\\{}", char::from(*byte)),
            b' '..=b'~' => out.push(char::from(*byte)),
            _ => out += &format!("\\{byte:03o}"),
        }
    }
    (out + "'").into_bytes()
}

fn repr(bytes: &[u8]) -> Vec<u8> {
    let text = text(bytes).replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t");
    let with = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let text = if with == '\'' { text.replace('\'', "\\'") } else { text };
    format!("{with}{text}{with}").into_bytes()
}

fn c_literal(bytes: &[u8], choices: u64) -> Vec<u8> {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out += &format!("\\{}", char::from(*byte)),
            b' '..=b'~' => out.push(char::from(*byte)),
            _ if choices & 1 == 0 => out += &format!("\\{byte:03o}"),
            _ => out += &format!("\\x{byte:02x}"),
        }
    }
    out.into_bytes()
}

fn wrapped(text: &str, width: usize, end: &str) -> Vec<u8> {
    let lines: Vec<&str> = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(end).into_bytes()
}

fn hex(bytes: &[u8], choices: u64, between: &str) -> Vec<u8> {
    let digits = bytes.iter().map(|byte| if choices & 1 == 0 { format!("{byte:02x}") } else { format!("{byte:02X}") });
    digits.collect::<Vec<_>>().join(between).into_bytes()
}

fn column(row: &[u8]) -> String {
    row.iter().map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' }).collect()
}

fn xxd(bytes: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    for (n, row) in bytes.chunks(16).enumerate() {
        let groups: Vec<String> = row.chunks(2).map(|pair| utf8(hex(pair, 0, ""))).collect();
        out += &format!("{:08x}: {:39}  {}\n", n * 16, groups.join(" "), column(row));
    }
    out.into_bytes()
}

fn hexdump(bytes: &[u8], with_text: bool) -> Vec<u8> {
    let mut out = String::new();
    for (n, row) in bytes.chunks(16).enumerate() {
        if with_text {
            let halves: Vec<String> = row.chunks(8).map(|half| utf8(hex(half, 0, " "))).collect();
            out += &format!("{:08x}  {:48}  |{}|\n", n * 16, halves.join("  "), column(row));
        } else {
            out += &format!("{:07o} {}\n", n * 16, utf8(hex(row, 0, " ")));
        }
    }
    out.into_bytes()
}
