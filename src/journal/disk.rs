//! [`Disk`]: what the journal asks of a file system, so that a test can be one that loses power.

use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::fs::OFlags;

use super::place::Place;
use crate::files::{is_rest, remove_if_there};

/// The journal's file and its folder. Nothing of it is durable before the matching sync has returned.
pub(super) trait Disk: std::fmt::Debug + Send {
    /// The file's bytes; `None` where there is no file.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>>;
    /// Whether these are the file's bytes.
    fn has(&mut self, bytes: &[u8]) -> io::Result<bool> {
        Ok(self.read()?.is_some_and(|found| found == bytes))
    }
    /// Adds bytes at the end of the file, with one write.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Makes the file's bytes durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Whether the file's path still leads to the file that is written, and nobody else has made it longer or shorter;
    /// also when there is no file yet.
    fn is_in_place(&mut self) -> io::Result<bool>;
    /// Puts a whole new file in its place: written beside it, synced, renamed, the folder synced.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Keeps the file as it is under another name beside it. Returns where.
    fn keep_copy(&mut self, name: &str) -> io::Result<PathBuf>;
}

/// The real one. The file is opened once: should somebody put another one under its path, that one is never written.
#[derive(Debug)]
pub(super) struct RealDisk {
    path: PathBuf,
    file: Option<fs::File>,
    /// How many bytes it has, if nobody else changes it.
    length: u64,
}

impl RealDisk {
    /// The file at `path`; it need not be there.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, length: 0 }
    }

    /// Opens the file, if there is one.
    fn open(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.file = match options().read(true).append(true).open(&self.path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
        }
        Ok(())
    }

    fn file(&mut self) -> io::Result<&mut fs::File> {
        self.file.as_mut().ok_or_else(|| io::Error::other("the journal is not open"))
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }
}

/// Ours alone, and never through a link.
fn options() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.mode(0o600).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    options
}

impl Disk for RealDisk {
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.open()?;
        let Some(file) = &mut self.file else { return Ok(None) };
        let mut bytes = Vec::new();
        file.rewind()?;
        file.file().read_to_end(&mut bytes)?;
        self.length = bytes.len() as u64;
        Ok(Some(bytes))
    }

    fn has(&mut self, bytes: &[u8]) -> io::Result<bool> {
        self.open()?;
        let Some(file) = &mut self.file else { return Ok(false) };
        file.rewind()?;
        self.length = bytes.len() as u64;
        is_rest(file, bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file()?.set_len(length)?;
        self.length = length;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    fn is_in_place(&mut self) -> io::Result<bool> {
        match &self.file {
            // The folder may be a link to where it was moved: no later run would believe that.
            Some(file) => {
                let metadata = file.metadata()?;
                let is_ours = metadata.len() == self.length && Place::from(&metadata).is_at(&self.path);
                Ok(is_ours && fs::symlink_metadata(self.folder())?.is_dir())
            }
            None => Ok(true),
        }
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        // A rest of a run that was killed right here.
        remove_if_there(&new)?;
        let mut file = options().read(true).append(true).create_new(true).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        self.file = Some(file);
        self.length = bytes.len() as u64;
        fs::File::open(self.folder())?.sync_all()
    }

    fn keep_copy(&mut self, name: &str) -> io::Result<PathBuf> {
        // A copy, so that a kill right here leaves a journal where it was.
        let bytes = self.read()?.unwrap_or_default();
        let at = |n: u32| self.folder().join(if n == 0 { name.to_owned() } else { format!("{name}-{n}") });
        let mut n = 0;
        while at(n).symlink_metadata().is_ok() {
            n += 1;
        }
        let mut copy = options().write(true).create_new(true).open(at(n))?;
        copy.write_all(&bytes)?;
        copy.sync_all()?;
        Ok(at(n))
    }
}
