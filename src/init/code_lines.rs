//! What of a file is code: the lines for the shell in one of Markdown, and one of a build without its comments.

use crate::init::repository::has_extension;

/// Returns the lines of Markdown that are for the shell: those of blocks of code, and those after `$ `.
pub(super) fn shell_of_markdown(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut fence = None;
    for line in text.lines() {
        let inner = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| inner.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark).filter(|mark| !inner[mark.len()..].contains(mark)),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => lines.push(inner),
            _ if inner.starts_with("$ ") || line.starts_with("    ") || line.starts_with('\t') => lines.push(inner),
            _ => {}
        }
    }
    lines.join("\n")
}

/// Returns the text of a `pom.xml` or of a file of Gradle without its comments.
pub(super) fn without_comments(path: &str, text: &str) -> String {
    let is_xml = has_extension(path, &["xml"]);
    let kinds: &[(&str, &str)] = if is_xml { &[("<!--", "-->")] } else { &[("//", "\n"), ("/*", "*/")] };
    let mut kept = String::new();
    let mut quote = None;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let comment = kinds.iter().find(|(start, _)| quote.is_none() && rest.starts_with(start));
        if let Some((start, end)) = comment {
            let inner = &rest[start.len()..];
            rest = inner.find(end).map_or("", |at| &inner[at..]);
            rest = if *end == "\n" { rest } else { rest.strip_prefix(end).unwrap_or(rest) };
            continue;
        }
        let is_quote = !is_xml && matches!(first, '"' | '\'');
        match quote {
            None if is_quote => quote = Some(first),
            // A string that is not closed ends with its line.
            Some(open) if first == open || first == '\n' => quote = None,
            _ => {}
        }
        kept.push(first);
        rest = &rest[first.len_utf8()..];
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_for_the_shell_stand_in_blocks_or_after_a_prompt() {
        let text = "We pack build x.\n```sh\npack build a\n```\n$ pack build b\n\n    pack build c\n\
                    ```pack build no```\n~~~\n```\npack build d\n~~~\npack build no\n";
        assert_eq!(shell_of_markdown(text), "pack build a\n$ pack build b\npack build c\n```\npack build d");
    }

    #[test]
    fn comments_are_left_out_and_strings_are_not() {
        for (path, text, expected) in [
            ("pom.xml", "<a/><!-- <b/>\n--><c url='http://x'/>", "<a/><c url='http://x'/>"),
            ("pom.xml", "it's <!-- <b/> -->", "it's "),
            ("build.gradle", "id 'a' // id 'b'\nid 'c'", "id 'a' \nid 'c'"),
            ("build.gradle.kts", "/* id\n */id(\"a\")/**/", "id(\"a\")"),
            ("build.gradle", "url 'https://x'\nfrom \"**/*.java\"\n", "url 'https://x'\nfrom \"**/*.java\"\n"),
            ("build.gradle", "a /* b", "a "),
        ] {
            assert_eq!(without_comments(path, text), expected, "{text}");
        }
    }
}
