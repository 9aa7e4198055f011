//! Reads checklists: the boxes of the task lists in Markdown files.

mod boxes;
mod id;
mod markdown;
mod must;
mod names;
mod tick;

use std::path::Path;
use std::sync::Arc;

use super::pipeline::ChecklistFile;
use crate::config::syntax::diagnostic::{Diagnostic, Report, Source};
use crate::fingerprint::Digest;
use crate::model::{Item, ItemId, ItemPlace, NearItem};

use markdown::ParsedNear;
pub(crate) use names::Items;
pub(crate) use tick::{NewBoxes, tick};

/// Maximum size: a checklist is written by hand, a larger file is something else.
const MAX_BYTES: u64 = 4 << 20;

/// Of the lines that look like items and are none, this many are shown when the file is read.
const MAX_SHOWN: usize = 5;

/// Returns the items of all `files`.
pub(crate) fn read(report: &Report, root: &Path, files: &[ChecklistFile]) -> Items {
    let mut items = Items::new(files.iter().any(|file| file.list.is_some()));
    for (at, file) in files.iter().enumerate() {
        let (name, span) = (file.path.get_ref(), file.path.span());
        if files[..at].iter().any(|other| other.path.get_ref() == name) {
            report.error(span, "", format!("the checklist `{name}` is named twice"));
            continue;
        }
        match read_text(&root.join(name)) {
            Ok(text) => read_file(report, &mut items, file, Source { name: name.clone(), text }),
            Err(why) => {
                report.error(span, "", format!("can't read the checklist `{name}`: {why}"));
                items.complete = false;
            }
        }
    }
    items
}

/// Returns the text of a file that people write, without a byte order mark, or why it can't be read.
pub(in crate::config::sections) fn read_text(path: &Path) -> Result<String, String> {
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
    let mut bytes = fs_err::read(path).map_err(|error| error.kind().to_string())?;
    // A byte order mark would hide what the first line begins with.
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|_| "it is not valid UTF-8".into())
}

fn read_file(report: &Report, items: &mut Items, file: &ChecklistFile, source: Source) {
    let source = Arc::new(source);
    let parsed = markdown::parse(&source.text);
    if parsed.items.is_empty() && parsed.near.is_empty() {
        report.add(
            Diagnostic::warning(format!("the checklist `{}` has no items", source.name))
                .at(report.source(), file.path.span(), "")
                .note("an item is a box of a task list: `- [ ] T001 …`"),
        );
    }
    let name: Arc<str> = source.name.as_str().into();
    items.files.push((Arc::clone(&name), Digest::of(source.text.as_bytes())));
    let mut lines = Lines { text: &source.text, at: 0, line: 1 };
    for found in parsed.items {
        let text = found.id.as_ref().unwrap_or(&found.text);
        let full = file.list.as_ref().map_or_else(|| text.clone(), |list| format!("{list}:{text}"));
        // It has passed the rules of the parser, which are stricter.
        let Ok(id) = ItemId::new(&full) else { continue };
        let place = ItemPlace { file: Arc::clone(&name), line: lines.line_of(found.span.start) };
        let item = Item {
            id,
            has_id: found.id.is_some(),
            phase: found.phase,
            text: found.text,
            ticked: found.ticked,
            dropped: found.dropped,
            must: found.must,
            place,
        };
        items.add(item, file.list.as_deref(), Arc::clone(&source), found.span);
    }
    if !parsed.near.is_empty() {
        report.add(near_warning(&source, &parsed.near));
    }
    let mut lines = Lines { text: &source.text, at: 0, line: 1 };
    items.near.extend(parsed.near.into_iter().map(|near| NearItem {
        place: ItemPlace { file: Arc::clone(&name), line: lines.line_of(near.span.start) },
        problem: near.problem,
    }));
}

/// Returns the warning about the lines of a file that look like items and are none.
fn near_warning(source: &Arc<Source>, near: &[ParsedNear]) -> Diagnostic {
    let name = &source.name;
    let mut warning = Diagnostic::warning(match near.len() {
        1 => format!("a line of the checklist `{name}` looks like an item and is none"),
        n => format!("{n} lines of the checklist `{name}` look like items and are none"),
    });
    for near in near.iter().take(MAX_SHOWN) {
        warning = warning.at(source, near.span.clone(), near.problem.clone());
    }
    match near.len().saturating_sub(MAX_SHOWN) {
        0 => warning,
        more => warning.note(format!("and {more} more: `provision report` lists them")),
    }
}

/// Counts lines up to ascending places.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn line_of(&mut self, at: usize) -> usize {
        self.line += self.text[self.at..at].matches('\n').count();
        self.at = at;
        self.line
    }
}
