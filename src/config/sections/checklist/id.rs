//! The id at the beginning of a checklist item's text, in the forms that people and planning tools write.

use std::ops::Range;

/// The text of an item, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// The bytes of its id; `None` if it has none.
    pub(super) id: Option<Range<usize>>,
    /// The rest of the text, in one line.
    pub(super) text: String,
}

/// What may stand around an id: emphasis, code, brackets, and the punctuation after it.
const OPENING: [char; 5] = ['*', '_', '`', '(', '['];
const CLOSING: [char; 8] = ['*', '_', '`', ')', ']', ':', '.', ','];

/// Takes the text of an item apart: markers for planning, id, further markers, text.
pub(super) fn split(raw: &str) -> Split {
    let mut words = Words { raw, at: 0 };
    while words.next_if(is_marker).is_some() {}
    let first = words.clone().next();
    let Some((word, id)) = first.and_then(|word| Some((word.clone(), id_in(&raw[word])?))) else {
        return Split { id: None, text: words.rest("") };
    };
    words.next();
    // Of `**T001: the title** and more`, the title stays bold.
    let emphasis = ["**", "__"].into_iter().find(|mark| raw[word.clone()].starts_with(mark));
    let reopened = emphasis.filter(|mark| !raw[word.start + id.end..word.end].contains(mark)).unwrap_or_default();
    while words.next_if(|word| is_marker(word) || matches!(word, "-" | "–" | "—" | ":")).is_some() {}
    Split { id: Some(word.start + id.start..word.start + id.end), text: words.rest(reopened) }
}

/// Returns whether `text` begins with an id of capitals and a number, which no other text begins with.
pub(super) fn begins_with_id(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default();
    id_in(word).is_some_and(|id| word[id].starts_with(|c: char| c.is_ascii_uppercase()))
}

/// Returns the place of the id in `word`.
fn id_in(word: &str) -> Option<Range<usize>> {
    let start = word.len() - word.trim_start_matches(OPENING).len();
    let id = word[start..].trim_end_matches(CLOSING);
    let after = &word[start + id.len()..];
    // A number alone may be the beginning of a sentence: `3 replicas are ready`.
    let is_numbered = id.contains('.') || after.starts_with(['.', ')']) || start > 0;
    let is_id = is_name(id) || (is_number(id) && is_numbered);
    is_id.then_some(start..start + id.len())
}

/// Returns whether `word` is a name with a number: `T014`, `US-2`, `T014a`, `REQ-1.2`.
fn is_name(word: &str) -> bool {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let capitals = word.len() - rest.len();
    let rest = rest.strip_prefix(['-', '_']).unwrap_or(rest);
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let tail = &rest[digits..];
    capitals > 0
        && digits > 0
        && match tail.as_bytes() {
            [] => true,
            [letter] => letter.is_ascii_lowercase() && digits > 1,
            [b'.', ..] => is_number(&tail[1..]),
            _ => false,
        }
}

/// Returns whether `word` is a number or an outline number: `1`, `2.3`, `2.3.1`.
fn is_number(word: &str) -> bool {
    word.split('.').all(|part| !part.is_empty() && part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns whether `word` is a marker for planning, such as `[P]` (parallel) and `[US1]` (user story), and not an id.
fn is_marker(word: &str) -> bool {
    let Some(inner) = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')) else { return false };
    let is_plain =
        inner.starts_with(|c: char| c.is_ascii_uppercase()) && inner.bytes().all(|b| b.is_ascii_alphanumeric());
    is_plain && (!is_name(inner) || inner.starts_with("US"))
}

/// The words of an item's text, with their places.
#[derive(Clone)]
struct Words<'a> {
    raw: &'a str,
    at: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Option<Range<usize>> {
        let rest = &self.raw[self.at..];
        let start = self.at + rest.len() - rest.trim_start().len();
        let length = self.raw[start..].find(char::is_whitespace).unwrap_or(self.raw.len() - start);
        self.at = start + length;
        (length > 0).then_some(start..self.at)
    }

    fn next_if(&mut self, wanted: impl Fn(&str) -> bool) -> Option<Range<usize>> {
        let mut ahead = self.clone();
        let word = ahead.next().filter(|word| wanted(&self.raw[word.clone()]))?;
        *self = ahead;
        Some(word)
    }

    /// Returns the words that are left, with a space between them, after `prefix`.
    fn rest(&self, prefix: &str) -> String {
        let words: Vec<&str> = self.raw[self.at..].split_whitespace().collect();
        let mut text = words.join(" ");
        text.retain(|c| !c.is_control());
        if text.is_empty() { text } else { format!("{prefix}{text}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_forms_of_common_tools() {
        for (raw, id, text) in [
            // spec-kit
            ("T014 [P] [US1] Log in", Some("T014"), "Log in"),
            ("[P] T014 Log in", Some("T014"), "Log in"),
            // OpenSpec
            ("1.1 Log in", Some("1.1"), "Log in"),
            // Kiro
            ("1. Log in", Some("1"), "Log in"),
            ("2.3.1 Log in", Some("2.3.1"), "Log in"),
            // people
            ("**T014** Log in", Some("T014"), "Log in"),
            ("**T014**: Log in", Some("T014"), "Log in"),
            ("**T014: Log in** or out", Some("T014"), "**Log in** or out"),
            ("`US-2` - Log in", Some("US-2"), "Log in"),
            ("[T014] Log in", Some("T014"), "Log in"),
            ("(T014) Log in\n  and out", Some("T014"), "Log in and out"),
            ("T014a — Log in", Some("T014a"), "Log in"),
            ("REQ-1.2, A_1", Some("REQ-1.2"), "A_1"),
            ("T014", Some("T014"), ""),
            // no ids
            ("Log in", None, "Log in"),
            ("**Log in** works", None, "**Log in** works"),
            ("[US1] Log in", None, "Log in"),
            ("3 replicas", None, "3 replicas"),
            ("2026.1 is out", Some("2026.1"), "is out"),
            ("20261126. is a day", None, "20261126. is a day"),
            ("K8s is there", None, "K8s is there"),
            ("Go1.22 builds", None, "Go1.22 builds"),
            ("t014 x", None, "t014 x"),
            ("T1é x", None, "T1é x"),
            ("T- x", None, "T- x"),
            ("", None, ""),
        ] {
            let split = split(raw);
            assert_eq!((split.id.map(|id| &raw[id]), split.text.as_str()), (id, text), "{raw}");
        }
    }

    #[test]
    fn only_an_id_with_capitals_is_sure_to_be_one() {
        assert!(begins_with_id("T001 x") && begins_with_id(" **T001** x"));
        assert!(!begins_with_id("1.1 x") && !begins_with_id("[P] x") && !begins_with_id(""));
    }
}
