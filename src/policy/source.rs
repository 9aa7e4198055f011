//! [`SourceFile`]: a file of the project as rules see it.

/// A file with a zero byte here at the latest is no text.
const LOOKED_AT: usize = 8000;

/// A file of the project.
#[derive(Clone, Debug)]
pub struct SourceFile {
    path: String,
    bytes: Vec<u8>,
}

impl SourceFile {
    /// The file `path`, relative to the project, with this content.
    pub fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: bytes.into() }
    }

    /// Its path, relative to the project.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its content.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its content as text, without a byte order mark; `None` if it is none.
    pub fn text(&self) -> Option<&str> {
        if self.bytes[..self.bytes.len().min(LOOKED_AT)].contains(&0) {
            return None;
        }
        let text = std::str::from_utf8(&self.bytes).ok()?;
        Some(text.strip_prefix('\u{feff}').unwrap_or(text))
    }
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What a file's name ends with, after its last dot; empty where there is none.
pub(super) fn extension(path: &str) -> &str {
    file_name(path).rsplit_once('.').map_or("", |(_, extension)| extension)
}
