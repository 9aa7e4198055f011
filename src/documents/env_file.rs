//! `.env`: a variable a line. No message shows a value, unless the file's name says that it is an example.

use std::path::Path;

use super::document::{Document, Source};
use crate::expr::{Content, Tree};

/// Whether the values of the file `name` are not for everybody.
pub(super) fn is_private(name: &Path) -> bool {
    let file = name.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    !["example", "sample", "template", "dist"].iter().any(|part| file.contains(part))
}

pub(super) fn read(source: Source<'_>) -> Result<Document, String> {
    let mut entries: Vec<(String, Tree)> = Vec::new();
    let mut notes = Vec::new();
    for (n, line) in source.text.lines().enumerate() {
        let number = n + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let (name, value) = line.split_once('=').ok_or_else(|| format!("line {number}: there is no `=`"))?;
        let name = name.trim();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!("line {number}: what is before the `=` is not a name"));
        }
        let value = Tree::scalar(Some(number), plain(value.trim()));
        if let Some(entry) = entries.iter_mut().find(|(other, _)| other == name) {
            notes.push(format!("line {number}: `{name}` stands there a second time, and this one counts"));
            entry.1 = value;
        } else {
            entries.push((name.to_owned(), value));
        }
    }
    let mut root = Tree::new(None, Content::Table(entries));
    if is_private(source.name) {
        root.hide();
    }
    Ok(Document { notes, ..Document::new(root) })
}

/// A value without its quotes, or without the comment behind it.
fn plain(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some(end) = rest.find(quote)
        {
            return rest[..end].to_owned();
        }
    }
    value.split(" #").next().unwrap_or(value).trim_end().to_owned()
}
