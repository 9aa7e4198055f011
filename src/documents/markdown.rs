//! Markdown: headings, tables, code blocks, links, and which of those lead nowhere.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use super::document::{Document, Source};
use super::lines::Lines;
use crate::expr::Tree;
use crate::files::inside;

/// The parts of a file.
#[derive(Default)]
struct Parts {
    headings: Vec<Tree>,
    /// What `#…` of a link may name.
    anchors: Vec<String>,
    tables: Vec<Tree>,
    code: Vec<Tree>,
    links: Vec<Link>,
}

struct Link {
    line: usize,
    text: String,
    target: String,
}

impl Link {
    fn tree(&self) -> Tree {
        let line = Some(self.line);
        let entries = [("text", &self.text), ("target", &self.target)];
        Tree::table(line, entries.map(|(name, value)| (name, Tree::scalar(line, value.as_str()))))
    }
}

pub(super) fn read(source: Source<'_>) -> Document {
    let parts = parts(source.text);
    let broken = parts.links.iter().filter_map(|link| {
        let why = broken(source, &parts.anchors, &link.target)?;
        Some(Tree::scalar(Some(link.line), format!("{}: {why}", link.target)))
    });
    let broken: Vec<Tree> = broken.collect();
    let broken = Tree::list(broken.first().and_then(|first| first.line), broken);
    let root = Tree::table(
        None,
        [
            ("headings", Tree::list(None, parts.headings)),
            ("tables", Tree::list(None, parts.tables)),
            ("code", Tree::list(None, parts.code)),
            ("links", Tree::list(None, parts.links.iter().map(Link::tree))),
            ("broken_links", broken),
        ],
    );
    Document::new(root)
}

/// Why a link leads nowhere; `None` if it leads somewhere, or out into the net.
fn broken(source: Source<'_>, own: &[String], target: &str) -> Option<String> {
    let has_scheme = target.split_once(':').is_some_and(|(scheme, _)| scheme.chars().all(char::is_alphanumeric));
    if has_scheme || target.starts_with("//") {
        return None;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let path = decoded(path.split('?').next().unwrap_or(path));
    let has_anchor = |anchors: &[String]| {
        anchor.is_none_or(|anchor| {
            anchor.is_empty() || anchors.iter().any(|known| *known == decoded(anchor).to_lowercase())
        })
    };
    let no_heading = || Some(format!("there is no heading `#{}`", anchor.unwrap_or_default()));
    if path.is_empty() {
        return if has_anchor(own) { None } else { no_heading() };
    }
    let from = if path.starts_with('/') { Path::new("") } else { source.name.parent().unwrap_or(Path::new("")) };
    let path = from.join(path.trim_start_matches('/'));
    let Ok(inside) = inside("link", &path.to_string_lossy()) else {
        return Some("it leads out of the project".into());
    };
    let full = source.root.join(&inside);
    if !full.exists() {
        return Some(format!("there is no `{}`", inside.display()));
    }
    let is_markdown = inside.extension().is_some_and(|extension| extension == "md");
    if anchor.is_none() || !is_markdown {
        return None;
    }
    let text = fs_err::read_to_string(full).unwrap_or_default();
    if has_anchor(&parts(&text).anchors) { None } else { no_heading() }
}

/// `%20` and its like as what they mean.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a link to a heading names: small letters, digits, `-` for spaces.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn parts(text: &str) -> Parts {
    let lines = Lines::of(text);
    let mut reader = Reader {
        lines,
        parts: Parts::default(),
        open: Vec::new(),
        heading: String::new(),
        table: Vec::new(),
        language: String::new(),
        n_anchors: BTreeMap::new(),
    };
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS).into_offset_iter() {
        reader.read(event, &range);
    }
    reader.parts
}

struct Reader {
    lines: Lines,
    parts: Parts,
    /// The texts that are being read, innermost last: of a heading, a link, a cell, a code block.
    open: Vec<String>,
    /// The last heading.
    heading: String,
    /// The rows of the table that is read, each with its line.
    table: Vec<(usize, Vec<String>)>,
    /// The language of the code block that is read.
    language: String,
    /// How often each heading was there.
    n_anchors: BTreeMap<String, usize>,
}

