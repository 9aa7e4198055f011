//! Regular expressions in the syntax of Go's `regexp`, as far as a `.dockerignore` pattern can make one.
//!
//! Both engines are descendants of RE2; what differs is how a class is written (`[` is plain within a class in Go and
//! opens another one here), `\Q…\E`, octal escapes, and that `\d`, `\w` and `\b` are ASCII in Go.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

use regex::bytes::{Regex, RegexBuilder};

type Input<'a> = Peekable<Chars<'a>>;

/// Most that one `{…}` may repeat in Go.
const MAX_REPEAT: u32 = 1000;

/// The expression, or `None` where Go refuses it.
pub(super) fn compile(go: &str) -> Option<Regex> {
    let mut input = go.chars().peekable();
    let mut out = String::new();
    let mut repeated = false;
    while let Some(c) = input.next() {
        let was_repeated = std::mem::take(&mut repeated);
        match c {
            '[' => class(&mut input, &mut out)?,
            '\\' if input.next_if_eq(&'Q').is_some() => {
                while let Some(c) = input.next() {
                    if c == '\\' && input.next_if_eq(&'E').is_some() {
                        break;
                    }
                    literal(c, &mut out);
                }
            }
            '\\' => escape(&mut input, &mut out)?,
            '*' | '?' | '{' => {
                let operator = if c == '{' { repeat(&mut input)? } else { Some(c.to_string()) };
                match operator {
                    // Go refuses a repetition of a repetition.
                    Some(_) if was_repeated => return None,
                    Some(operator) => {
                        repeated = true;
                        out.push_str(&operator);
                    }
                    None => literal(c, &mut out),
                }
            }
            // All that stand outside a class without a backslash are meant as operators.
            '(' | ')' | '.' | '^' | '$' | '|' => out.push(c),
            c => literal(c, &mut out),
        }
    }
    RegexBuilder::new(&out).size_limit(64 << 20).build().ok()
}

/// After a `{`: the whole operator, or nothing where it is a plain character, because no numbers and `}` follow.
#[expect(clippy::option_option, reason = "outer: whether Go takes it, inner: whether it is an operator at all")]
fn repeat(input: &mut Input<'_>) -> Option<Option<String>> {
    // As in Go: no leading zeros; beyond a million million it is too much anyway.
    fn number(input: &mut Input<'_>) -> Option<u32> {
        let mut digits = String::new();
        while let Some(digit) = input.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        (!digits.is_empty() && (digits == "0" || !digits.starts_with('0'))).then(|| digits.parse().unwrap_or(u32::MAX))
    }
    let mut ahead = input.clone();
    let Some(least) = number(&mut ahead) else {
        return Some(None);
    };
    let mut most = Some(least);
    if ahead.next_if_eq(&',').is_some() {
        most = None;
        if ahead.peek() != Some(&'}') {
            let Some(number) = number(&mut ahead) else {
                return Some(None);
            };
            most = Some(number);
        }
    }
    if ahead.next() != Some('}') {
        return Some(None);
    }
    *input = ahead;
    if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
        return None;
    }
    let most = most.map(|most| most.to_string()).unwrap_or_default();
    Some(Some(format!("{{{least},{most}}}")))
}

fn literal(c: char, out: &mut String) {
    // Writing to a string does not fail.
    let _ = write!(out, "\\x{{{:x}}}", u32::from(c));
}

/// After a backslash outside a class.
fn escape(input: &mut Input<'_>, out: &mut String) -> Option<()> {
    if let Some(c) = input.next_if(|c| matches!(c, 'A' | 'z')) {
        out.extend(['\\', c]);
    } else if let Some(c) = input.next_if(|c| matches!(c, 'b' | 'B')) {
        let _ = write!(out, "(?-u:\\{c})");
    } else if let Some(set) = set(input)? {
        let _ = write!(out, "[{set}]");
    } else {
        literal(escaped_char(input)?, out);
    }
    Some(())
}

/// A set's name after a backslash, as it is written within a class here: `\d`, `\pL`, `\p{Greek}`.
#[expect(clippy::option_option, reason = "outer: whether Go takes it, inner: whether it is a set at all")]
fn set(input: &mut Input<'_>) -> Option<Option<String>> {
    let name = *input.peek()?;
    let ascii = match name.to_ascii_lowercase() {
        'd' => "0-9",
        's' => "\\t\\n\\x0c\\r ",
        'w' => "0-9A-Za-z_",
        'p' => {
            input.next();
            return Some(Some(format!("\\{name}{}", unicode_name(input)?)));
        }
        _ => return Some(None),
    };
    input.next();
    Some(Some(if name.is_ascii_uppercase() { format!("[^{ascii}]") } else { ascii.to_owned() }))
}

