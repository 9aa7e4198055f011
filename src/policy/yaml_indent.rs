//! Indentation of YAML by two spaces, read line by line: the parser forgets how its text was indented, and templates of
//! a chart are no YAML before they are rendered.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::rule::Spot;
use super::source::{SourceFile, extension, file_name};
use crate::leaks::Scanner;

/// Files that a program writes.
const GENERATED: &[&str] = &["pnpm-lock.yaml"];

/// What begins a block of text, whose lines may be indented as they like.
static BLOCK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:^|[:\-?]\s|[:\-?]\s.*\s)[|>][+\-0-9]{0,2}\s*(?:#.*)?$").ok());
static KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"^(?:"[^"]*"|'[^']*'|[^\s#'"\[\]{},&*!|>%@`-][^#]*?|-[^\s][^#]*?)\s*:(?:\s|$)"#).ok()
});
static TEMPLATE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{\{.*?\}\}").ok());

pub(super) fn applies(path: &str) -> bool {
    ["yaml", "yml"].contains(&extension(path)) && !GENERATED.contains(&file_name(path))
}

pub(super) fn check(file: &SourceFile, _: &mut Scanner) -> Vec<Spot> {
    let Some(text) = file.text() else { return vec![Spot::at(0, "it is no text")] };
    let mut reader = Reader::default();
    for (index, line) in text.lines().enumerate() {
        reader.line(index, line);
    }
    reader.spots
}

/// What is open at the beginning of a line.
#[derive(Default)]
struct Reader {
    /// The columns of the blocks that the line is in, from the outermost on.
    columns: Vec<usize>,
    /// Lines that are indented deeper than this are text.
    text_below: Option<usize>,
    /// How many brackets are open.
    brackets: usize,
    /// The quote of a string that goes on.
    quote: Option<char>,
    /// Whether an action of a template goes on.
    in_template: bool,
    spots: Vec<Spot>,
}

impl Reader {
    fn line(&mut self, index: usize, line: &str) {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let content = line[indent..].trim_end();
        if self.in_template {
            self.in_template = !content.contains("}}");
            return;
        }
        if content.is_empty() || self.is_text(indent) || self.goes_on(content) || content.starts_with('#') {
            return;
        }
        if content.starts_with("{{") {
            self.in_template = !content.contains("}}");
            return;
        }
        if content.starts_with('\t') {
            self.spots.push(Spot::at(index, "indented by a tab"));
            return;
        }
        if indent == 0 && (content.starts_with("---") || content.starts_with("...")) {
            self.columns.clear();
            return;
        }
        let content = TEMPLATE.as_ref().map_or(Cow::from(content), |template| template.replace_all(content, "x"));
        self.block(index, indent, &content);
    }

    /// Whether the line is one of a block of text.
    fn is_text(&mut self, indent: usize) -> bool {
        let is_text = self.text_below.is_some_and(|column| indent > column);
        if !is_text {
            self.text_below = None;
        }
        is_text
    }

    /// Whether the line belongs to a value that began before; then reads on in it.
    fn goes_on(&mut self, content: &str) -> bool {
        let goes_on = self.brackets > 0 || self.quote.is_some();
        if goes_on {
            self.value(content);
        }
        goes_on
    }

    /// A line that begins a key, an item, or goes on with a plain value.
    fn block(&mut self, index: usize, indent: usize, content: &str) {
        let is_key = |text: &str| KEY.as_ref().is_some_and(|key| key.is_match(text));
        let is_item = |text: &str| text == "-" || text.starts_with("- ");
        if !is_key(content) && !is_item(content) {
            // A plain value over several lines, or a document that is nothing but one.
            return;
        }
        while self.columns.last().is_some_and(|column| *column > indent) {
            self.columns.pop();
        }
        if self.columns.last() != Some(&indent) {
            let above = self.columns.last().copied();
            let expected = above.map_or(0, |above| above + 2);
            if indent != expected {
                let deep = above.map_or(indent, |above| indent - above);
                self.spots.push(Spot::at(index, format!("indented by {deep} spaces, expected {}", expected.min(2))));
            }
            self.columns.push(indent);
        }
        let (mut column, mut rest, mut dash) = (indent, content, None);
        while is_item(rest) {
            dash = Some(column);
            let inner = rest[1..].trim_start_matches(' ');
            let width = rest.len() - inner.len();
            if inner.is_empty() || inner.starts_with('#') {
                return;
            }
            if (is_item(inner) || is_key(inner)) && width != 2 {
                self.spots.push(Spot::at(index, format!("{} spaces after `-`, expected 1", width - 1)));
            }
            (column, rest) = (column + width, inner);
            if is_item(rest) || is_key(rest) {
                self.columns.push(column);
            }
        }
        if BLOCK.as_ref().is_some_and(|block| block.is_match(rest)) {
            self.text_below = Some(if is_key(rest) { column } else { dash.unwrap_or(column) });
            return;
        }
        let value = KEY.as_ref().and_then(|key| key.find(rest)).map_or(rest, |key| &rest[key.end()..]);
        if value.trim_start().starts_with(['{', '[', '"', '\'']) {
            self.value(value);
        }
    }

