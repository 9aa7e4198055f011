//! [`parse`]: the items of a Markdown file, and the lines that look like items and are none.

use std::collections::HashMap;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::boxes::{self, Boxes, Mark};
use super::id::split;
use super::must::{is_must, is_must_heading};

/// What a file has.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// Its items, in order.
    pub(super) items: Vec<ParsedItem>,
    /// The lines that look like items and are none, in order.
    pub(super) near: Vec<ParsedNear>,
}

/// An item of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ParsedItem {
    /// The byte at which its box begins.
    at: usize,
    /// Its id; `None` if it has none.
    pub(super) id: Option<String>,
    /// The bytes of its id in the file; without one, of its text.
    pub(super) span: Range<usize>,
    pub(super) phase: String,
    pub(super) text: String,
    pub(super) ticked: bool,
    pub(super) dropped: bool,
    pub(super) must: bool,
}

/// A line that looks like an item and is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ParsedNear {
    /// The bytes of the line from its box on.
    pub(super) span: Range<usize>,
    pub(super) problem: String,
}

/// Returns the items of `text`, and what looks like one.
pub(super) fn parse(text: &str) -> Parsed {
    let boxes = boxes::find(text);
    let mut reader = Reader {
        text,
        dropped: boxes.lines.iter().map(|line| (line.at, line.mark == Ok(Mark::Dropped))).collect(),
        found: Parsed::default(),
        phase: String::new(),
        musts: Vec::new(),
        heading: None,
        open: None,
        samples: Vec::new(),
    };
    for (event, range) in Parser::new_ext(&boxes.markdown, Options::ENABLE_TASKLISTS).into_offset_iter() {
        reader.read(&event, range);
    }
    reader.close();
    let Reader { mut found, samples, .. } = reader;
    found.near = near(text, boxes, &found.items, &samples);
    found
}

/// Returns the lines of `boxes` that became no items, outside of `samples`.
fn near(text: &str, boxes: Boxes, items: &[ParsedItem], samples: &[Range<usize>]) -> Vec<ParsedNear> {
    let mut near = Vec::new();
    for line in boxes.lines {
        let end = text[line.at..].find(['\r', '\n']).map_or(text.len(), |length| line.at + length);
        let before = samples.partition_point(|sample| sample.start <= line.at);
        let is_sample = before.checked_sub(1).is_some_and(|last| samples[last].contains(&line.at));
        if is_sample || items.binary_search_by_key(&line.at, |item| item.at).is_ok() {
            continue;
        }
        let problem = match line.mark {
            Ok(_) => "Markdown reads it as code or as text of the paragraph above it: check its indentation".into(),
            Err(problem) => problem,
        };
        near.push(ParsedNear { span: line.at..end, problem });
    }
    near
}

/// Reads the events of a Markdown parser.
struct Reader<'a> {
    text: &'a str,
    /// Whether the box at a byte says that its item is dropped.
    dropped: HashMap<usize, bool>,
    found: Parsed,
    /// The last heading.
    phase: String,
    /// The headings that it stands under, itself included, by their levels: whether each makes its items a MUST.
    musts: Vec<(HeadingLevel, bool)>,
    /// The heading that is being read.
    heading: Option<String>,
    open: Option<OpenItem>,
    /// Fenced code, and HTML with its comments: what looks like an item there is meant as a sample.
    samples: Vec<Range<usize>>,
}

/// An item whose text is being read.
struct OpenItem {
    ticked: bool,
    dropped: bool,
    /// The byte at which its box begins.
    at: usize,
    text: Range<usize>,
}

