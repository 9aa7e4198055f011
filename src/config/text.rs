//! Splits a text of the file at its expressions, and finds where a part of its value is written.

use std::ops::Range;

use super::diagnostic::Source;
use super::lexer::{MAX_CODE, Mistake, string_end};

/// Where bytes of a text's value stand in the file: the text's own place where escapes are in between.
pub(super) fn locate(source: &Source, span: &Range<usize>, text: &str, at: Range<usize>) -> Range<usize> {
    let Some(raw) = source.text.get(span.clone()) else {
        return span.clone();
    };
    for quotes in ["\"\"\"", "'''", "\"", "'"] {
        let Some(inner) = raw.strip_prefix(quotes).and_then(|raw| raw.strip_suffix(quotes)) else {
            continue;
        };
        // A line break right after the opening quotes is not part of the text.
        let trimmed = inner.strip_prefix("\r\n").or_else(|| inner.strip_prefix('\n'));
        let inner = if quotes.len() == 3 { trimmed.unwrap_or(inner) } else { inner };
        if inner == text {
            let start = span.end - quotes.len() - inner.len();
            return start + at.start..start + at.end;
        }
        break;
    }
    // What is written the same and only once is still found.
    let wanted = &text[at];
    let mut found = raw.match_indices(wanted);
    match (found.next(), found.next()) {
        (Some((start, _)), None) if wanted.len() > 2 => span.start + start..span.start + start + wanted.len(),
        _ => span.clone(),
    }
}

#[derive(Debug)]
pub(super) enum Piece {
    Text(String),
    /// The bytes between the braces.
    Code(Range<usize>),
}

/// Splits a text at its expressions. `$${{` stands for `${{` itself.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, Mistake> {
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
        // No further than an expression may reach: a text full of quotes without ends must not take long.
        let reach = text.len().min(code + 2 * MAX_CODE);
        let Some(close) = close(&text.as_bytes()[..reach], code) else {
            return Err(Mistake {
                at: open..code,
                message: "this expression has no end".into(),
                help: Some("it ends with `}}`; `$${{` stands for the characters themselves".into()),
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

/// Where the `}}` stands that ends the expression that begins at `at`.
fn close(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match *bytes.get(at)? {
            // A quote without its end: the braces still end the expression, which then says what is wrong with it.
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

    #[test]
    fn a_place_is_that_of_the_text_where_it_is_written_otherwise() {
        let place = |raw: &str, text: &str, at: Range<usize>| {
            let source = Source { name: String::new(), text: format!("k = {raw}") };
            source.text[locate(&source, &(4..source.text.len()), text, at)].to_owned()
        };
        assert_eq!(place(r#""ab cd""#, "ab cd", 3..5), "cd");
        assert_eq!(place("'''\nab cd'''", "ab cd", 3..5), "cd");
        assert_eq!(place(r#""a\tbcd""#, "a\tbcd", 2..5), "bcd");
        assert_eq!(place(r#""a\tb\n""#, "a\tb\n", 1..3), r#""a\tb\n""#);
    }
}
