//! Finds the names in an expression. Ids contain `-`, which the expression language reads as a minus sign: each name is
//! replaced by a plain word of the same length before the expression is compiled, so that spans stay valid.

use std::ops::Range;

use crate::expr::ExprError;
use crate::suggest::nearest;

/// The namespaces of names in expressions.
pub(crate) const NAMESPACES: [&str; 7] = ["vars", "env", "cluster", "checkout", "pipeline", "steps", "secrets"];

/// A name in an expression: `steps.build.backend.image`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// Its parts: namespace first.
    pub(crate) parts: Vec<String>,
    /// Its bytes in the expression.
    pub(crate) at: Range<usize>,
}

/// The token before a word, which decides what the word is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Previous {
    /// `x.` or `x |`: the word is an attribute or a filter.
    Member,
    /// `x is`: the word is a test.
    Is,
    Other,
}

/// Keywords of the expression language.
const KEYWORDS: [&str; 13] =
    ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"];

/// Returns all names in `code`.
pub(crate) fn names(code: &str) -> Result<Vec<Name>, ExprError> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut previous = Previous::Other;
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        let start = at;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b'\'' | b'"' => {
                at = string_end(bytes, at).ok_or_else(|| ExprError {
                    at: start..code.len(),
                    message: "unclosed string in this expression".into(),
                    help: None,
                })?;
                previous = Previous::Other;
            }
            b'0'..=b'9' => {
                at = end_of(bytes, at, |b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
                previous = Previous::Other;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                at = end_of(bytes, at, is_word);
                let word = &code[start..at];
                previous = match previous {
                    Previous::Is if word == "not" => Previous::Is,
                    Previous::Member | Previous::Is => Previous::Other,
                    Previous::Other if word == "is" => Previous::Is,
                    Previous::Other if KEYWORDS.contains(&word) => Previous::Other,
                    // A named argument: `default(value='x')`.
                    Previous::Other if is_assigned(bytes, at) => Previous::Other,
                    Previous::Other if NAMESPACES.contains(&word) => {
                        let name = name(code, start..at);
                        at = name.at.end;
                        found.push(name);
                        Previous::Other
                    }
                    Previous::Other if bytes.get(at) == Some(&b'(') => {
                        return Err(ExprError {
                            at: start..at,
                            message: format!("unknown function `{word}`"),
                            help: Some("use a filter instead: `vars.name | upper`".into()),
                        });
                    }
                    Previous::Other => return Err(unknown_word(start..at, word)),
                };
            }
            b'.' | b'|' => {
                at += 1;
                previous = Previous::Member;
            }
            _ => {
                at += 1;
                previous = Previous::Other;
            }
        }
    }
    Ok(found)
}

fn unknown_word(at: Range<usize>, word: &str) -> ExprError {
    let near = nearest(word, NAMESPACES);
    ExprError {
        at,
        message: format!("unknown name `{word}`"),
        help: Some(if let Some(near) = near {
            format!("did you mean `{near}.…`?")
        } else {
            let last = NAMESPACES[NAMESPACES.len() - 1];
            let others = NAMESPACES[..NAMESPACES.len() - 1].join(".`, `");
            format!("names start with `{others}.` or `{last}.`; a string is `'{word}'`")
        }),
    }
}

/// Replaces each of `names` in `code` by a word of the same length; returns the words and the new code.
pub(crate) fn with_words(code: &str, names: &[Name]) -> (Vec<String>, String) {
    let mut out = String::with_capacity(code.len());
    let mut words = Vec::new();
    let mut from = 0;
    for (n, name) in names.iter().enumerate() {
        let word = format!("{:_<width$}", format!("_{n}"), width = name.at.len());
        out.push_str(&code[from..name.at.start]);
        out.push_str(&word);
        from = name.at.end;
        words.push(word);
    }
    out.push_str(&code[from..]);
    (words, out)
}

/// Parses the name that starts with the namespace at `first`: as many parts as names of that namespace have.
fn name(code: &str, first: Range<usize>) -> Name {
    let bytes = code.as_bytes();
    let namespace = &code[first.clone()];
    let wanted = if namespace == "steps" { 3 } else { 1 };
    let mut parts = vec![namespace.to_owned()];
    let mut end = first.end;
    while parts.len() <= wanted {
        let Some(part) = part(bytes, end) else {
            break;
        };
        parts.push(code[part.1].to_owned());
        end = part.0;
    }
    Name { parts, at: first.start..end }
}

/// Parses a further part at `at`, `.part` or `['part']`; returns where it ends and the span of its text.
fn part(bytes: &[u8], at: usize) -> Option<(usize, Range<usize>)> {
    match bytes.get(at)? {
        b'.' => {
            let end = end_of(bytes, at + 1, |b| is_word(b) || b == b'-');
            (end > at + 1).then_some((end, at + 1..end))
        }
        b'[' => {
            let open = end_of(bytes, at + 1, |b| b == b' ');
            if !matches!(bytes.get(open)?, b'\'' | b'"') {
                return None;
            }
            let close = string_end(bytes, open)?;
            let end = end_of(bytes, close, |b| b == b' ');
            (*bytes.get(end)? == b']').then_some((end + 1, open + 1..close - 1))
        }
        _ => None,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_assigned(bytes: &[u8], at: usize) -> bool {
    let at = end_of(bytes, at, |b| b == b' ');
    bytes.get(at) == Some(&b'=') && bytes.get(at + 1) != Some(&b'=')
}

fn end_of(bytes: &[u8], from: usize, part: impl Fn(u8) -> bool) -> usize {
    from + bytes[from..].iter().take_while(|byte| part(**byte)).count()
}

/// Returns the end of the string that starts with the quote at `at`.
pub(crate) fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let quote = bytes[at];
    let mut next = at + 1;
    loop {
        match *bytes.get(next)? {
            b'\\' => next += 2,
            byte if byte == quote => return Some(next + 1),
            _ => next += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_found() {
        let code = "vars.a-b ~ 'vars.c' | default(value=env.X) ~ steps['build'].wait-db.image.y is not defined";
        let found = names(code).unwrap();
        let texts: Vec<&str> = found.iter().map(|name| &code[name.at.clone()]).collect();
        assert_eq!(texts, ["vars.a-b", "env.X", "steps['build'].wait-db.image"]);
        assert_eq!(found[2].parts, ["steps", "build", "wait-db", "image"]);
        let (words, out) = with_words(code, &found);
        assert_eq!(out.len(), code.len());
        assert_eq!(words[0], "_0______");
    }

    #[test]
    fn unknown_words_are_errors() {
        assert_eq!(names(" var.a").unwrap_err().at, 1..4);
        assert_eq!(names("1 + 'a").unwrap_err().at, 4..6);
        assert!(names("not true and 1.5 in [1]").unwrap().is_empty());
    }
}
