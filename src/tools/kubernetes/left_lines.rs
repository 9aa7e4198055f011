//! [`with_left_lines`]: YAML with lines of a quoted text that begin no further to the right than the key.

use std::borrow::Cow;

use serde_saphyr::Error;

/// What is said of such a line.
const LEFT: &str = "invalid indentation in multiline quoted scalar";

/// The most such lines of one document that are read.
const MAX_LINES: usize = 500;

/// How far a line is moved: further than any key stands.
const COLUMNS: usize = 200;

/// Reads a document with `read`. helm and the API server take such lines, and many definitions have them; how far to
/// the right they begin counts for nothing, so they are moved until they can be read.
pub fn with_left_lines<T>(text: &str, read: impl Fn(&str) -> Result<T, Error>) -> Result<T, Error> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_LINES {
        let error = match read(&text) {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        let line = error.location().and_then(|location| usize::try_from(location.line()).ok());
        let line = line.filter(|_| error.to_string().contains(LEFT));
        match line.and_then(|line| moved(&text, line)) {
            Some(moved) => text = Cow::Owned(moved),
            None => return Err(error),
        }
    }
    read(&text)
}

/// The text with one of its lines further to the right.
fn moved(text: &str, line: usize) -> Option<String> {
    let at = match line.checked_sub(2) {
        Some(before) => text.match_indices('\n').nth(before)?.0 + 1,
        None => 0,
    };
    let (before, after) = text.split_at(at);
    Some(format!("{before}{}{after}", " ".repeat(COLUMNS)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn lines_of_a_quoted_text_may_begin_anywhere() {
        let read = |text: &str| with_left_lines(text, |text| serde_saphyr::from_str::<Value>(text)).ok();
        let text = "a:\n  b: 'one\n  two\n\nthree'\n  c: \"[\n  \\\"x\\\"\n  ]\"\nd: 1\n";
        assert_eq!(read(text), Some(json!({"a": {"b": "one two\nthree", "c": "[ \"x\" ]"}, "d": 1})));
        // What is wrong stays wrong.
        assert_eq!(read("a: 'one\n  two\nb: 1\n"), None);
        assert_eq!(read("a: [1\nb: 2\n"), None);
    }
}
