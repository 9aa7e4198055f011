//! [`BuildContext`]: the files that a build gets, and the tar stream that carries them.
//!
//! The daemon applies no `.dockerignore` to an uploaded context, so the client has to. It builds and tags an image from
//! a stream that ends early but in order, so ours ends in an error as soon as a file cannot be read as it was found,
//! and the closing chunk of the request is then never sent.

use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::stream::{Chunks, ContextStream};
use crate::error::{Context, Failure, ids};
use crate::files::dockerignore::Ignore;
use crate::files::{Entry, EntryKind};
use crate::files::{FileSet, resolve};
use crate::fingerprint::Digest;

/// The files that a build gets.
#[derive(Clone, Debug)]
pub struct BuildContext {
    root: PathBuf,
    ignore: Ignore,
    ignore_text: Option<Vec<u8>>,
    dockerfile: PathBuf,
    dockerfile_text: Vec<u8>,
    dockerfile_name: String,
    /// The Dockerfile's path in the context, if it is there.
    inside: Option<PathBuf>,
    /// Whether the `.dockerignore` is the Dockerfile's own one.
    own_ignore: bool,
    /// Whether the classic builder gets it.
    classic: bool,
}

impl BuildContext {
    /// Opens the context in the folder `root` of the project `project`, where `root` and `dockerfile` may be symbolic
    /// links that stay inside the project; see [`Self::open`].
    pub fn open_inside(project: &Path, root: &Path, dockerfile: &Path) -> Result<Self, Failure> {
        // What is not there is reported by its own name.
        let real = |path: &Path| if path.exists() { resolve(project, path) } else { Ok(path.to_owned()) };
        Self::open(&real(root)?, &real(dockerfile)?)
    }

    /// Opens the context in the folder `root`, with the Dockerfile `dockerfile`, which may lie outside of it. Reads the
    /// Dockerfile and its `.dockerignore`: the one beside it named after it, or else the context's.
    pub fn open(root: &Path, dockerfile: &Path) -> Result<Self, Failure> {
        if !root.is_dir() {
            return Err(Failure::of(
                ids::BUILD_CONTEXT_INVALID,
                format!("the build context `{}` is not a folder", root.display()),
            )
            .hint("correct `context`: it starts at the folder of `pipeline.toml`"));
        }
        let dockerfile_text = fs_err::read(dockerfile)
            .context(|| format!("there is no Dockerfile `{}`", dockerfile.display()))
            .map_err(|failure| {
                failure
                    .with_id(ids::BUILD_CONTEXT_INVALID)
                    .hint("write one, or correct `dockerfile`: it starts at the folder of the context")
            })?;
        let mut own = dockerfile.as_os_str().to_owned();
        own.push(".dockerignore");
        let (mut ignore_text, mut ignore_path) = (read_if_there(Path::new(&own))?, PathBuf::from(own));
        let own_ignore = ignore_text.is_some();
        if !own_ignore {
            ignore_path = root.join(IGNORE_FILE);
            ignore_text = read_if_there(&ignore_path)?;
        }
        let ignore = Ignore::parse(ignore_text.as_deref().unwrap_or_default())
            .context(|| format!("reading `{}`", ignore_path.display()))?;
        // A pattern that is refused only when it is used is reported before the upload.
        ignore.ignores("Dockerfile").context(|| format!("reading `{}`", ignore_path.display()))?;
        let inside = dockerfile.strip_prefix(root).ok().map(Path::to_owned);
        let dockerfile_name = match &inside {
            Some(name) => name.to_string_lossy().into_owned(),
            None => format!(".dockerfile.{}", Digest::of(&dockerfile_text)),
        };
        Ok(Self {
            root: root.to_owned(),
            ignore,
            ignore_text,
            dockerfile: dockerfile.to_owned(),
            dockerfile_text,
            dockerfile_name,
            inside,
            own_ignore,
            classic: false,
        })
    }

    /// Where the Dockerfile is.
    pub fn dockerfile(&self) -> &Path {
        &self.dockerfile
    }

    /// The Dockerfile's path within the stream.
    pub fn dockerfile_name(&self) -> &str {
        &self.dockerfile_name
    }

    /// The Dockerfile.
    pub fn dockerfile_text(&self) -> &[u8] {
        &self.dockerfile_text
    }

    /// The `.dockerignore` that applies, if there is one.
    pub fn ignore_text(&self) -> Option<&[u8]> {
        self.ignore_text.as_deref()
    }

    /// The files that decide the result of a build, besides the Dockerfile and the `.dockerignore`.
    pub fn files(&self) -> FileSet {
        FileSet::context(&self.root, self.ignore.clone(), Vec::new())
    }

    /// The sockets among the files, which no build gets.
    pub fn sockets(&self) -> Result<Vec<String>, Failure> {
        let mut sockets = Vec::new();
        for entry in self.files().walk() {
            let entry = entry?;
            if entry.kind == EntryKind::Socket {
                sockets.push(entry.name().display().to_string());
            }
        }
        Ok(sockets)
    }

    /// Whether the Dockerfile has to be sent and is no part of what the image may get: it is ignored, or lies outside.
    pub fn hides_dockerfile(&self) -> bool {
        let ignored = |name: &PathBuf| self.ignore.ignores(&name.to_string_lossy()).unwrap_or(false);
        self.inside.as_ref().is_none_or(ignored)
    }

