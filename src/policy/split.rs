//! Code apart from its comments and strings, so that a word in a string is not read as a call.

/// How a language writes what is no code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Syntax {
    /// What begins a comment that ends with its line.
    pub(super) line_comments: &'static [&'static str],
    /// What begins and ends a comment.
    pub(super) block_comments: &'static [(&'static str, &'static str)],
    /// What begins and ends a string; longer ones first. A quote of one character ends with its line, unless it is a
    /// backtick.
    pub(super) quotes: &'static [&'static str],
}

/// Source text in two halves of the same length and lines: what is no part of one is blank in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Halves {
    pub(super) code: String,
    pub(super) comments: String,
}

/// What the text is at a place.
#[derive(Clone, Copy)]
enum Place {
    Code,
    LineComment,
    BlockComment(&'static str),
    Text(&'static str),
}

/// Splits `text` as `syntax` says.
pub(super) fn split(text: &str, syntax: &Syntax) -> Halves {
    let mut halves = Halves::default();
    let mut place = Place::Code;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let mut length = character.len_utf8();
        let (mut code, mut comment) = (' ', ' ');
        match place {
            _ if character == '\n' => {
                (code, comment) = ('\n', '\n');
                let ends = matches!(place, Place::LineComment)
                    || matches!(place, Place::Text(quote) if quote.len() == 1 && quote != "`");
                if ends {
                    place = Place::Code;
                }
            }
            Place::Code => {
                let begins = |start: &&&str| rest.starts_with(**start);
                if let Some((start, end)) = syntax.block_comments.iter().find(|(start, _)| rest.starts_with(start)) {
                    (place, length) = (Place::BlockComment(end), start.len());
                } else if let Some(start) =
                    syntax.line_comments.iter().find(begins).filter(|_| begins_comment(text, rest))
                {
                    (place, length) = (Place::LineComment, start.len());
                } else if let Some(quote) = syntax.quotes.iter().find(begins) {
                    (place, length) = (Place::Text(quote), quote.len());
                } else {
                    code = character;
                }
            }
            Place::LineComment => comment = character,
            Place::BlockComment(end) => {
                if rest.starts_with(end) {
                    (place, length) = (Place::Code, end.len());
                } else {
                    comment = character;
                }
            }
            Place::Text(quote) => {
                if character == '\\' {
                    let escaped = rest[1..].chars().next().filter(|escaped| *escaped != '\n');
                    length += escaped.map_or(0, char::len_utf8);
                } else if rest.starts_with(quote) {
                    (place, length) = (Place::Code, quote.len());
                }
            }
        }
        halves.code.push(code);
        halves.comments.push(comment);
        rest = &rest[length..];
    }
    halves
}

/// Whether what begins at `rest` of `text` may be a comment: `a#b` is one word in shells and addresses, and so is
/// `http://`.
fn begins_comment(text: &str, rest: &str) -> bool {
    let before = text[..text.len() - rest.len()].chars().next_back();
    before.is_none_or(|before| before.is_whitespace() || (rest.starts_with("//") && before != ':') || before == ';')
}

#[cfg(test)]
mod tests {
    use super::*;

    const C: Syntax = Syntax { line_comments: &["//"], block_comments: &[("/*", "*/")], quotes: &["\"", "'", "`"] };
    const PYTHON: Syntax = Syntax { line_comments: &["#"], block_comments: &[], quotes: &["\"\"\"", "'''", "\"", "'"] };

    /// Both halves, each without blanks.
    fn halves(text: &str, syntax: &Syntax) -> (String, String) {
        let Halves { code, comments } = split(text, syntax);
        assert_eq!((code.lines().count(), comments.lines().count()), (text.lines().count(), text.lines().count()));
        let plain = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        (plain(code), plain(comments))
    }

    #[test]
    fn code_comments_and_strings_are_told_apart() {
        for (text, code, comments) in [
            ("a // b\nc", "a c", "b"),
            ("a /* b\n c */ d", "a d", "b c"),
            ("x = \"// no /* comment\"; y", "x = ; y", ""),
            ("x = \"it \\\" goes on // \"; y", "x = ; y", ""),
            ("don't\nnext // c", "don next", "c"),
            ("`a\nb`; c", "; c", ""),
            ("http://x", "http://x", ""),
            ("a;// b", "a;", "b"),
        ] {
            assert_eq!(halves(text, &C), (code.to_owned(), comments.to_owned()), "{text}");
        }
        for (text, code, comments) in [
            ("a # b", "a", "b"),
            ("\"\"\"doc\n# no comment 'x'\n\"\"\"\na", "a", ""),
            ("url = x#y", "url = x#y", ""),
            ("'# no' # yes", "", "yes"),
        ] {
            assert_eq!(halves(text, &PYTHON), (code.to_owned(), comments.to_owned()), "{text}");
        }
    }
}
