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

/// Returns lines as a block of code in a language, which nothing in them can end.
pub(crate) fn fenced<'a>(language: &str, lines: impl Iterator<Item = &'a str>) -> String {
    let lines: Vec<_> = lines.map(text::plain).collect();
    let longest = lines.iter().flat_map(|line| line.split(|c: char| c != '`')).map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        assert_eq!(escaped("a_b *c* [d](e) <f> #1 | `g`\x1b[2J"), "a\\_b \\*c\\* \\[d\\](e) \\<f\\> \\#1 \\| \\`g\\`");
        assert_eq!(in_code("a`b"), "a'b");
        assert_eq!(fenced("text", ["a", "b"].into_iter()), "```text\na\nb\n```\n");
        assert_eq!(fenced("text", ["x ```` y", "```"].into_iter()), "`````text\nx ```` y\n```\n`````\n");
    }
}
