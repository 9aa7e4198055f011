//! Keeps secrets out of everything that is written: logs, events, failures.
//!
//! Prevention comes first (secrets travel by standard input and the Kubernetes API alone); this is the net below it.
//! What is printed is rarely the secret as it stands: it is wrapped base64, JSON in JSON, a shell's trace, a dump. So
//! masking does not look for a list of forms. It decodes the stream, and searches what comes of it.
//!
//! **What is searched for** (`texts.rs`): each secret, and each of its lines. Texts of 16 bytes or more are found
//! by any 16 consecutive bytes, shorter ones as a whole (`automaton.rs`). Pieces of fewer than four different bytes
//! are filler and do not count.
//!
//! **Where** (`layer.rs`): in a tree of texts, each decoded from the one above, byte by byte as the stream comes.
//!
//! ```text
//! raw stream ─┬─ three views: as it is · without quotes and backslashes · without white space as well
//!             ├─ base64 (4 alignments), hexadecimal digits (2), dumps (bytes, text column): each searched alike
//!             └─ one layer of escapes undone (JSON, URL, HTML, C, shell): searched again, three deep
//! ```
//!
//! The views without quotes and white space are what makes wrapping, folding, indenting and every way to quote alike.
//! Each decoded byte carries the part of the raw stream that it comes from (`cursor.rs`); a match masks that part,
//! whatever is between.
//!
//! **Cost.** Memory is bounded: a state of the automaton and 16 positions for each view, and four kilobytes of the raw
//! stream at most that may still become a secret. In ordinary text only the last few bytes of a chunk are held back,
//! and line ends hardly ever. An undone text is followed on its own only while it differs from the one above. The tree
//! takes some 100 ns a byte; so big chunks are read by a filter first, which takes 3 ns and leaves to the tree the
//! surroundings of what may be a secret (`filter.rs`). Without secrets nothing is done at all.
//!
//! **What is not found:** encrypted or compressed text, UTF-16 of other than ASCII, other codes (base32, octal or
//! byte-swapped dumps), other cases of letters, and codes deeper than base64 in base64.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use masking::Masking;
use matcher::Matcher;

mod anchors;
mod automaton;
mod codes;
mod cursor;
mod decoded;
mod dump;
mod entities;
mod filter;
mod layer;
mod masking;
mod matcher;
mod search;
mod stream;
#[cfg(test)]
mod tests;
mod texts;
mod unescape;

pub use search::{SecretPlace, SecretSearch};
pub use stream::RedactStream;

/// Shorter secrets would mask half of every log; they are not masked, and the user gets a warning.
const MIN_BYTES: usize = 4;

/// A secret of at least this many bytes does not stand somewhere by chance.
pub(crate) const MIN_CERTAIN: usize = 12;

/// The secrets of a run. Cheap to clone; all clones share what is registered.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    secrets: BTreeSet<String>,
    texts: BTreeSet<Vec<u8>>,
    sources: BTreeSet<Vec<u8>>,
    /// Built when it is first used after a secret was added.
    matcher: Option<Arc<Matcher>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// No secrets yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a secret and each of its lines. Returns whether it can be masked: fewer than four bytes can't.
    pub fn register(&self, secret: &str) -> bool {
        let secret = secret.trim();
        if secret.len() < MIN_BYTES {
            return false;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.secrets.insert(secret.to_owned()) {
            texts::add(secret, &mut known.texts);
            texts::add_sources(secret, &mut known.sources);
            known.matcher = None;
        }
        true
    }

    /// Whether no secret is registered.
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).texts.is_empty()
    }

    /// The secrets themselves, for a search that has to know which of them it found.
    pub fn secrets(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).secrets.iter().cloned().collect()
    }

    /// What is searched for; `None` when there are no secrets.
    fn matcher(&self) -> Option<Arc<Matcher>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.matcher.is_some() || known.texts.is_empty() {
            return known.matcher.clone();
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.matcher.is_none() {
            known.matcher = Some(Arc::new(Matcher::new(&known.texts, &known.sources)));
        }
        known.matcher.clone()
    }

    /// `bytes` with every secret masked.
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(matcher) = self.matcher().filter(|matcher| matcher.is_candidate(bytes)) else {
            return Cow::Borrowed(bytes);
        };
        let mut masking = Masking::new(matcher);
        let mut out = Vec::with_capacity(bytes.len());
        masking.push(bytes, &mut out);
        masking.finish(&mut out);
        if out == bytes { Cow::Borrowed(bytes) } else { Cow::Owned(out) }
    }

    /// Whether there is something to mask in `text`.
    pub fn finds_in(&self, text: &str) -> bool {
        matches!(self.bytes(text.as_bytes()), Cow::Owned(_))
    }

    /// Whether `text` has a secret as it stands, and one that is too long to be there by chance.
    pub fn is_certainly_in(&self, text: &str) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.secrets.iter().any(|secret| secret.len() >= MIN_CERTAIN && text.contains(secret.as_str()))
    }

    /// `text` with every secret masked.
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }
}
