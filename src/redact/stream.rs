//! Masks secrets in a stream of chunks, also when more secrets are registered meanwhile.

use std::borrow::Cow;

use super::Redactor;
use super::masking::Masking;

/// Masks secrets in a stream of chunks; holds back what may still become a part of one.
#[derive(Debug)]
pub struct RedactStream {
    redactor: Redactor,
    masking: Option<Masking>,
}

impl RedactStream {
    /// A stream that masks what `redactor` knows at the time of each chunk.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor, masking: None }
    }

    /// What can be written after `chunk` has come.
    pub fn push<'a>(&mut self, chunk: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(matcher) = self.redactor.matcher() else {
            return Cow::Borrowed(chunk);
        };
        let mut out = Vec::with_capacity(chunk.len());
        let masking = match &mut self.masking {
            Some(masking) if masking.uses(&matcher) => masking,
            // More secrets are known: what was held back is searched once more.
            Some(masking) => {
                masking.restart(matcher, &mut out);
                masking
            }
            none => none.insert(Masking::new(matcher)),
        };
        masking.push(chunk, &mut out);
        Cow::Owned(out)
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(mut masking) = self.masking.take() {
            masking.finish(&mut out);
        }
        out
    }
}
