//! Boxes as the lines of a file have them: also those that Markdown does not know, and what only looks like one.

use super::id::begins_with_id;

/// A box at the beginning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// `[ ]` or `[x]`, which Markdown knows.
    Plain,
    /// `[-]` or `[~]`: it is not going to be done.
    Dropped,
}

/// A line that has a box, or looks as if it had one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LineBox {
    /// The byte at which its box begins.
    pub(super) at: usize,
    /// Its mark; otherwise why it is no item.
    pub(super) mark: Result<Mark, String>,
}

/// The boxes of a file, and its text for a Markdown parser.
#[derive(Debug)]
pub(super) struct Boxes {
    pub(super) lines: Vec<LineBox>,
    /// The text with each box in the form that Markdown knows. Every byte keeps its place.
    pub(super) markdown: String,
}

/// The most letters between the brackets of what looks like a box.
const MAX_INNER: usize = 12;

/// Characters that people put before an item, and that are no bullets in Markdown.
const NO_BULLETS: [char; 5] = ['•', '·', '▪', '–', '—'];

/// Characters that look like boxes.
const DRAWN: [char; 3] = ['☐', '☑', '☒'];

/// Follows a character that is to be drawn as a picture: `✔️`.
const EMOJI_STYLE: char = '\u{fe0f}';

/// Finds the boxes of `text`.
pub(super) fn find(text: &str) -> Boxes {
    let mut boxes = Boxes { lines: Vec::new(), markdown: String::new() };
    let mut replaced: Vec<usize> = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some((found, spaces)) = in_line(line) {
            replaced.extend(spaces.into_iter().flatten().map(|at| start + at));
            boxes.lines.push(LineBox { at: start + found.at, mark: found.mark });
        }
        start += line.len();
    }
    let mut rest = 0;
    for at in replaced {
        boxes.markdown.push_str(&text[rest..at]);
        boxes.markdown.push(' ');
        rest = at + 1;
    }
    boxes.markdown.push_str(&text[rest..]);
    boxes
}

/// Returns the box of a line, and the places of up to two characters that Markdown does not expect in it.
fn in_line(line: &str) -> Option<(LineBox, [Option<usize>; 2])> {
    // Most lines have none.
    if !line.contains('[') && !line.contains(DRAWN) {
        return None;
    }
    let lead = line.len() - line.trim_start_matches([' ', '\t', '>']).len();
    let (bullet, width) = bullet(&line[lead..]);
    let after_bullet = &line[lead + width..];
    let body = after_bullet.trim_start_matches([' ', '\t']);
    let at = line.len() - body.len();
    let found = |problem: String| Some((LineBox { at, mark: Err(problem) }, [None; 2]));
    if body.starts_with(DRAWN) {
        return found("a drawn box is none in Markdown: write `- [ ]`".into());
    }
    let inner = body.strip_prefix('[')?;
    let end = inner.char_indices().take(MAX_INNER + 1).find(|(_, c)| matches!(c, '[' | ']'))?.0;
    let after = inner[end..].strip_prefix(']')?;
    let inner = &inner[..end];
    // A link, its definition, or a footnote.
    if after.starts_with(['(', '[', ':']) || inner.starts_with('^') {
        return None;
    }
    if !looks_like_a_box(inner, after, bullet) {
        return None;
    }
    // Of Kiro: `- [ ]* 2.3 …` is a task that may be left out.
    let star = after.starts_with("* ").then_some(at + end + 2);
    let text = if star.is_some() { &after[1..] } else { after };
    let write = "write `[ ]`, `[x]`, or `[-]` for what is dropped";
    match (bullet, inner) {
        (Bullet::None, _) => found("it has no bullet before the box: write `- [ ]`".into()),
        (Bullet::Other(c), _) => found(format!("`{c}` is no bullet in Markdown: write `- [ ]`")),
        _ if body.len() == after_bullet.len() => found("there is no space before the box: write `- [ ]`".into()),
        (_, "") => found(format!("its box is empty: {write}")),
        (_, " " | "x" | "X" | "-" | "~") if !text.starts_with(char::is_whitespace) && !text.is_empty() => {
            found("there is no space after the box".into())
        }
        _ if text.trim().is_empty() => found("it has a box and no text".into()),
        (_, " " | "x" | "X") => Some((LineBox { at, mark: Ok(Mark::Plain) }, [star, None])),
        (_, "-" | "~") => Some((LineBox { at, mark: Ok(Mark::Dropped) }, [Some(at + 1), star])),
        (_, other) => found(format!("`[{other}]` is no box: {write}")),
    }
}

