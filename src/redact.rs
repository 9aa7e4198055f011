//! Keeps secrets out of everything that is written: logs, events, failures.
//!
//! Prevention comes first (secrets are only passed by standard input and the Kubernetes API); this is the safety net.
//! `***` replaces a secret in plain form, in base64 (in all three alignments and both alphabets), in JSON and URL
//! encoding, and also when it is split over two chunks.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};

/// The replacement for secrets.
const MASK: &[u8] = b"***";

/// Minimum length of a secret in bytes: masking shorter ones would mask half of every log.
const MIN_BYTES: usize = 4;

/// The secrets of a run. Cheap to clone; all clones share what is registered.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Patterns>>);

#[derive(Default)]
struct Patterns {
    texts: Vec<Vec<u8>>,
    matcher: Option<Arc<AhoCorasick>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// Creates a redactor without secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a secret, each of its lines, and their encoded forms. Returns whether it can be masked: a secret of
    /// less than four bytes can't.
    pub fn register(&self, secret: &str) -> bool {
        let mut patterns = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let lines = secret.lines().map(str::trim).filter(|line| line.len() >= MIN_BYTES);
        for text in std::iter::once(secret.trim()).chain(lines) {
            if text.len() < MIN_BYTES {
                continue;
            }
            let forms = [text.as_bytes().to_vec(), json_form(text), url_form(text.as_bytes())];
            for form in forms.into_iter().chain(base64_forms(text.as_bytes())) {
                if form.len() >= MIN_BYTES && !patterns.texts.contains(&form) {
                    patterns.texts.push(form);
                }
            }
        }
        patterns.matcher = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&patterns.texts)
            .ok()
            .filter(|_| !patterns.texts.is_empty())
            .map(Arc::new);
        secret.trim().len() >= MIN_BYTES
    }

    fn matcher(&self) -> Option<Arc<AhoCorasick>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).matcher.clone()
    }

    /// Returns `bytes` with every secret masked.
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match self.matcher() {
            Some(matcher) if matcher.is_match(bytes) => Cow::Owned(mask(&matcher, bytes)),
            _ => Cow::Borrowed(bytes),
        }
    }

    /// Returns `text` with every secret masked.
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// Returns the length of the longest suffix of `bytes` that may be the start of a secret.
    fn unfinished(&self, bytes: &[u8]) -> usize {
        let patterns = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let longest = patterns.texts.iter().map(Vec::len).max().unwrap_or(0);
        (1..longest.min(bytes.len() + 1))
            .rev()
            .find(|n| {
                let end = &bytes[bytes.len() - n..];
                patterns.texts.iter().any(|text| text.len() > *n && text.starts_with(end))
            })
            .unwrap_or(0)
    }
}

/// Masks secrets in a stream of chunks; holds back bytes that may be the start of one.
#[derive(Debug)]
pub struct RedactStream {
    redactor: Redactor,
    held: Vec<u8>,
}

impl RedactStream {
    /// Creates a stream that masks the secrets that `redactor` has when a chunk arrives.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor, held: Vec::new() }
    }

    /// Adds a chunk, and returns the bytes that can be written.
    pub fn push<'a>(&mut self, chunk: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(matcher) = self.redactor.matcher() else {
            return Cow::Borrowed(chunk);
        };
        self.held.extend_from_slice(chunk);
        let keep = self.redactor.unfinished(&self.held);
        let mut ready = self.held.len() - keep;
        // A complete secret may reach into the bytes that are held back: it is written masked.
        if let Some(last) = matcher.find_iter(&self.held).find(|found| found.start() < ready && found.end() > ready) {
            ready = last.end();
        }
        let rest = self.held.split_off(ready);
        let out = mask(&matcher, &self.held);
        self.held = rest;
        Cow::Owned(out)
    }

    /// Returns the remaining bytes at the end of the stream.
    pub fn finish(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.held);
        self.redactor.bytes(&rest).into_owned()
    }
}

fn mask(matcher: &AhoCorasick, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for found in matcher.find_iter(bytes) {
        out.extend_from_slice(&bytes[from..found.start()]);
        out.extend_from_slice(MASK);
        from = found.end();
    }
    out.extend_from_slice(&bytes[from..]);
    out
}

