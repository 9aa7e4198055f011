//! Finds the names in an expression. Ids contain `-`, which is a minus sign to the expression language: each name is
//! replaced by a plain word of the same length before it is compiled, so that places stay what they are.

use std::ops::Range;

use super::scope::NAMESPACES;

/// Longest expression; also keeps the number of names below a thousand, so that every word is long enough.
pub(super) const MAX_CODE: usize = 4096;

/// A name in an expression: `steps.build.backend.image`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Its parts.
    pub(super) parts: Vec<String>,
    /// Its bytes in the expression.
    pub(super) at: Range<usize>,
}

/// What is wrong with an expression, and where in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) at: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// What stands before a word and decides what it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// `x.` or `x |`: the word is an attribute or a filter.
    Member,
    /// `x is`: the word is a test.
    Is,
    Other,
}

/// Words of the expression language.
const KEYWORDS: [&str; 13] =
    ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"];

/// All names in `code`.
pub(super) fn names(code: &str) -> Result<Vec<Name>, Mistake> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut before = Before::Other;
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        let start = at;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b'\'' | b'"' => {
                at = string_end(bytes, at).ok_or_else(|| Mistake {
                    at: start..code.len(),
                    message: "a text in this expression has no end".into(),
                    help: None,
                })?;
                before = Before::Other;
            }
            b'0'..=b'9' => {
                at = end_of(bytes, at, |b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
                before = Before::Other;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                at = end_of(bytes, at, is_word);
                let word = &code[start..at];
                before = match before {
                    Before::Is if word == "not" => Before::Is,
                    Before::Member | Before::Is => Before::Other,
                    Before::Other if word == "is" => Before::Is,
                    Before::Other if KEYWORDS.contains(&word) => Before::Other,
                    // A named argument: `default(value='x')`.
                    Before::Other if is_assigned(bytes, at) => Before::Other,
                    Before::Other if NAMESPACES.contains(&word) => {
                        let name = name(code, start..at);
                        at = name.at.end;
                        found.push(name);
                        Before::Other
                    }
                    Before::Other if bytes.get(at) == Some(&b'(') => {
                        return Err(Mistake {
                            at: start..at,
                            message: format!("there is no function `{word}`"),
                            help: Some("values are changed by filters: `vars.name | upper`".into()),
                        });
                    }
                    Before::Other => return Err(no_such_word(start..at, word)),
                };
            }
            b'.' | b'|' => {
                at += 1;
                before = Before::Member;
            }
            _ => {
                at += 1;
                before = Before::Other;
            }
        }
    }
    Ok(found)
}

fn no_such_word(at: Range<usize>, word: &str) -> Mistake {
    let near = super::nearest::nearest(word, NAMESPACES);
    Mistake {
        at,
        message: format!("`{word}` is not a name here"),
        help: Some(match near {
            Some(near) => format!("did you mean `{near}.…`?"),
            None => {
                format!("names begin with `vars.`, `env.`, `cluster.`, `pipeline.` or `steps.`; a text is `'{word}'`")
            }
        }),
    }
}

/// `code` with each of `names` replaced by a word of the same length: the words, and the result.
pub(super) fn with_words(code: &str, names: &[Name]) -> (Vec<String>, String) {
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

/// The name that begins with the namespace at `first`: as many parts as the namespace has.
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

/// A further part at `at`, as `.part` or `['part']`: where it ends, and its text.
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

/// Where the text that begins with the quote at `at` ends.
pub(super) fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
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
    fn names_are_found_and_nothing_else_is() {
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
    fn other_words_are_mistakes() {
        assert_eq!(names(" var.a").unwrap_err().at, 1..4);
        assert_eq!(names("1 + 'a").unwrap_err().at, 4..6);
        assert!(names("not true and 1.5 in [1]").unwrap().is_empty());
    }
}