impl Reader<'_> {
    fn read(&mut self, event: &Event<'_>, range: Range<usize>) {
        if let Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_)) | Tag::HtmlBlock) | Event::InlineHtml(_) = event {
            self.samples.push(range.clone());
        }
        match event {
            Event::Start(Tag::Heading { .. }) => {
                self.close();
                self.heading = Some(String::new());
            }
            Event::End(TagEnd::Heading(level)) => {
                self.phase = self.heading.take().unwrap_or_default();
                self.musts.retain(|(above, _)| above < level);
                self.musts.push((*level, is_must_heading(&self.phase)));
            }
            Event::TaskListMarker(ticked) => {
                self.close();
                let dropped = self.dropped.get(&range.start).is_some_and(|dropped| *dropped);
                self.open = Some(OpenItem { ticked: *ticked, dropped, at: range.start, text: range.end..range.end });
            }
            // The text of the item ends where another block starts, or where the item ends.
            Event::Start(
                Tag::Item | Tag::List(_) | Tag::CodeBlock(_) | Tag::Paragraph | Tag::BlockQuote(_) | Tag::HtmlBlock,
            )
            | Event::End(TagEnd::Item | TagEnd::Paragraph)
            | Event::Rule => self.close(),
            _ => match (&mut self.heading, &mut self.open) {
                (Some(heading), _) => match event {
                    Event::Text(part) | Event::Code(part) => heading.push_str(part),
                    Event::SoftBreak | Event::HardBreak => heading.push(' '),
                    _ => {}
                },
                (None, Some(open)) => open.text.end = open.text.end.max(range.end),
                (None, None) => {}
            },
        }
    }

    /// Ends the open item.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let mut raw = &self.text[open.text.clone()];
        let mut start = open.text.start;
        // The star of an optional task stands right behind its box.
        if let Some(rest) = raw.strip_prefix('*') {
            (raw, start) = (rest, start + 1);
        }
        let parts = split(raw);
        if parts.id.is_none() && parts.text.is_empty() {
            return;
        }
        let lead = raw.len() - raw.trim_start().len();
        let span = parts.id.clone().unwrap_or(lead..raw.trim_end().len());
        self.found.items.push(ParsedItem {
            at: open.at,
            id: parts.id.map(|id| raw[id].to_owned()),
            span: start + span.start..start + span.end,
            phase: self.phase.clone(),
            text: parts.text,
            ticked: open.ticked,
            dropped: open.dropped,
            must: is_must(raw) || self.musts.iter().any(|(_, must)| *must),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the items as `id|phase|text|mark`, and the lines that look like items with their problems.
    fn shown(text: &str) -> (Vec<String>, Vec<String>) {
        let parsed = parse(text);
        let items = parsed.items.iter().map(|item| {
            if let Some(id) = &item.id {
                assert_eq!(&text[item.span.clone()], id);
            }
            let mark = match (item.ticked, item.dropped) {
                (_, true) => "-",
                (true, false) => "x",
                (false, false) => " ",
            };
            format!("{}|{}|{}|{mark}", item.id.as_deref().unwrap_or_default(), item.phase, item.text)
        });
        let near = parsed.near.iter().map(|near| format!("{}: {}", &text[near.span.clone()], near.problem));
        (items.collect(), near.collect())
    }

    #[test]
    fn boxes_are_items_wherever_markdown_reads_them_as_such() {
        let text = "# Tasks\n\n## Phase 1: `setup`\n\n- [ ] T001 [P] [US1] First `thing` in\n  two lines\n  - [x] T002: nested\n\
                    - [ ] no id\n\ttwo lines\n- T003 no box\n\n```\n- [ ] T004 code\n- [] T\n```\n<!-- - [ ] T009 sample\n- [] T -->\n\n\
                    Phase\n2\n---\r\n\r\n- [X] **T005** [x] rest\r\n  of it\r\n> - [~] T006 in a quote\r\n\r\n1. [-] T007 dropped\r\n";
        let (items, near) = shown(text);
        assert_eq!(
            items,
            [
                "T001|Phase 1: setup|First `thing` in two lines| ",
                "T002|Phase 1: setup|nested|x",
                "|Phase 1: setup|no id two lines| ",
                "T005|Phase 2|[x] rest of it|x",
                "T006|Phase 2|in a quote|-",
                "T007|Phase 2|dropped|-",
            ]
        );
        assert!(near.is_empty(), "{near:?}");
    }

    #[test]
    fn task_lists_of_planning_tools_are_read() {
        let open_spec =
            "## 1. Rotate the keys\n- [ ] 1.1 Write the new key\n- [x] 1.2 Remove the old key\n  - Test: it is gone\n";
        assert_eq!(
            shown(open_spec).0,
            ["1.1|1. Rotate the keys|Write the new key| ", "1.2|1. Rotate the keys|Remove the old key|x"]
        );
        let kiro = "# Implementation Plan\n\n- [ ] 1. Set the queue up\n  - [x] 1.1 Declare it\n    - with a limit\n\
                    \x20   - _Requirements: 1.2, 3.4_\n\n  - [ ]* 1.2 Write property tests\n    - **Property 1: order**\n";
        assert_eq!(
            shown(kiro).0,
            [
                "1|Implementation Plan|Set the queue up| ",
                "1.1|Implementation Plan|Declare it|x",
                "1.2|Implementation Plan|Write property tests| ",
            ]
        );
    }

    #[test]
    fn an_item_is_a_must_by_its_text_or_by_a_heading_above_it() {
        let text = "# Plan\n- [ ] T1 a\n- [ ] T2 [MUST] a\n## Must have\n- [ ] T3 a\n### Sub\n- [ ] T4 a\n\
                    ## Should have\n- [ ] T5 a\n- [ ] T6 it MUST\n  go on\n- [ ] **T7** a\n  - it MUST not count\n";
        let items = parse(text).items;
        let musts: Vec<&str> = items.iter().filter(|item| item.must).filter_map(|item| item.id.as_deref()).collect();
        assert_eq!((items.len(), musts), (7, vec!["T2", "T3", "T4", "T6"]));
    }

    #[test]
    fn every_line_that_looks_like_an_item_is_one_or_is_told() {
        let text = "- [x] T001 a\n- [] T004 b\n- [ x ] T006 c\n-[ ] T007 d\n* [ ]T008 e\n\ntext\n\n    - [ ] T009 code\n\n- [ ]\n";
        let (items, near) = shown(text);
        assert_eq!(items.len(), 1, "{items:?}");
        let lines: Vec<&str> = near.iter().map(|line| line.split(": ").next().unwrap()).collect();
        assert_eq!(lines, ["[] T004 b", "[ x ] T006 c", "[ ] T007 d", "[ ]T008 e", "[ ] T009 code", "[ ]"]);
        assert!(near[4].contains("check its indentation"), "{near:?}");
    }
}
