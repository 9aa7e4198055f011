//! Rust as tokens, as far as messages need it.

/// A token of Rust, as far as messages need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A word, a number or punctuation; `::`, `=>` and `||` are one token.
    Code(String),
    /// The value of a string literal.
    Text(String),
}

impl Token {
    pub(crate) fn is(&self, code: &str) -> bool {
        matches!(self, Self::Code(text) if text == code)
    }
}

/// Splits Rust code into tokens, without comments.
pub(crate) fn tokens(code: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let length = if c.is_whitespace() {
            c.len_utf8()
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some((value, length)) = string(rest) {
            tokens.push(Token::Text(value));
            length
        } else if let Some(length) = character(rest) {
            length
        } else {
            let length = code_length(rest, c);
            tokens.push(Token::Code(rest[..length].to_owned()));
            length
        };
        rest = &rest[length..];
    }
    tokens
}

fn code_length(rest: &str, first: char) -> usize {
    if first.is_alphanumeric() || first == '_' {
        return rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    }
    if ["::", "=>", "||"].iter().any(|pair| rest.starts_with(pair)) { 2 } else { first.len_utf8() }
}

/// The value and the length of the string literal that `rest` starts with.
pub(crate) fn string(rest: &str) -> Option<(String, usize)> {
    let body = rest.strip_prefix('b').unwrap_or(rest);
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inner = raw[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = inner.find(&close)?;
        let length = rest.len() - inner.len() + end + close.len();
        return Some((inner[..end].to_owned(), length));
    }
    let inner = body.strip_prefix('"')?;
    let mut value = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, rest.len() - inner.len() + at + 1)),
            '\\' => match chars.next()?.1 {
                '\n' => {
                    // A line that continues: its indentation is not part of the value.
                    let next = chars.as_str();
                    let indent = next.len() - next.trim_start().len();
                    chars.by_ref().take(next[..indent].chars().count()).for_each(drop);
                }
                'n' => value.push_str("\\n"),
                't' => value.push('\t'),
                escaped => value.push(escaped),
            },
            _ => value.push(c),
        }
    }
    None
}

/// The length of the character literal that `rest` starts with. A lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('\'')?;
    let skipped = rest.len() - inner.len();
    if let Some(escaped) = inner.strip_prefix('\\') {
        let first = escaped.chars().next()?;
        let end = escaped[first.len_utf8()..].find('\'')?;
        return Some(skipped + 1 + first.len_utf8() + end + 1);
    }
    let first = inner.chars().next()?;
    inner[first.len_utf8()..].starts_with('\'').then_some(skipped + first.len_utf8() + 1)
}

/// The arguments of the call whose opening parenthesis is at `open`.
pub(crate) fn arguments(tokens: &[Token], open: usize) -> Vec<&[Token]> {
    let mut arguments = Vec::new();
    let mut depth = 0;
    let mut start = open + 1;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        let Token::Code(code) = token else { continue };
        match code.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && code == ",") {
            if at > start {
                arguments.push(&tokens[start..at]);
            }
            start = at + 1;
        }
        if depth == 0 {
            return arguments;
        }
    }
    panic!("a call without an end");
}
