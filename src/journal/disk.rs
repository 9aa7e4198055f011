//! [`Disk`]: what the journal asks of a file system, so that a test can be one that loses power.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::fs::OFlags;

/// The journal's file and its folder. Nothing of it is durable before the matching sync has returned.
pub(super) trait Disk: std::fmt::Debug + Send {
    /// The file's bytes; `None` where there is no file.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>>;
    /// Adds bytes at the end of the file, with one write.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Makes the file's bytes durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Puts a whole new file in its place: written beside it, synced, renamed, the folder synced.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Keeps the file as it is under another name beside it, and answers where.
    fn keep_copy(&mut self, name: &str) -> io::Result<PathBuf>;
}

/// The real one.
#[derive(Debug)]
pub(super) struct RealDisk {
    path: PathBuf,
    file: Option<fs::File>,
}

impl RealDisk {
    /// The file at `path`; it need not be there.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None }
    }

    fn file(&mut self) -> io::Result<&mut fs::File> {
        if self.file.is_none() {
            let file = options().append(true).open(&self.path)?;
            self.file = Some(file);
        }
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
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all(bytes)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file()?.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file = None;
        let new = self.path.with_extension("new");
        // A rest of a run that was killed right here.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = options().write(true).create_new(true).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        fs::File::open(self.folder())?.sync_all()
    }

    fn keep_copy(&mut self, name: &str) -> io::Result<PathBuf> {
        let at = |n: u32| self.folder().join(if n == 0 { name.to_owned() } else { format!("{name}-{n}") });
        let mut n = 0;
        while at(n).symlink_metadata().is_ok() {
            n += 1;
        }
        // A copy, so that a kill right here leaves a journal where it was.
        fs::copy(&self.path, at(n))?;
        Ok(at(n))
    }
}
