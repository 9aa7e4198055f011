//! [`Layer`]: one layer of an image, read from its archive.

use std::io::{self, Read};
use std::path::{Component, Path};

use tar::{Archive, EntryType};

use crate::leaks::{Leak, Scanner};

/// Bytes of a file that are read at once.
const BUFFER: usize = 256 << 10;

/// A file with a zero byte here at the latest is no text.
const HEAD: usize = 8000;

/// More entries than this are no image that anybody has built.
const MAX_ENTRIES: usize = 4_000_000;

/// Most findings that are kept of a layer; the image is refused for the first one.
const MAX_LEAKS: usize = 100;

/// Where an image has its list of users, and the most that is read of it.
pub(super) const USERS: &str = "etc/passwd";
const MAX_USERS: u64 = 1 << 20;

/// How the archive of a layer marks what is not there any more.
const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// What a layer does to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is a folder, with what lower layers have in it.
    Folder,
    /// It is something else, and whatever it was before is gone.
    File,
    /// It is gone, with everything in it.
    Removed,
    /// What lower layers have in it is gone.
    Emptied,
}

/// What was read of a layer.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// Every path that it changes, in the order of its archive.
    pub(super) entries: Vec<(Box<str>, Change)>,
    /// The secrets in its files.
    pub(super) leaks: Vec<(String, Leak)>,
    pub(super) n_searched: usize,
    /// Its list of users.
    pub(super) users: Option<String>,
}

impl Layer {
    /// Reads the archive of a layer. With a scanner its files are searched.
    pub(super) fn read(archive: impl Read, mut scanner: Option<&mut Scanner>) -> io::Result<Self> {
        let mut layer = Self::default();
        let mut buffer = vec![0; BUFFER];
        let mut archive = Archive::new(archive);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let kind = entry.header().entry_type();
            if matches!(kind, EntryType::XGlobalHeader) {
                continue;
            }
            let path = plain(&entry.path()?);
            if layer.entries.len() >= MAX_ENTRIES {
                return Err(io::Error::other(format!("it has more than {MAX_ENTRIES} files")));
            }
            layer.enter(&path, kind);
            if !kind.is_file() {
                continue;
            }
            if path == USERS && entry.size() <= MAX_USERS {
                let mut text = Vec::new();
                entry.read_to_end(&mut text)?;
                if let Some(scanner) = scanner.as_deref_mut() {
                    layer.note(&path, scanner.text(&text));
                }
                layer.users = Some(String::from_utf8_lossy(&text).into_owned());
            } else if let Some(scanner) = scanner.as_deref_mut() {
                layer.search(&path, &mut entry, &mut buffer, scanner)?;
            }
            layer.n_searched += usize::from(scanner.is_some());
        }
        Ok(layer)
    }

    fn enter(&mut self, path: &str, kind: EntryType) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (path, change) = if name == OPAQUE {
            (folder.to_owned(), Change::Emptied)
        } else if let Some(gone) = name.strip_prefix(WHITEOUT) {
            (if folder.is_empty() { gone.to_owned() } else { format!("{folder}/{gone}") }, Change::Removed)
        } else {
            (path.to_owned(), if kind.is_dir() { Change::Folder } else { Change::File })
        };
        if !path.is_empty() || change == Change::Emptied {
            self.entries.push((path.into(), change));
        }
    }

    fn search(&mut self, path: &str, file: &mut impl Read, buffer: &mut [u8], scanner: &mut Scanner) -> io::Result<()> {
        let mut is_text = None;
        loop {
            let n = fill(file, buffer)?;
            let is_last = n < buffer.len();
            let is_text = *is_text.get_or_insert_with(|| !buffer[..n.min(HEAD)].contains(&0));
            let leaks = scanner.push(&buffer[..n], is_last).into_iter();
            self.note(path, leaks.map(|leak| if is_text { leak } else { Leak { line: 0, ..leak } }));
            if is_last {
                return Ok(());
            }
        }
    }

    fn note(&mut self, path: &str, leaks: impl IntoIterator<Item = Leak>) {
        for leak in leaks {
            let finding = (path.to_owned(), leak);
            if self.leaks.len() < MAX_LEAKS && !self.leaks.contains(&finding) {
                self.leaks.push(finding);
            }
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match file.read(&mut buffer[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n)
}

/// A path as it is from the root of the image: `./a/b` and `/a/b` are `a/b`.
fn plain(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_string_lossy()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}