    /// Follows brackets and quotes.
    fn value(&mut self, text: &str) {
        let mut characters = text.chars().peekable();
        let mut before = ' ';
        while let Some(character) = characters.next() {
            match (self.quote, character) {
                (Some('"'), '\\') => drop(characters.next()),
                (Some('\''), '\'') if characters.peek() == Some(&'\'') => drop(characters.next()),
                (Some(quote), character) if quote == character => self.quote = None,
                (None, '"' | '\'') if !before.is_alphanumeric() => self.quote = Some(character),
                (None, '{' | '[') => self.brackets += 1,
                (None, '}' | ']') => self.brackets = self.brackets.saturating_sub(1),
                (None, '#') if before == ' ' => return,
                _ => {}
            }
            before = character;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::leaks::DeclaredSecrets;

    fn found(text: &str) -> Vec<String> {
        let mut scanner = Scanner::new(Arc::new(DeclaredSecrets::default()));
        let spots = check(&SourceFile::new("a.yaml", text), &mut scanner);
        spots.into_iter().map(|spot| format!("{}: {}", spot.line, spot.found)).collect()
    }

    #[test]
    fn yaml_that_is_indented_by_two_is_left_alone() {
        for text in [
            "a: 1\nb:\n  c:\n    - d: 1\n      e: 2\n    - f\n  g: h\n",
            "a:\n- b: 1\n  c:\n  - d\n- e\n",
            "run: |\n     any\n   way\nnext: 1\n",
            "- |\n    text: x\n     more: y\n- a\n",
            "steps:\n  - run: |\n        deep: 1\n      also: 2\n    name: x\n",
            "a: {b: 1,\n      c: [1,\n   2]}\nd: 1\n",
            "a: \"one\n     two: three\"\nb: 'it''s\n   x: y'\nc: it's fine\nd: 1\n",
            "a: plain text\n     that goes on\nb: 1\n",
            "# comment\n   # another\na: 1\n---\nb:\n  c: 1\n",
            "a:\n  {{- if .Values.x }}\n  b: {{ .Values.y | quote }}\n  {{- end }}\n{{- /* a comment\n      x: y */}}\nc:\n  {{- toYaml .Values.z | nindent 4 }}\n",
            "- - a\n  - b\n- c: 1\n  d: 2\n",
            "url: http://x/y\n\"quoted key\": 1\n? x\n",
            "args: [\"-c\", \"a: b\"]\nnext:\n  - --flag=x: y\n",
            "a: !!binary |\n    AAAA\nb: &x\n  c: 1\nd: >-\n   folded\n\n   more\ne: 1\n",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn other_indentation_is_named_with_its_line() {
        for (text, expected) in [
            ("a:\n    b: 1\n", "2: indented by 4 spaces, expected 2"),
            ("a:\n  b:\n     c: 1\n", "3: indented by 3 spaces, expected 2"),
            ("a:\n - b\n", "2: indented by 1 spaces, expected 2"),
            ("a:\n    - b\n", "2: indented by 4 spaces, expected 2"),
            ("- a: 1\n-   b: 1\n", "2: 3 spaces after `-`, expected 1"),
            ("a:\n\tb: 1\n", "2: indented by a tab"),
            ("  a: 1\n", "1: indented by 2 spaces, expected 0"),
            ("a: |\n  text\nb:\n   c: 1\n", "4: indented by 3 spaces, expected 2"),
            ("a: [1,\n  2]\nb:\n   c: 1\n", "4: indented by 3 spaces, expected 2"),
            ("{{- if x }}\na:\n    b: 1\n{{- end }}\n", "3: indented by 4 spaces, expected 2"),
        ] {
            assert_eq!(found(text), [expected], "{text}");
        }
    }
}
