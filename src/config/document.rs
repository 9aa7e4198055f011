//! Reads `pipeline.toml`: bytes → text → a table whose every key and value knows its place.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use super::diagnostic::{Diagnostic, Diagnostics, Source};
use super::node::Table;

/// A pipeline file is written by a person: what is larger is something else.
const MAX_BYTES: u64 = 4 << 20;

/// A parsed file: its text, and its table.
pub(super) struct Document {
    pub(super) source: Arc<Source>,
    pub(super) table: Table,
}

/// Reads and parses `path`; all syntax errors at once.
pub(super) fn read(path: &Path) -> Result<Document, Diagnostics> {
    let name = path.display().to_string();
    let bytes = read_bytes(path).map_err(|diagnostic| Diagnostics::new(vec![diagnostic]))?;
    let text = decode(&name, bytes).map_err(|diagnostic| Diagnostics::new(vec![diagnostic]))?;
    parse(Arc::new(Source { name, text }))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let shown = path.display();
    let failed = |error: &std::io::Error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            Diagnostic::error(format!("there is no `{shown}`"))
                .help("docs/pipeline.md shows how to write one; `-f FILE` names another file")
        } else {
            Diagnostic::error(format!("`{shown}` can't be read: {error}"))
        }
    };
    // Looked at before it is opened: opening a named pipe would wait for a writer.
    let meta = fs_err::metadata(path).map_err(|error| {
        // `fs_err` names the path in its text, and so do we.
        failed(&std::io::Error::from(error.kind()))
    })?;
    if meta.is_dir() {
        return Err(Diagnostic::error(format!("`{shown}` is a directory"))
            .help(format!("name the file in it: `-f {}`", path.join("pipeline.toml").display())));
    }
    if !meta.is_file() {
        return Err(Diagnostic::error(format!("`{shown}` is not a regular file")));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len().min(MAX_BYTES)).unwrap_or_default() + 1);
    fs_err::File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| failed(&std::io::Error::from(error.kind())))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Diagnostic::error(format!("`{shown}` is larger than {} MiB", MAX_BYTES >> 20)));
    }
    Ok(bytes)
}

/// The text of `bytes`, without a byte order mark.
fn decode(name: &str, mut bytes: Vec<u8>) -> Result<String, Diagnostic> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = before.split(|byte| *byte == b'\n').count();
        Diagnostic::error(format!("`{name}` is not UTF-8: byte {at}, in line {line}, is not part of a character"))
            .help("save the file as UTF-8")
    })
}

fn parse(source: Arc<Source>) -> Result<Document, Diagnostics> {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        let found = errors.iter().map(|error| {
            let span = error.span().unwrap_or(0..0);
            Diagnostic::error(error.message()).at(&source, span, "")
        });
        return Err(Diagnostics::new(found.collect()));
    }
    let table = Table::from_toml(table.into_inner());
    Ok(Document { source, table })
}
