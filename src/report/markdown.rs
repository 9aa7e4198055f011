//! Text for Markdown: what steps and tools print is never markup.

use crate::report::text;

/// Returns text for between backticks.
pub(crate) fn in_code(value: &str) -> String {
    text::plain(value).replace('`', "'")
}

/// Escapes text for Markdown.
pub(crate) fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in text::plain(value).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        assert_eq!(escaped("a_b *c* [d](e) <f> #1 | `g`\x1b[2J"), "a\\_b \\*c\\* \\[d\\](e) \\<f\\> \\#1 \\| \\`g\\`");
        assert_eq!(in_code("a`b"), "a'b");
    }
}
