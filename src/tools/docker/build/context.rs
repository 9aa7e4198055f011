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
use crate::error::{Context, Failure};
use crate::files::FileSet;
use crate::files::dockerignore::Ignore;
use crate::files::{Entry, EntryKind};
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
    keep: Vec<PathBuf>,
}

impl BuildContext {
    /// Opens the context in the folder `root`, with the Dockerfile `dockerfile`, which may lie outside of it. Reads the
    /// Dockerfile and its `.dockerignore`: the one beside it named after it, or else the context's.
    pub fn open(root: &Path, dockerfile: &Path) -> Result<Self, Failure> {
        if !root.is_dir() {
            return Err(Failure::failed(format!("the build context `{}` is not a folder", root.display()))
                .hint("correct `context`: it starts at the folder of `pipeline.toml`"));
        }
        let dockerfile_text =
            fs_err::read(dockerfile).context(|| format!("there is no Dockerfile `{}`", dockerfile.display())).map_err(
                |failure| failure.hint("write one, or correct `dockerfile`: it starts at the folder of the context"),
            )?;
        let mut own = dockerfile.as_os_str().to_owned();
        own.push(".dockerignore");
        let (mut ignore_text, mut ignore_path) = (read_if_there(Path::new(&own))?, PathBuf::from(own));
        if ignore_text.is_none() {
            ignore_path = root.join(".dockerignore");
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
        let mut keep = vec![PathBuf::from(".dockerignore")];
        keep.extend(inside);
        Ok(Self {
            root: root.to_owned(),
            ignore,
            ignore_text,
            dockerfile: dockerfile.to_owned(),
            dockerfile_text,
            dockerfile_name,
            keep,
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

    /// Begins to read the files; the Dockerfile and the `.dockerignore` are always sent. Dropping the stream ends it.
    pub fn stream(&self) -> ContextStream {
        let context = self.clone();
        ContextStream::of(move |tar, found_total| context.write(tar, found_total))
    }

    fn write(&self, tar: &mut tar::Builder<Chunks>, found_total: &dyn Fn(u64)) -> Result<(), Failure> {
        let files = FileSet::context(&self.root, self.ignore.clone(), self.keep.clone());
        let mut total = END_BLOCKS;
        for entry in files.walk() {
            let entry = entry?;
            total += BLOCK;
            if entry.kind == EntryKind::File {
                total += entry.metadata.size().next_multiple_of(BLOCK);
            }
        }
        found_total(total);
        for entry in files.walk() {
            let entry = entry?;
            append(tar, &entry).context(|| format!("sending `{}`", entry.path.display()))?;
        }
        if self.dockerfile.strip_prefix(&self.root).is_err() {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(0o644);
            header.set_size(self.dockerfile_text.len() as u64);
            tar.append_data(&mut header, &self.dockerfile_name, self.dockerfile_text.as_slice())
                .context(|| format!("sending `{}`", self.dockerfile.display()))?;
        }
        tar.finish().context(|| "sending the end of the context".into())
    }
}

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
        EntryKind::Link(target) => {
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
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use futures_util::StreamExt;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = dir.path().join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        dir
    }

    async fn collect(mut stream: ContextStream) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(piece) = stream.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all)
    }

    fn context(dir: &Path) -> BuildContext {
        BuildContext::open(dir, &dir.join("Dockerfile")).unwrap()
    }

    #[tokio::test]
    async fn entries_are_those_that_docker_sends() {
        let long = "n".repeat(200);
        let dir = folder(&[
            ("Dockerfile", "FROM scratch"),
            (".dockerignore", "*\n!src\n!bin\n!far"),
            ("src/a", "aaa"),
            (&format!("src/{long}"), "long"),
            ("secret", "x"),
            ("bin/tool", "#!"),
        ]);
        fs_err::set_permissions(dir.path().join("bin/tool"), std::fs::Permissions::from_mode(0o4755)).unwrap();
        symlink("/etc//passwd", dir.path().join("far")).unwrap();
        symlink(".", dir.path().join("src/loop")).unwrap();
        let stream = context(dir.path()).stream();
        let upload = stream.upload();
        let bytes = collect(stream).await.unwrap();
        assert!(upload.is_complete());
        assert_eq!(upload.sent(), bytes.len() as u64);
        let mut found = Vec::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            let link = entry.link_name_bytes().map(|name| String::from_utf8(name.into_owned()).unwrap());
            let mode = header.mode().unwrap();
            let name = entry.path().unwrap().display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push(match link {
                Some(link) => format!("{name} -> {link}"),
                None if name == "bin/tool" => format!("{name} {mode:o}"),
                None => format!("{name} {text}"),
            });
        }
        let expected = [
            ".dockerignore *\n!src\n!bin\n!far".to_owned(),
            "Dockerfile FROM scratch".into(),
            "bin ".into(),
            "bin/tool 4755".into(),
            "far -> /etc//passwd".into(),
            "src ".into(),
            "src/a aaa".into(),
            "src/loop -> .".into(),
            format!("src/{long} long"),
        ];
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn a_dockerfile_outside_is_sent_under_a_name_of_its_own() {
        let dir = folder(&[
            ("docker/app", "FROM scratch\n"),
            ("docker/app.dockerignore", "b"),
            ("src/a", "a"),
            ("src/b", "b"),
        ]);
        let context = BuildContext::open(&dir.path().join("src"), &dir.path().join("docker/app")).unwrap();
        let bytes = collect(context.stream()).await.unwrap();
        let names: Vec<_> = tar::Archive::new(bytes.as_slice())
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["a", context.dockerfile_name()]);
    }

    #[tokio::test]
    async fn a_file_that_changes_while_it_is_read_poisons_the_stream() {
        for (change, expected) in [(1_u64, "shorter"), (64 << 20, "longer")] {
            let dir = folder(&[("Dockerfile", "FROM scratch")]);
            let big = fs_err::File::create(dir.path().join("big")).unwrap();
            big.set_len(32 << 20).unwrap();
            let mut stream = context(dir.path()).stream();
            stream.next().await.unwrap().unwrap();
            big.set_len(change).unwrap();
            let mut last = None;
            let upload = stream.upload();
            while let Some(piece) = stream.next().await {
                last = Some(piece.map(|_| ()));
            }
            let error = last.unwrap().unwrap_err().to_string();
            assert!(error.contains("/big`") && error.contains(expected), "{error}");
            assert!(!upload.is_complete());
            assert!(upload.failure().is_some());
        }
    }

    #[tokio::test]
    async fn a_socket_poisons_the_stream() {
        let dir = folder(&[("Dockerfile", "FROM scratch")]);
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("sock")).unwrap();
        let error = collect(context(dir.path()).stream()).await.unwrap_err();
        assert!(error.to_string().contains("/sock` is a socket"), "{error}");
    }

    #[test]
    fn a_missing_dockerfile_is_named() {
        let dir = folder(&[("a", "")]);
        let failure = BuildContext::open(dir.path(), &dir.path().join("Dockerfile")).unwrap_err();
        assert!(failure.message.starts_with("there is no Dockerfile `/"), "{failure}");
        assert!(!failure.hints.is_empty());
    }
}
