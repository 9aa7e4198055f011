//! [`SecretSearch`]: where secrets are in texts, for a reader that reports them instead of masking them.

use std::sync::Arc;

use super::Redactor;
use super::masking::Masking;
use super::matcher::Matcher;

/// A part of the text that holds a secret or a piece of one, whatever it is encoded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretPlace {
    /// Its first byte, counted from the beginning of the text.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
}

/// Searches texts one after the other, each in pieces of any size.
pub struct SecretSearch {
    matcher: Arc<Matcher>,
    masking: Masking,
    /// What masking makes of the text: of no use here.
    masked: Vec<u8>,
    /// Where the current text began, in the positions of `masking`.
    began: u64,
}

impl std::fmt::Debug for SecretSearch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretSearch")
    }
}

impl SecretSearch {
    /// A search for what `redactor` knows now; `None` if that is nothing.
    pub fn new(redactor: &Redactor) -> Option<Self> {
        let matcher = redactor.matcher()?;
        let masking = Masking::new(Arc::clone(&matcher)).noting_places();
        Some(Self { matcher, masking, masked: Vec::new(), began: 0 })
    }

    /// Takes the next piece of the current text, with `is_last` the end of it. Returns the places that are complete, in
    /// order: a place may begin in an earlier piece.
    pub fn push(&mut self, piece: &[u8], is_last: bool) -> Vec<SecretPlace> {
        let is_whole = is_last && self.masking.end() == self.began;
        if is_whole && !self.matcher.is_candidate(piece) {
            return Vec::new();
        }
        self.masking.push(piece, &mut self.masked);
        if is_last {
            self.masking.finish(&mut self.masked);
        }
        self.masked.clear();
        let began = self.began;
        let places = self.masking.take_places().into_iter();
        let places = places.map(|place| SecretPlace { start: place.start - began, end: place.end - began }).collect();
        if is_last {
            self.masking.begin_next();
            self.began = self.masking.end();
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    const SECRET: &str = "correct-horse-battery-staple-9";

    fn search() -> SecretSearch {
        let redactor = Redactor::new();
        redactor.register(SECRET);
        SecretSearch::new(&redactor).unwrap()
    }

    fn places(search: &mut SecretSearch, text: &[u8], size: usize) -> Vec<(u64, u64)> {
        let n = text.len().div_ceil(size);
        let pieces = text.chunks(size).enumerate();
        pieces.flat_map(|(at, piece)| search.push(piece, at + 1 == n)).map(|place| (place.start, place.end)).collect()
    }

    #[test]
    fn a_secret_is_found_where_it_is_in_pieces_of_any_size_and_in_every_text() {
        assert!(SecretSearch::new(&Redactor::new()).is_none());
        let filler = "nothing of interest here\n".repeat(500);
        let text = format!("{filler}x={SECRET}\n{filler}");
        let start = (filler.len() + 2) as u64;
        let mut search = search();
        for size in [1, 7, 4096, 5000, text.len()] {
            assert_eq!(places(&mut search, text.as_bytes(), size), [(start, start + SECRET.len() as u64)], "{size}");
            assert!(places(&mut search, filler.as_bytes(), size).is_empty(), "{size}");
        }
        // What ends one and begins the next of two texts is no secret.
        assert!(search.push(&SECRET.as_bytes()[..15], true).is_empty());
        assert!(search.push(&SECRET.as_bytes()[15..], true).is_empty());
    }

    #[test]
    fn a_place_covers_all_of_an_encoded_secret() {
        let encoded = base64::engine::general_purpose::STANDARD.encode(SECRET);
        let text = format!("data: {encoded}\n");
        let found = places(&mut search(), text.as_bytes(), 5);
        let [(start, end)] = found[..] else { panic!("{found:?}") };
        assert!(start >= 6 && end - start >= SECRET.len() as u64 && end < text.len() as u64, "{start} {end}");
    }
}