/// Returns whether brackets at the beginning of a line are meant as a box: they hold a mark, or an id follows.
fn looks_like_a_box(inner: &str, after: &str, bullet: Bullet) -> bool {
    let mark = inner.trim();
    if bullet == Bullet::None {
        return matches!(mark, "" | "x" | "X" | "-" | "~") && after.starts_with(char::is_whitespace);
    }
    is_mark(mark) || begins_with_id(after)
}

/// Returns whether `text` may be the mark of a box: nothing or one character. A digit is rather a reference.
fn is_mark(text: &str) -> bool {
    let mut chars = text.trim_end_matches(EMOJI_STYLE).chars();
    match (chars.next(), chars.next()) {
        (None, _) => true,
        (Some(only), None) => !only.is_ascii_digit(),
        _ => false,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bullet {
    None,
    Markdown,
    Other(char),
}

/// Returns the bullet at the beginning of `text`, and its length.
fn bullet(text: &str) -> (Bullet, usize) {
    match text.chars().next() {
        Some('-' | '*' | '+') => (Bullet::Markdown, 1),
        Some(c) if NO_BULLETS.contains(&c) => (Bullet::Other(c), c.len_utf8()),
        Some(c) if c.is_ascii_digit() => {
            let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let is_bullet = digits <= 9 && text[digits..].starts_with(['.', ')']);
            if is_bullet { (Bullet::Markdown, digits + 1) } else { (Bullet::None, 0) }
        }
        _ => (Bullet::None, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the mark of a line, or the problem; `None` if it has no box.
    fn mark(line: &str) -> Option<Result<Mark, String>> {
        in_line(line).map(|(found, _)| found.mark)
    }

    #[test]
    fn marks_of_common_tools_are_read() {
        for line in
            ["- [ ] a", "* [x] a", "+ [X] a", "1. [ ] a", "2) [x] a", "  > - [ ] a", "\t- [ ]\ta", "- [ ]* 1.1 a"]
        {
            assert_eq!(mark(line), Some(Ok(Mark::Plain)), "{line}");
        }
        for line in ["- [-] a", "- [~] a", "  1. [-] a", "- [-]* 1.1 a"] {
            assert_eq!(mark(line), Some(Ok(Mark::Dropped)), "{line}");
        }
        assert_eq!(find("- [~] a\n- [-]* 1 b\r\n- [ ]* 2 c").markdown, "- [ ] a\n- [ ]  1 b\r\n- [ ]  2 c");
    }

    #[test]
    fn what_only_looks_like_an_item_is_told_with_its_problem() {
        for (line, problem) in [
            ("- [] T004 a", "its box is empty"),
            ("- [✓] T005 a", "`[✓]` is no box"),
            ("- [✔\u{fe0f}] a", "is no box"),
            ("- [ x ] T006 a", "`[ x ]` is no box"),
            ("- [  ] a", "`[  ]` is no box"),
            ("- [/] a", "`[/]` is no box"),
            ("- [done] T005 a", "`[done]` is no box"),
            ("-[ ] T007 a", "no space before the box"),
            ("* [ ]T008 a", "no space after the box"),
            ("- [ ]", "no text"),
            ("• [ ] a", "`•` is no bullet"),
            ("[ ] T001 a", "no bullet before the box"),
            ("☐ T001 a", "a drawn box"),
            ("- ☑ T001 a", "a drawn box"),
        ] {
            let told = mark(line).unwrap().unwrap_err();
            assert!(told.contains(problem), "{line}: {told}");
        }
    }

    #[test]
    fn links_notes_and_text_are_no_boxes() {
        for line in [
            "- [x](url) a",
            "- [T001](url)",
            "- [a][b]",
            "[x]: url",
            "- [^1] a",
            "- [1] a",
            "- [see] a",
            "- [P",
            "- T003 a",
            "[1] a",
            "text [ ] a",
            "- a [ ] b",
            "**[ ]** a",
            "- [a long sentence in brackets] T001",
            "[T001] a",
            "",
        ] {
            assert_eq!(mark(line), None, "{line}");
        }
    }
}
