//! Reads checklists: the task list items of a Markdown file that have an id.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::config::syntax::diagnostic::{Diagnostic, Report, Source};
use crate::config::syntax::fields::SpannedString;
use crate::model::{Item, ItemId};

/// Maximum size: a checklist is written by hand, a larger file is something else.
const MAX_BYTES: u64 = 4 << 20;

/// An item with the place of its id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ParsedItem {
    pub(crate) item: Item,
    /// The bytes of its id in the file.
    pub(crate) id_span: Range<usize>,
}

/// Returns the items of all `files`, and whether all files could be read.
pub(crate) fn read(report: &Report, root: &Path, files: &[SpannedString]) -> (Vec<Item>, bool) {
    let mut all: Vec<Item> = Vec::new();
    let mut places: BTreeMap<ItemId, (Arc<Source>, Range<usize>)> = BTreeMap::new();
    let mut complete = true;
    for file in files {
        let name = file.get_ref();
        let text = match read_text(&root.join(name)) {
            Ok(text) => text,
            Err(why) => {
                report.error(file.span(), "", format!("can't read the checklist `{name}`: {why}"));
                complete = false;
                continue;
            }
        };
        let source = Arc::new(Source { name: name.clone(), text });
        let before = all.len();
        for found in parse(&source.text) {
            if let Some((other, first)) = places.get(&found.item.id) {
                report.add(
                    Diagnostic::error(format!("the item `{}` is defined twice", found.item.id))
                        .at(&source, found.id_span, "defined again here")
                        .at(other, first.clone(), "first defined here"),
                );
            } else {
                places.insert(found.item.id.clone(), (Arc::clone(&source), found.id_span));
                all.push(found.item);
            }
            if report.is_full() {
                return (all, false);
            }
        }
        if all.len() == before {
            report.add(
                Diagnostic::warning(format!("the checklist `{name}` has no items"))
                    .at(report.source(), file.span(), "")
                    .note("an item is a task list item with an id: `- [ ] T001 …`"),
            );
        }
    }
    (all, complete)
}

fn read_text(path: &Path) -> Result<String, String> {
    let meta = fs_err::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".into(),
        kind => kind.to_string(),
    })?;
    if !meta.is_file() {
        return Err("it is not a regular file".into());
    }
    if meta.len() > MAX_BYTES {
        return Err(format!("it is larger than {} MiB", MAX_BYTES >> 20));
    }
    let bytes = fs_err::read(path).map_err(|error| error.kind().to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not valid UTF-8")?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// Returns the items of a checklist, in its order.
pub(crate) fn parse(text: &str) -> Vec<ParsedItem> {
    let mut found = Vec::new();
    let mut phase = String::new();
    let mut heading: Option<String> = None;
    let mut open: Option<OpenItem> = None;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TASKLISTS).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => phase = heading.take().unwrap_or_default(),
            Event::Text(part) | Event::Code(part) if heading.is_some() => {
                heading.get_or_insert_default().push_str(&part);
            }
            Event::TaskListMarker(ticked) => {
                found.extend(open.take().and_then(|open| open.close(text, &phase)));
                open = Some(OpenItem { ticked, text: range.end..range.end });
            }
            // The text of the item ends where another block starts, or where the item ends.
            Event::Start(
                Tag::Item | Tag::List(_) | Tag::CodeBlock(_) | Tag::Paragraph | Tag::BlockQuote(_) | Tag::HtmlBlock,
            )
            | Event::End(TagEnd::Item | TagEnd::Paragraph)
            | Event::Rule => found.extend(open.take().and_then(|open| open.close(text, &phase))),
            _ => {
                if let Some(open) = &mut open {
                    open.text.end = open.text.end.max(range.end);
                }
            }
        }
    }
    found.extend(open.and_then(|open| open.close(text, &phase)));
    found
}

/// A task list item whose text is being read.
struct OpenItem {
    ticked: bool,
    text: Range<usize>,
}

impl OpenItem {
    /// Returns the item, if it has an id.
    fn close(self, text: &str, phase: &str) -> Option<ParsedItem> {
        let raw = text.get(self.text.clone())?;
        let skip = raw.len() - raw.trim_start().trim_start_matches("**").len();
        let word = raw[skip..].split_whitespace().next()?;
        let id = word.trim_end_matches("**").trim_end_matches([':', '.', ',']).trim_end_matches("**");
        if !is_id(id) {
            return None;
        }
        let start = self.text.start + skip;
        let mut words = raw[skip + word.len()..].split_whitespace().peekable();
        // `[P]` and `[US1]` are markers for planning, not part of the text.
        while words.next_if(|word| is_marker(word)).is_some() {}
        Some(ParsedItem {
            item: Item {
                id: ItemId::new(id).ok()?,
                phase: phase.to_owned(),
                text: words.collect::<Vec<_>>().join(" "),
                ticked: self.ticked,
            },
            id_span: start..start + id.len(),
        })
    }
}

/// Returns whether `word` is an id: capitals, then a number, as in `T014`, `US-2`, `T014a`, `REQ-1.2`.
fn is_id(word: &str) -> bool {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let capitals = word.len() - rest.len();
    let rest = rest.strip_prefix(['-', '_']).unwrap_or(rest);
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let tail = &rest[digits..];
    let numbers = |tail: &str| tail.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    capitals > 0
        && digits > 0
        && match tail.as_bytes() {
            [] => true,
            [letter] => letter.is_ascii_lowercase() && digits > 1,
            [b'.', ..] => numbers(&tail[1..]),
            _ => false,
        }
}

fn is_marker(word: &str) -> bool {
    word.strip_prefix('[').and_then(|word| word.strip_suffix(']')).is_some_and(|inner| {
        inner.starts_with(|c: char| c.is_ascii_uppercase()) && inner.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_list_items_with_an_id_are_items() {
        let text = "# Tasks\n\n## Phase 1: `setup`\n\n- [ ] T001 [P] [US1] First `thing` in\n  two lines\n  - [x] T002: nested\n\
                    - [ ] no id\n- [ ] Go1 is one\n- T003 no box\n\n```\n- [ ] T004 code\n```\n\n## Phase 2\r\n\r\n- [X] **T005** [x] rest\r\n";
        let items: Vec<_> = parse(text)
            .into_iter()
            .map(|found| {
                assert_eq!(&text[found.id_span], found.item.id.as_str());
                (found.item.id.to_string(), found.item.phase, found.item.text, found.item.ticked)
            })
            .collect();
        let row =
            |id: &str, phase: &str, text: &str, ticked| (id.to_owned(), phase.to_owned(), text.to_owned(), ticked);
        assert_eq!(
            items,
            [
                row("T001", "Phase 1: setup", "First `thing` in two lines", false),
                row("T002", "Phase 1: setup", "nested", true),
                row("T005", "Phase 2", "[x] rest", true),
            ]
        );
    }

    #[test]
    fn ids_are_capitals_and_a_number() {
        for id in ["T014", "T1", "US-2", "T014a", "REQ-1.2", "A_1"] {
            assert!(is_id(id), "{id}");
        }
        for word in ["", "Create", "K8s", "t014", "014", "T", "T-", "T1.", "Go1.22", "T014ab", "T1é"] {
            assert!(!is_id(word), "{word}");
        }
    }
}
