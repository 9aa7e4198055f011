//! Reads `pipeline.toml`: bytes → text → a table in which every key and value knows its place.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use super::diagnostic::{Diagnostic, Diagnostics, Source};
use super::node::Table;

/// Maximum size: a pipeline file is written by hand, a larger file is something else.
const MAX_BYTES: u64 = 4 << 20;

/// A parsed file: its text and its table.
pub(crate) struct Document {
    pub(crate) source: Arc<Source>,
    pub(crate) table: Table,
}

/// Reads and parses `path`; returns all syntax errors at once.
pub(crate) fn read(path: &Path) -> Result<Document, Diagnostics> {
    let name = path.display().to_string();
    let bytes = read_bytes(path).map_err(|diagnostic| Diagnostics::new(vec![diagnostic]))?;
    let text = decode(&name, bytes).map_err(|diagnostic| Diagnostics::new(vec![diagnostic]))?;
    parse(Arc::new(Source { name, text }))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let shown = path.display();
    let failed = |error: &std::io::Error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            Diagnostic::error(format!("`{shown}` does not exist")).help(
                "name the pipeline file with `-f FILE`; it starts with `[pipeline]`, `name = \"…\"` and `[[stage]]`",
            )
        } else {
            Diagnostic::error(format!("can't read `{shown}`: {error}"))
        }
    };
    // Checked before it is opened: opening a named pipe would wait for a writer.
    let meta = fs_err::metadata(path).map_err(|error| {
        // `fs_err` includes the path in its text, and so does our message.
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

/// Decodes `bytes` as UTF-8, without a byte order mark, and with the line ends of any checkout as `\n`: those in a
/// string of several lines, such as a script, would be part of it.
fn decode(name: &str, mut bytes: Vec<u8>) -> Result<String, Diagnostic> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = before.split(|byte| *byte == b'\n').count();
        Diagnostic::error(format!("`{name}` is not valid UTF-8: invalid byte at offset {at}, in line {line}"))
            .help("save the file as UTF-8")
    })?;
    Ok(if text.contains("\r\n") { text.replace("\r\n", "\n") } else { text })
}

/// Parses the text of a file; returns all syntax errors at once.
pub(crate) fn parse(source: Arc<Source>) -> Result<Document, Diagnostics> {
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
