//! [`Scanner`]: searches texts one after the other, in pieces, with a window of some kilobytes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::declared::DeclaredSecrets;
use super::forms;
use crate::redact::SecretSearch;

/// What is kept of earlier pieces: more than the longest key, and more than `redact` holds back.
const KEPT: usize = 16 << 10;

/// A secret that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    /// Its line, counted from 1.
    pub line: u64,
    /// What it is: "the secret `TOKEN`", "a GitHub token".
    pub what: String,
    /// Whether it is the value of a declared secret, and not only of a known form.
    pub is_declared: bool,
}

/// Searches texts one after the other.
#[derive(Debug)]
pub struct Scanner {
    declared: Arc<DeclaredSecrets>,
    search: Option<SecretSearch>,
    /// The end of what has come of the text, from `base` on.
    window: Vec<u8>,
    base: u64,
    /// How many lines ended before `base`.
    lines: u64,
    /// Keys that begin before this position have been searched for.
    searched: u64,
}

impl Scanner {
    /// A scanner for the secrets `declared`, and for keys of well-known forms.
    pub fn new(declared: Arc<DeclaredSecrets>) -> Self {
        let search = declared.search();
        Self { declared, search, window: Vec::new(), base: 0, lines: 0, searched: 0 }
    }

    /// Searches a whole text.
    pub fn text(&mut self, text: &[u8]) -> BTreeSet<Leak> {
        self.push(text, true)
    }

    /// Takes the next piece of the current text, with `is_last` its end. Returns what was found since the last
    /// call; the same thing in one line counts once.
    pub fn push(&mut self, piece: &[u8], is_last: bool) -> BTreeSet<Leak> {
        let places = self.search.as_mut().map(|search| search.push(piece, is_last)).unwrap_or_default();
        // A whole text needs no copy.
        let own = std::mem::take(&mut self.window);
        let joined = if own.is_empty() { None } else { Some([own.as_slice(), piece].concat()) };
        let window = joined.as_deref().unwrap_or(piece);
        let index = |position: u64| usize::try_from(position.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let to = if is_last { window.len() } else { window.len().saturating_sub(forms::MAX_LENGTH) };
        let from = index(self.searched).min(to);
        let mut found: Vec<(usize, String, bool)> = Vec::new();
        forms::find(window, from..to, |at, form| found.push((at, form.what.to_owned(), false)));
        for place in places {
            let (start, end) = (index(place.start), index(place.end).min(window.len()));
            if let Some(what) = self.declared.which(window, start.min(end), end) {
                found.push((start, what.to_owned(), true));
            }
        }
        let line = |at: usize| self.lines + count_lines(&window[..at]) + 1;
        let leak = |(at, what, is_declared)| Leak { line: line(at), what, is_declared };
        let leaks = found.into_iter().map(leak).collect();
        self.searched = self.base + to as u64;
        if is_last {
            (self.base, self.lines, self.searched) = (0, 0, 0);
        } else {
            let dropped = window.len().saturating_sub(KEPT);
            self.lines += count_lines(&window[..dropped]);
            self.base += dropped as u64;
            self.window = window[dropped..].to_vec();
        }
        leaks
    }
}

fn count_lines(text: &[u8]) -> u64 {
    text.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;
    use crate::leaks::samples::sample;

    const SECRET: &str = "kV9fQ2mZ7LxP4wTn8RbY";

    fn scanner() -> Scanner {
        let named = [("TOKEN".to_owned(), SECRET.to_owned())];
        Scanner::new(Arc::new(DeclaredSecrets::new(&named, &[])))
    }

    fn leaks(text: &str, size: usize) -> Vec<(u64, String)> {
        let mut scanner = scanner();
        let n = text.len().div_ceil(size);
        let pieces = text.as_bytes().chunks(size).enumerate();
        let all: BTreeSet<Leak> = pieces.flat_map(|(at, piece)| scanner.push(piece, at + 1 == n)).collect();
        all.into_iter().map(|leak| (leak.line, leak.what)).collect()
    }

    #[test]
    fn secrets_are_found_with_their_lines_in_pieces_of_any_size() {
        let filler = "an ordinary line of text\n".repeat(1000);
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("x: {SECRET}!"));
        let key = sample("github-token");
        let text = format!("one {SECRET}\n{filler}two {key}\nthree {encoded}\n{filler}");
        let token = "the secret `TOKEN`".to_owned();
        for size in [7, 1000, 4096, 20_000, text.len()] {
            let expected = [(1, token.clone()), (1002, "a GitHub token".to_owned()), (1003, token.clone())];
            assert_eq!(leaks(&text, size), expected, "{size}");
        }
    }

    #[test]
    fn one_text_ends_before_the_next_begins() {
        let mut scanner = scanner();
        assert!(scanner.text(&SECRET.as_bytes()[..12]).is_empty());
        assert!(scanner.text(&SECRET.as_bytes()[12..]).is_empty());
        assert_eq!(scanner.text(format!("\n{SECRET}").as_bytes()).into_iter().next().unwrap().line, 2);
        assert_eq!(scanner.text(SECRET.as_bytes()).into_iter().next().unwrap().line, 1);
    }
}
