//! [`DeclaredSecrets`]: the values of declared secrets, and which of them a found place holds.

use crate::redact::{Redactor, SecretSearch};

/// Shorter values are met by chance in any program.
const MIN_BYTES: usize = 8;

/// Below this, a value of lower-case letters alone is a word.
const MIN_WORD: usize = 12;

/// Of longer values so many consecutive bytes prove that they are there.
const MAX_NEEDED: usize = 64;

/// Around a found place so many bytes are searched again to learn which secret it is: an escape may begin before it.
const AROUND: usize = 64;

/// What is known of one secret.
#[derive(Debug)]
struct Value {
    what: String,
    /// So many bytes of it have to stand together.
    needed: usize,
    redactor: Redactor,
}

/// The declared secrets whose values are known.
#[derive(Debug, Default)]
pub struct DeclaredSecrets {
    all: Redactor,
    values: Vec<Value>,
    unsearched: Vec<String>,
}

impl DeclaredSecrets {
    /// The secrets `named`, name and value of each, and `others`, whose names are not known: those are generated.
    pub fn new(named: &[(String, String)], others: &[String]) -> Self {
        let mut secrets = Self::default();
        for (name, value) in named {
            if !secrets.add(format!("the secret `{name}`"), value) {
                secrets.unsearched.push(name.clone());
            }
        }
        let is_named = |value: &String| named.iter().any(|(_, named)| named.trim() == value.trim());
        for value in others.iter().filter(|value| !is_named(value)) {
            secrets.add("a generated secret".to_owned(), value);
        }
        secrets
    }

    /// The names of secrets that are too short, or too ordinary, to differ from other text. They are not searched for.
    pub fn unsearched(&self) -> &[String] {
        &self.unsearched
    }

    /// A search for all of them; `None` where there are none.
    pub(super) fn search(&self) -> Option<SecretSearch> {
        SecretSearch::new(&self.all)
    }

    fn add(&mut self, what: String, value: &str) -> bool {
        // A short line of a long secret, such as the last one of a key, is met by chance.
        let lines: Vec<&str> = value.lines().map(str::trim).filter(|line| is_searchable(line)).collect();
        let text = lines.join("\n");
        if text.is_empty() {
            return false;
        }
        let redactor = Redactor::new();
        redactor.register(&text);
        self.all.register(&text);
        let needed = (text.len() * 3 / 4).clamp(1, MAX_NEEDED);
        self.values.push(Value { what, needed, redactor });
        true
    }

    /// Returns which secret `text` has from `start` to `end`; `None` for a piece that is too short to be meant: a piece
    /// of a long secret is also found, and that of an address or of the frame of a key is in many texts.
    pub(super) fn which(&self, text: &[u8], start: usize, end: usize) -> Option<&str> {
        let around = &text[start.saturating_sub(AROUND)..(end + AROUND).min(text.len())];
        let around = String::from_utf8_lossy(around);
        let is_it = |value: &&Value| end - start >= value.needed && value.redactor.finds_in(&around);
        self.values.iter().find(is_it).map(|value| value.what.as_str())
    }
}

fn is_searchable(value: &str) -> bool {
    let is_word = value.bytes().all(|byte| byte.is_ascii_lowercase());
    value.len() >= if is_word { MIN_WORD } else { MIN_BYTES }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_values_and_words_are_not_searched_for_and_that_is_said() {
        let named = [("A", "hunter2"), ("B", "postgres"), ("C", "hunter22"), ("D", "correcthorsebattery")];
        let named = named.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = DeclaredSecrets::new(&named, &["hunter22".to_owned(), "0123456789abcdef".to_owned()]);
        assert_eq!(secrets.unsearched(), ["A", "B"]);
        assert_eq!(secrets.which(b"x hunter22 y", 2, 10), Some("the secret `C`"));
        assert_eq!(secrets.which(b"0123456789abcdef", 0, 16), Some("a generated secret"));
    }

    #[test]
    fn a_piece_of_a_secret_that_other_texts_have_too_is_none() {
        let url = format!("postgresql://todo:{}@todo-postgres:5432/todo", "kV9fQ2mZ7LxP");
        let secrets = DeclaredSecrets::new(&[("URL".to_owned(), url.clone())], &[]);
        assert_eq!(secrets.which(url.as_bytes(), 0, url.len()), Some("the secret `URL`"));
        let other = b"postgresql://todo:other";
        assert_eq!(secrets.which(other, 0, 18), None);
    }
}
