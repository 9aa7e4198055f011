//! JSON.

use super::document::Document;
use super::yaml;
use crate::expr::{Content, Tree};

pub(super) fn read(text: &str) -> Result<Document, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let why = message.split(" at line ").next().unwrap_or(&message);
        format!("line {}: {why}", error.line())
    })?;
    let mut root = Tree::from(value);
    let mut notes = Vec::new();
    // JSON is YAML, whose reader knows the lines. The values are those of JSON.
    if let Ok((lines, doubled)) = yaml::tree(text, 0) {
        take_lines(&mut root, &lines);
        root.line = None;
        notes = doubled;
    }
    Ok(Document { notes, ..Document::new(root) })
}

/// Gives `tree` the lines of `lines`, where both have the same form.
fn take_lines(tree: &mut Tree, lines: &Tree) {
    tree.line = lines.line;
    match (&mut tree.content, &lines.content) {
        (Content::List(items), Content::List(others)) => {
            items.iter_mut().zip(others).for_each(|(item, other)| take_lines(item, other));
        }
        (Content::Table(entries), Content::Table(_)) => {
            for (key, value) in entries {
                if let Some(other) = lines.get(key) {
                    take_lines(value, other);
                }
            }
        }
        _ => {}
    }
}
