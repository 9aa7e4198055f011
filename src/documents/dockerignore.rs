//! `.dockerignore`: its patterns, and `ignores('path')`, which answers as the build does.

use super::document::Document;
use crate::expr::{DocumentFunction, Tree};
use crate::files::dockerignore::Ignore;

pub(super) fn read(text: &str) -> Result<Document, String> {
    let ignore = Ignore::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let patterns = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let patterns = patterns.map(|(n, line)| Tree::scalar(Some(n + 1), line.trim()));
    let root = Tree::table(None, [("patterns", Tree::list(None, patterns))]);
    let ignores: DocumentFunction = Box::new(move |path: &str| {
        let path = path.trim_start_matches("./").trim_matches('/');
        ignore.ignores(path).map_err(|error| error.to_string())
    });
    Ok(Document { functions: vec![("ignores", ignores)], ..Document::new(root) })
}