/// Returns the form of `secret` in a JSON string.
fn json_form(secret: &str) -> Vec<u8> {
    let quoted = serde_json::Value::from(secret).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

/// Returns the form of `secret` in a URL: everything but letters, digits and `-._~` is percent-encoded (RFC 3986, 2.1,
/// 2.3).
fn url_form(secret: &[u8]) -> Vec<u8> {
    let mut form = Vec::with_capacity(secret.len());
    for byte in secret {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            form.push(*byte);
        } else {
            form.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    form
}

/// Returns the parts of base64 text that only depend on `secret`, for its three possible offsets in a group, in the
/// standard and in the URL alphabet (RFC 4648, 4 and 5).
fn base64_forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let usual = standard_base64_forms(secret);
    let for_urls = |form: &Vec<u8>| -> Vec<u8> {
        form.iter()
            .map(|byte| match byte {
                b'+' => b'-',
                b'/' => b'_',
                other => *other,
            })
            .collect()
    };
    let others: Vec<Vec<u8>> = usual.iter().map(for_urls).collect();
    usual.into_iter().chain(others).collect()
}

fn standard_base64_forms(secret: &[u8]) -> Vec<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..3)
        .map(|shift| {
            let mut padded = vec![0_u8; shift];
            padded.extend_from_slice(secret);
            let sextets = padded.len() * 8 / 6;
            // The first sextets have bits of the bytes before the secret.
            let skip = (shift * 8).div_ceil(6);
            (skip..sextets)
                .map(|n| {
                    let (byte, bit) = (n * 6 / 8, n * 6 % 8);
                    let pair = u16::from(padded[byte]) << 8 | u16::from(*padded.get(byte + 1).unwrap_or(&0));
                    ALPHABET[usize::from(pair >> (10 - bit) & 0x3f)]
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_however_the_stream_is_split() {
        let redactor = Redactor::new();
        assert!(redactor.register("hunter22"));
        assert!(redactor.register("hunt the snark"));
        let text = b"a hunter22 b hunt the snark c hunter2 hunthunter22".as_slice();
        let expected = b"a *** b *** c hunter2 hunt***".as_slice();
        assert_eq!(&*redactor.bytes(text), expected);
        for first in 0..text.len() {
            for second in first..text.len() {
                let mut stream = RedactStream::new(redactor.clone());
                let mut out = stream.push(&text[..first]).into_owned();
                out.extend_from_slice(&stream.push(&text[first..second]));
                out.extend_from_slice(&stream.push(&text[second..]));
                out.extend_from_slice(&stream.finish());
                assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(expected), "{first} {second}");
            }
        }
    }

    #[test]
    fn base64_is_masked_at_every_alignment() {
        let redactor = Redactor::new();
        redactor.register("correct horse battery");
        // base64 of "correct horse battery" after no, one and two bytes.
        for coded in
            ["Y29ycmVjdCBob3JzZSBiYXR0ZXJ5", "eGNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==", "eHhjb3JyZWN0IGhvcnNlIGJhdHRlcnk="]
        {
            assert!(redactor.text(coded).contains("***"), "{coded}");
        }
    }

    #[test]
    fn json_and_url_encoded_secrets_are_masked() {
        let redactor = Redactor::new();
        redactor.register("pa\"ss/wo?rd~~");
        for coded in [r#"{"pw":"pa\"ss/wo?rd~~"}"#, "?pw=pa%22ss%2Fwo%3Frd~~&x", "cGEic3Mvd28_cmR-fg=="] {
            assert!(redactor.text(coded).contains("***"), "{coded}");
        }
    }

    #[test]
    fn short_secrets_are_rejected() {
        let redactor = Redactor::new();
        assert!(!redactor.register("abc"));
        assert_eq!(redactor.text("abc"), "abc");
    }

    #[test]
    fn each_line_of_a_secret_is_masked() {
        let redactor = Redactor::new();
        redactor.register("-----BEGIN-----\nMIIEow\n-----END-----\n");
        assert_eq!(redactor.text("x MIIEow y"), "x *** y");
    }
}