impl Reader {
    fn read(&mut self, event: Event<'_>, range: &Range<usize>) {
        let line = self.lines.at(range.start);
        match event {
            Event::Start(Tag::Heading { .. } | Tag::TableCell) => self.open.push(String::new()),
            Event::Start(Tag::CodeBlock(kind)) => {
                self.language = match kind {
                    CodeBlockKind::Fenced(info) => info.split([' ', ',', '{']).next().unwrap_or_default().to_owned(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.open.push(String::new());
            }
            Event::Start(Tag::Link { link_type, dest_url, .. }) if link_type != LinkType::Email => {
                self.parts.links.push(Link { line, text: String::new(), target: dest_url.into_string() });
                self.open.push(String::new());
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                self.parts.links.push(Link { line, text: String::new(), target: dest_url.into_string() });
            }
            Event::Start(Tag::TableHead | Tag::TableRow) => self.table.push((line, Vec::new())),
            Event::End(TagEnd::Heading(level)) => self.end_heading(line, level as usize),
            Event::End(TagEnd::Link) => self.end_link(),
            Event::End(TagEnd::TableCell) => {
                let cell = self.open.pop().unwrap_or_default();
                if let Some((_, row)) = self.table.last_mut() {
                    row.push(cell.trim().to_owned());
                }
            }
            Event::End(TagEnd::Table) => self.end_table(),
            Event::End(TagEnd::CodeBlock) => self.end_code(line),
            Event::Text(part) | Event::Code(part) => self.add(&part),
            Event::SoftBreak | Event::HardBreak => self.add(" "),
            _ => {}
        }
    }

    fn add(&mut self, part: &str) {
        self.open.iter_mut().for_each(|text| text.push_str(part));
    }

    fn end_heading(&mut self, line: usize, level: usize) {
        let text = self.open.pop().unwrap_or_default();
        let line = Some(line);
        let entries = [("level", Tree::scalar(line, level)), ("text", Tree::scalar(line, text.as_str()))];
        self.parts.headings.push(Tree::table(line, entries));
        let name = anchor(&text);
        let n = self.n_anchors.entry(name.clone()).or_default();
        self.parts.anchors.push(if *n == 0 { name } else { format!("{name}-{n}") });
        *n += 1;
        self.heading = text;
    }

    fn end_link(&mut self) {
        let text = self.open.pop().unwrap_or_default();
        // An image in a link has no text of its own.
        if let Some(link) = self.parts.links.iter_mut().rev().find(|link| link.text.is_empty()) {
            link.text = text;
        }
    }

    fn end_table(&mut self) {
        let mut rows = std::mem::take(&mut self.table).into_iter();
        let Some((line, header)) = rows.next() else { return };
        let cell = |line, text: &String| Tree::scalar(Some(line), text.as_str());
        let rows = rows.map(|(line, cells)| {
            let cells = header.iter().zip(&cells).map(|(name, text)| (name.clone(), cell(line, text)));
            Tree::table(Some(line), cells.collect::<Vec<_>>())
        });
        let rows = Tree::list(Some(line), rows.collect::<Vec<_>>());
        let entries = [
            ("heading", Tree::scalar(Some(line), self.heading.as_str())),
            ("header", Tree::list(Some(line), header.iter().map(|name| cell(line, name)))),
            ("rows", rows),
        ];
        self.parts.tables.push(Tree::table(Some(line), entries));
    }

    fn end_code(&mut self, line: usize) {
        let text = self.open.pop().unwrap_or_default();
        let language = std::mem::take(&mut self.language);
        let line = Some(line);
        let entries = [
            ("language", Tree::scalar(line, language)),
            ("text", Tree::scalar(line, text)),
            ("heading", Tree::scalar(line, self.heading.as_str())),
        ];
        self.parts.code.push(Tree::table(line, entries));
    }
}
