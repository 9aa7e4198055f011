//! [`Pattern`]: a regular expression, as those who write checks use it.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// A regular expression, in which `^` and `$` are the ends of a line. What it says is checked at once. It is compiled
/// when something is first matched: a run with nothing to do matches nothing.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    compiled: OnceLock<Result<Regex, String>>,
}

impl Pattern {
    /// Reads `text`. Fails with what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match regex_syntax::ParserBuilder::new().multi_line(true).build().parse(text) {
            Ok(_) => Ok(Self { text: text.to_owned(), compiled: OnceLock::new() }),
            Err(error) => Err(wrong(text, &error.to_string())),
        }
    }

    /// Whether it matches anywhere in `text`. Fails where it is too big to be compiled.
    pub fn is_match(&self, text: &str) -> Result<bool, String> {
        let compile = || {
            let regex = RegexBuilder::new(&self.text).multi_line(true).build();
            regex.map_err(|error| wrong(&self.text, &error.to_string()))
        };
        self.compiled.get_or_init(compile).as_ref().map(|regex| regex.is_match(text)).map_err(Clone::clone)
    }
}

/// Says that `pattern` is no regular expression. The last line of `error` says why, those before show where.
fn wrong(pattern: &str, error: &str) -> String {
    let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
    format!("`{pattern}` is not a regular expression: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_parses_and_can_not_be_compiled_says_so_when_it_is_used() {
        let pattern = Pattern::parse(r"\w{1000}{1000}").unwrap();
        for _ in 0..2 {
            let error = pattern.is_match("a").unwrap_err();
            assert!(error.contains("size limit"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_at_once() {
        for (text, why) in [
            ("(", "`(` is not a regular expression: unclosed group"),
            (r"\p{Nothing}", r"`\p{Nothing}` is not a regular expression: Unicode property not found"),
        ] {
            assert_eq!(Pattern::parse(text).unwrap_err(), why);
        }
    }

    #[test]
    fn the_ends_of_lines_are_ends() {
        let pattern = Pattern::parse("^b$").unwrap();
        assert_eq!((pattern.is_match("a\nb\nc"), pattern.is_match("abc")), (Ok(true), Ok(false)));
    }
}