    /// Returns the context for the classic builder, which takes the Dockerfile and the `.dockerignore` away from the
    /// image if the `.dockerignore` says so. BuildKit copies whatever it gets. `None` if the daemon would read another
    /// `.dockerignore` than we do.
    pub fn for_classic_builder(&self) -> Option<Self> {
        (!self.own_ignore).then(|| Self { classic: true, ..self.clone() })
    }

    /// Whether the classic builder is to get it.
    pub fn is_for_classic_builder(&self) -> bool {
        self.classic
    }

    /// The files that are sent although they are ignored.
    fn kept(&self) -> Vec<PathBuf> {
        let ignore_file = self.classic.then(|| PathBuf::from(IGNORE_FILE));
        ignore_file.into_iter().chain(self.inside.clone()).collect()
    }

    /// The `.dockerignore` for the classic builder that names a Dockerfile from outside, as the docker program writes
    /// it.
    fn extended_ignore(&self) -> Option<String> {
        let text = String::from_utf8_lossy(self.ignore_text.as_deref().unwrap_or_default());
        let own = if self.ignore_text.is_none() { "\n.dockerignore" } else { "" };
        (self.classic && self.inside.is_none()).then(|| format!("{text}\n{}{own}\n", self.dockerfile_name))
    }

    /// Begins to read the files; the Dockerfile is always sent. Dropping the stream ends it.
    pub fn stream(&self) -> ContextStream {
        let context = self.clone();
        ContextStream::of(move |tar, found_total| context.write(tar, found_total))
    }

    fn write(&self, tar: &mut tar::Builder<Chunks>, found_total: &dyn Fn(u64)) -> Result<(), Failure> {
        let files = FileSet::context(&self.root, self.ignore.clone(), self.kept());
        let extended = self.extended_ignore();
        let mut total = END_BLOCKS;
        for entry in files.walk() {
            let entry = entry?;
            if entry.kind == EntryKind::Socket {
                continue;
            }
            total += BLOCK;
            if entry.kind == EntryKind::File {
                total += entry.metadata.size().next_multiple_of(BLOCK);
            }
        }
        found_total(total);
        for entry in files.walk() {
            let entry = entry?;
            if extended.is_some() && entry.name() == Path::new(IGNORE_FILE) {
                continue;
            }
            append(tar, &entry).context(|| format!("sending `{}`", entry.path.display()))?;
        }
        let outside = self.inside.is_none().then_some((self.dockerfile_name.as_str(), self.dockerfile_text.as_slice()));
        let extended = extended.as_ref().map(|text| (IGNORE_FILE, text.as_bytes()));
        for (name, text) in outside.into_iter().chain(extended) {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(0o644);
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, name, text).context(|| format!("sending `{name}`"))?;
        }
        tar.finish().context(|| "sending the end of the context".into())
    }
}

/// The name of the file that says what a build does not get.
const IGNORE_FILE: &str = ".dockerignore";

const BLOCK: u64 = 512;
const END_BLOCKS: u64 = 1024;

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match fs_err::read(path) {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::failed(format!("can't read `{}`", path.display())).source(&error)),
    }
}

/// Adds an entry. As with the docker program everything belongs to root, and times are kept: they do not count for the
/// build cache, and programs in the image (web servers, Python's bytecode cache) recognise versions of a file by them.
fn append(tar: &mut tar::Builder<Chunks>, entry: &Entry) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(entry.metadata.mode() & 0o7777);
    header.set_mtime(u64::try_from(entry.metadata.mtime()).unwrap_or(0));
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    match &entry.kind {
        EntryKind::Folder => {
            header.set_entry_type(tar::EntryType::Directory);
            tar.append_data(&mut header, entry.name(), io::empty())
        }
        // As with the docker program: nobody could connect to it in an image.
        EntryKind::Socket => Ok(()),
        EntryKind::Pipe => {
            header.set_entry_type(tar::EntryType::Fifo);
            tar.append_data(&mut header, entry.name(), io::empty())
        }
        EntryKind::Link(target) | EntryKind::LinkedFolder(target) => {
            header.set_entry_type(tar::EntryType::Symlink);
            if target.as_os_str().len() > 100 {
                return tar.append_link(&mut header, entry.name(), target);
            }
            // Literally: the other function would normalise the target.
            header.set_link_name_literal(target.as_os_str().as_bytes())?;
            tar.append_data(&mut header, entry.name(), io::empty())
        }
        EntryKind::File => {
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let file =
                std::fs::OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(&entry.path)?;
            let found = file.metadata()?;
            if (found.dev(), found.ino()) != (entry.metadata.dev(), entry.metadata.ino()) {
                return Err(io::Error::other("it was replaced while the context was read"));
            }
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(found.size());
            let mut reader = Unchanging { file: &file, left: found.size() };
            tar.append_data(&mut header, entry.name(), &mut reader)?;
            let after = file.metadata()?;
            let times = |of: &std::fs::Metadata| (of.size(), of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec());
            if times(&after) != times(&found) {
                return Err(io::Error::other("it changed while it was read"));
            }
            Ok(())
        }
    }
}

/// Reads exactly the bytes that the file had when its header was written.
struct Unchanging<'a> {
    file: &'a std::fs::File,
    left: u64,
}

impl Read for Unchanging<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        if n == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::other("it became shorter while it was read"));
        }
        self.left =
            (self.left).checked_sub(n as u64).ok_or_else(|| io::Error::other("it became longer while it was read"))?;
        Ok(n)
    }
}

#[cfg(test)]
mod tests;