fn unicode_name(input: &mut Input<'_>) -> Option<String> {
    let first = input.next()?;
    if first != '{' {
        return first.is_ascii_alphabetic().then(|| first.to_string());
    }
    let mut name = String::from("{");
    loop {
        match input.next()? {
            '}' => return Some(name + "}"),
            c if c.is_ascii_alphanumeric() || c == '_' || c == '^' => name.push(c),
            _ => return None,
        }
    }
}

/// The one character that an escape stands for.
fn escaped_char(input: &mut Input<'_>) -> Option<char> {
    let octal = |input: &mut Input<'_>| input.next_if(|c| ('0'..='7').contains(c)).and_then(|c| c.to_digit(8));
    let c = input.next()?;
    let code = match c {
        '0'..='7' => {
            let mut code = c.to_digit(8)?;
            let mut n = 0;
            while n < 2
                && let Some(digit) = octal(input)
            {
                code = code * 8 + digit;
                n += 1;
            }
            // One digit alone would be a reference back, unless it is zero.
            if n == 0 && c != '0' {
                return None;
            }
            code
        }
        'x' if input.next_if_eq(&'{').is_some() => {
            let mut code = 0_u32;
            let mut n = 0;
            loop {
                match input.next()? {
                    '}' if n > 0 => break code,
                    c => code = code.checked_mul(16)?.checked_add(c.to_digit(16)?)?,
                }
                n += 1;
            }
        }
        'x' => input.next()?.to_digit(16)? * 16 + input.next()?.to_digit(16)?,
        'a' => 7,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => u32::from(c),
        _ => return None,
    };
    char::from_u32(code)
}

/// After the `[` that opens a class.
fn class(input: &mut Input<'_>, out: &mut String) -> Option<()> {
    out.push('[');
    if input.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    loop {
        let c = *input.peek()?;
        if c == ']' && !first {
            input.next();
            out.push(']');
            return Some(());
        }
        first = false;
        if c == '['
            && let Some(named) = posix_class(input)?
        {
            out.push_str(&named);
            continue;
        }
        let low = class_char(input)?;
        let low = match low {
            ClassChar::Set(set) => {
                out.push_str(&set);
                continue;
            }
            ClassChar::One(c) => c,
        };
        literal(low, out);
        let mut ahead = input.clone();
        if ahead.next() == Some('-') && ahead.peek().is_some_and(|c| *c != ']') {
            *input = ahead;
            // `[a-\d]` is refused.
            let ClassChar::One(high) = class_char(input)? else {
                return None;
            };
            if high < low {
                return None;
            }
            out.push('-');
            literal(high, out);
        }
    }
}

enum ClassChar {
    One(char),
    Set(String),
}

fn class_char(input: &mut Input<'_>) -> Option<ClassChar> {
    let c = input.next()?;
    if c != '\\' {
        return Some(ClassChar::One(c));
    }
    Some(match set(input)? {
        Some(set) => ClassChar::Set(set),
        None => ClassChar::One(escaped_char(input)?),
    })
}

/// `[:alpha:]` within a class; a `[:` without its `:]` is two plain characters.
#[expect(clippy::option_option, reason = "outer: whether Go takes it, inner: whether it is a named class at all")]
fn posix_class(input: &mut Input<'_>) -> Option<Option<String>> {
    const NAMES: [&str; 14] = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
        "word", "xdigit",
    ];
    let rest: String = input.clone().collect();
    let Some(end) = rest.strip_prefix("[:").and_then(|rest| rest.find(":]")) else {
        return Some(None);
    };
    let name = &rest[2..2 + end];
    if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return None;
    }
    let whole = &rest[..end + 4];
    for _ in whole.chars() {
        input.next();
    }
    Some(Some(whole.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_mean_what_they_mean_in_go() {
        let cases = [
            ("^[[^/]*]$", "[[]", true),
            ("^[[^/]*]$", "a]", false),
            ("^a[]x]b$", "a]b", true),
            ("^\\Qa[^/]*$\\E$", "a[^/]*$", true),
            ("^\\101$", "A", true),
            ("^\\x{41}\\x42$", "AB", true),
            ("^\\d$", "٣", false),
            ("^[\\D]$", "x", true),
            ("^[[:alpha:]]$", "q", true),
            ("^[a[:]$", ":", true),
            ("^foo\\b-$", "foo-", true),
            ("^foo\\bx$", "foox", false),
            ("^a|b$", "ax", true),
            ("^ab{2}c{,3}$", "abbc{,3}", true),
        ];
        for (regex, text, expected) in cases {
            assert_eq!(compile(regex).unwrap().is_match(text.as_bytes()), expected, "{regex} {text}");
        }
        for bad in ["\\8", "\\1", "[b-a]", "[[:nope:]]", "\\E", "\\é", "\\C", "[a", "[a-\\d]"] {
            assert!(compile(bad).is_none(), "{bad}");
        }
    }
}
