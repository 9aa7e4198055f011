//! [`pieces`]: splits a string of the file at its expressions.

use std::ops::Range;

use super::lexer::string_end;
use crate::expr::{ExprError, MAX_CODE};

/// A part of a string.
#[derive(Debug)]
pub(crate) enum Piece {
    Text(String),
    /// The bytes of the expression, between the braces.
    Code(Range<usize>),
}

/// Splits `text` at its expressions. `$${{` is an escaped `${{`.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece>, ExprError> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut from = 0;
    while let Some(found) = text[from..].find("${{") {
        let open = from + found;
        if text[from..open].ends_with('$') {
            plain.push_str(&text[from..open - 1]);
            plain.push_str("${{");
            from = open + 3;
            continue;
        }
        plain.push_str(&text[from..open]);
        let code = open + 3;
        // No further than the longest expression: unclosed quotes must not take quadratic time.
        let reach = text.len().min(code + 2 * MAX_CODE);
        let Some(close) = close(&text.as_bytes()[..reach], code) else {
            return Err(ExprError {
                at: open..code,
                message: "unclosed expression".into(),
                help: Some("an expression ends with `}}`; write `$${{` for a literal `${{`".into()),
            });
        };
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Code(code..close));
        from = close + 2;
    }
    plain.push_str(&text[from..]);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// Returns the position of the `}}` that closes the expression that starts at `at`.
fn close(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match *bytes.get(at)? {
            // An unclosed quote: the braces still end the expression, which then reports the error.
            b'\'' | b'"' => at = string_end(bytes, at).unwrap_or(at + 1),
            b'{' => {
                depth += 1;
                at += 1;
            }
            b'}' if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        let shown = |piece| match piece {
            Piece::Text(text) => text,
            Piece::Code(at) => format!("<{}>", &text[at]),
        };
        pieces(text).unwrap().into_iter().map(shown).collect()
    }

    #[test]
    fn braces_and_quotes_inside_do_not_end_it() {
        assert_eq!(split("a ${{ b }} c${{d}}"), ["a ", "< b >", " c", "<d>"]);
        assert_eq!(split("${{ {'a': {'b': '}}'}} }}!"), ["< {'a': {'b': '}}'}} >", "!"]);
        assert_eq!(split("$${{ x }} ${HOME} $$ }}"), ["${{ x }} ${HOME} $$ }}"]);
        assert_eq!(pieces("ab ${{ 'x").unwrap_err().at, 3..6);
    }
}
