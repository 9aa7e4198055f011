//! Digests of file sets: a build context, a folder, what a glob matches.
//!
//! What counts is each entry's relative path, kind, executable bit and contents, and where a symbolic link points; links
//! are never followed. Modification times, owners and the other permission bits do not count: a clone stays fresh.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::Digest;
use super::dockerignore::Ignore;
use crate::error::{Context, Failure};

/// Folders that no glob looks into unless it names them: their contents change with every command.
const UNSEEN: [&str; 2] = [".git", STATE_FOLDER];

/// The state folder of a project.
const STATE_FOLDER: &str = ".provision";

/// What digests the contents of files: see [`super::FileDigests`].
pub trait FileHasher {
    /// The digest of the contents of the regular file at `path`; `seen` is what a look at it has just found.
    fn contents(&mut self, path: &Path, seen: &Metadata) -> Result<Digest, Failure>;
}

/// One entry of a file set.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// Its path relative to the set's root.
    pub name: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// What the file system says about it, links not followed.
    pub metadata: Metadata,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, with its target as it is written.
    Link(PathBuf),
}

/// Which files: a root and what of it counts.
#[derive(Clone, Debug)]
pub struct FileSet {
    root: PathBuf,
    filter: Filter,
}

#[derive(Clone, Debug)]
enum Filter {
    Everything,
    Ignore { ignore: Ignore, keep: Vec<PathBuf> },
    Glob { start: PathBuf, glob: GlobMatcher },
}

impl FileSet {
    /// Everything in the folder `root`: a chart.
    pub fn folder(root: &Path) -> Self {
        Self { root: root.to_owned(), filter: Filter::Everything }
    }

    /// What of the folder `root` a `.dockerignore` leaves, and the files `keep` whatever it says; without `.provision`.
    pub fn context(root: &Path, ignore: Ignore, keep: Vec<PathBuf>) -> Self {
        Self { root: root.to_owned(), filter: Filter::Ignore { ignore, keep } }
    }

    /// What in `root` the glob `pattern` matches: `*` and `?` stay within a folder, `**` does not, and the plain name of
    /// a folder means all that is in it. Folders themselves are not part of the set.
    pub fn glob(root: &Path, pattern: &str) -> Result<Self, String> {
        let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
        if pattern.is_empty() || Path::new(pattern).is_absolute() || pattern.split('/').any(|part| part == "..") {
            return Err(format!("the pattern `{pattern}` has to stay inside the project"));
        }
        let is_plain = |part: &&str| !part.contains(['*', '?', '[', '{', '\\']);
        let start: PathBuf = pattern.split('/').take_while(is_plain).collect();
        let whole = if pattern.split('/').all(|part| is_plain(&part)) {
            format!("{{{pattern},{pattern}/**}}")
        } else {
            pattern.to_owned()
        };
        let glob = GlobBuilder::new(&whole)
            .literal_separator(true)
            .build()
            .map_err(|error| format!("the pattern `{pattern}` is not a glob: {}", error.kind()))?
            .compile_matcher();
        Ok(Self { root: root.to_owned(), filter: Filter::Glob { start, glob } })
    }

    /// The entries, each folder's in order of their names and right after it.
    pub fn walk(&self) -> Walk<'_> {
        let start = match &self.filter {
            Filter::Glob { start, .. } => self.root.join(start),
            _ => self.root.clone(),
        };
        // A plain pattern may name what is not there: then it matches nothing.
        let missing = matches!(self.filter, Filter::Glob { .. }) && start.symlink_metadata().is_err();
        let walk = walkdir::WalkDir::new(start).follow_links(false).sort_by_file_name();
        Walk { set: self, found: (!missing).then(|| walk.into_iter()), held: Vec::new(), ready: VecDeque::new() }
    }

    /// One digest for all entries.
    pub fn digest(&self, hasher: &mut dyn FileHasher) -> Result<Digest, Failure> {
        let mut all = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| {
            all.update(&(bytes.len() as u64).to_le_bytes());
            all.update(bytes);
        };
        for entry in self.walk() {
            let entry = entry?;
            part(entry.name.as_os_str().as_bytes());
            match &entry.kind {
                EntryKind::Folder => part(b"folder"),
                EntryKind::Link(target) => {
                    part(b"link");
                    part(target.as_os_str().as_bytes());
                }
                EntryKind::File => {
                    let executable = entry.metadata.mode() & 0o111 != 0;
                    part(if executable { b"program" } else { b"file" });
                    part(&hasher.contents(&entry.path, &entry.metadata)?.bytes());
                }
            }
        }
        Ok(Digest::from_hash(all.finalize()))
    }

    /// Whether the set has any entry.
    pub fn is_empty(&self) -> Result<bool, Failure> {
        self.walk().next().transpose().map(|first| first.is_none())
    }

    fn wants(&self, name: &Path, is_folder: bool) -> Result<Verdict, Failure> {
        Ok(match &self.filter {
            Filter::Everything => Verdict::Take,
            Filter::Glob { glob, start } => {
                if is_folder {
                    let unseen = UNSEEN.iter().any(|unseen| name.file_name() == Some(OsStr::new(unseen)));
                    if unseen && !start.starts_with(name) { Verdict::Prune } else { Verdict::Pass }
                } else if glob.is_match(name) {
                    Verdict::Take
                } else {
                    Verdict::Pass
                }
            }
            // Our own folder holds the kubeconfig and changes with every run: it is never part of a context.
            Filter::Ignore { .. } if is_folder && name == Path::new(STATE_FOLDER) => Verdict::Prune,
            Filter::Ignore { ignore, keep } => {
                if keep.iter().any(|keep| keep == name) {
                    return Ok(Verdict::Take);
                }
                let text = name.to_string_lossy();
                let ignored = ignore
                    .ignores(&text)
                    .context(|| format!("reading `{}`", self.root.join(".dockerignore").display()))?;
                if !ignored {
                    Verdict::Take
                } else if !is_folder || ignore.may_bring_back(&text) || keep.iter().any(|keep| keep.starts_with(name)) {
                    Verdict::Hold
                } else {
                    Verdict::Prune
                }
            }
        })
    }
}

enum Verdict {
    /// Part of the set.
    Take,
    /// Not part of it, but what is in it may be.
    Pass,
    /// As [`Verdict::Pass`]; a folder becomes part of the set with the first thing in it that is.
    Hold,
    /// Neither it nor anything in it.
    Prune,
}

/// The entries of a [`FileSet`].
#[derive(Debug)]
pub struct Walk<'a> {
    set: &'a FileSet,
    found: Option<walkdir::IntoIter>,
    /// The ignored folders above the current entry that have not been given out yet, with their depth.
    held: Vec<(usize, Entry)>,
    ready: VecDeque<Entry>,
}

impl Walk<'_> {
    fn step(&mut self, found: Result<walkdir::DirEntry, walkdir::Error>) -> Result<(), Failure> {
        let found = match found {
            Ok(found) => found,
            Err(error) => return self.unreadable(&error),
        };
        let name = found.path().strip_prefix(&self.set.root).unwrap_or(found.path()).to_owned();
        if name.as_os_str().is_empty() {
            return Ok(());
        }
        self.held.retain(|(depth, _)| *depth < found.depth());
        let is_folder = found.file_type().is_dir();
        match self.set.wants(&name, is_folder)? {
            Verdict::Take => {
                let entry = entry(&found, name)?;
                self.ready.extend(self.held.drain(..).map(|(_, folder)| folder));
                self.ready.push_back(entry);
            }
            Verdict::Hold if is_folder => self.held.push((found.depth(), entry(&found, name)?)),
            Verdict::Prune if is_folder => {
                if let Some(walk) = &mut self.found {
                    walk.skip_current_dir();
                }
            }
            Verdict::Pass | Verdict::Hold | Verdict::Prune => {}
        }
        Ok(())
    }

    /// A folder that can't be read is an error, unless nothing of it is wanted anyway.
    fn unreadable(&self, error: &walkdir::Error) -> Result<(), Failure> {
        let name = error.path().and_then(|path| path.strip_prefix(&self.set.root).ok());
        if let Some(name) = name
            && matches!(self.set.filter, Filter::Ignore { .. })
            && !matches!(self.set.wants(name, true)?, Verdict::Take)
        {
            return Ok(());
        }
        let path = error.path().unwrap_or(&self.set.root).display().to_string();
        let cause = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
        Err(Failure::failed(format!("can't read `{path}`")).cause(cause))
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Entry, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Some(Ok(entry));
            }
            let found = self.found.as_mut()?.next()?;
            if let Err(failure) = self.step(found) {
                self.found = None;
                return Some(Err(failure));
            }
        }
    }
}

fn entry(found: &walkdir::DirEntry, name: PathBuf) -> Result<Entry, Failure> {
    let path = found.path().to_owned();
    let metadata = fs_err::symlink_metadata(&path).context(|| format!("can't read `{}`", path.display()))?;
    let kind = metadata.file_type();
    let kind = if kind.is_symlink() {
        EntryKind::Link(fs_err::read_link(&path).context(|| format!("can't read `{}`", path.display()))?)
    } else if kind.is_dir() {
        EntryKind::Folder
    } else if kind.is_file() {
        EntryKind::File
    } else {
        let what = if kind.is_fifo() {
            "a named pipe"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        };
        return Err(Failure::failed(format!("`{}` is {what}", path.display()))
            .cause("only files, folders and symbolic links can be inputs")
            .hint(format!("remove `{}` or name it in `.dockerignore`", name.display())));
    };
    Ok(Entry { path, name, kind, metadata })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::{FileDigests, Verify};
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, file).unwrap();
        }
        dir
    }

    fn names(set: &FileSet) -> Vec<String> {
        set.walk().map(|entry| entry.unwrap().name.display().to_string()).collect()
    }

    fn digest(set: &FileSet) -> Digest {
        digests().digest(set).unwrap()
    }

    fn digests() -> FileDigests {
        FileDigests::new(Path::new("/nowhere"), Verify::Content)
    }

    #[test]
    fn a_context_brings_the_folders_of_what_is_brought_back() {
        let dir = tree(&["a/b/keep", "a/b/drop", "a/c/drop", "main.py", "web/x.log", "web/y.js"]);
        let ignore = Ignore::new(["a", "!a/b/keep", "**/*.log"]).unwrap();
        let set = FileSet::context(dir.path(), ignore, vec![]);
        assert_eq!(names(&set), ["a", "a/b", "a/b/keep", "main.py", "web", "web/y.js"]);
        let nothing = FileSet::context(dir.path(), Ignore::new(["**"]).unwrap(), vec!["a/c/drop".into()]);
        assert_eq!(names(&nothing), ["a", "a/c", "a/c/drop"]);
    }

    #[test]
    fn the_state_folder_is_never_part_of_a_context() {
        let dir = tree(&[".provision/kubeconfig", "app/.provision/x", "a"]);
        let set = FileSet::context(dir.path(), Ignore::parse(b"").unwrap(), Vec::new());
        assert_eq!(names(&set), ["a", "app", "app/.provision", "app/.provision/x"]);
    }

    #[test]
    fn globs_stay_inside_and_start_where_they_can() {
        let dir = tree(&["src/a.rs", "src/b/c.rs", "src/b/d.txt", ".git/x.rs", "top.rs"]);
        let glob = |pattern: &str| names(&FileSet::glob(dir.path(), pattern).unwrap());
        assert_eq!(glob("src/**"), ["src/a.rs", "src/b/c.rs", "src/b/d.txt"]);
        assert_eq!(glob("src/*.rs"), ["src/a.rs"]);
        assert_eq!(glob("**/*.rs"), ["src/a.rs", "src/b/c.rs", "top.rs"]);
        assert_eq!(glob("./src/b/"), ["src/b/c.rs", "src/b/d.txt"]);
        assert_eq!(glob("top.rs"), ["top.rs"]);
        assert_eq!(glob(".git/*"), [".git/x.rs"]);
        assert!(glob("nowhere").is_empty());
        for bad in ["../x", "/etc", "a/../b", "", "[a"] {
            assert!(FileSet::glob(dir.path(), bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn contents_names_links_and_the_executable_bit_count_and_times_do_not() {
        let dir = tree(&["a", "b"]);
        let set = FileSet::folder(dir.path());
        let before = digest(&set);
        let file = fs_err::OpenOptions::new().write(true).open(dir.path().join("a")).unwrap();
        file.file().set_modified(std::time::UNIX_EPOCH).unwrap();
        fs_err::set_permissions(dir.path().join("a"), std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(digest(&set), before);

        fs_err::set_permissions(dir.path().join("a"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let executable = digest(&set);
        assert_ne!(executable, before);

        symlink("/etc/passwd", dir.path().join("c")).unwrap();
        let linked = digest(&set);
        assert_ne!(linked, executable);
        fs_err::remove_file(dir.path().join("c")).unwrap();
        symlink("/etc/group", dir.path().join("c")).unwrap();
        assert_ne!(digest(&set), linked);
    }

    #[test]
    fn a_socket_is_named() {
        let dir = tree(&["a"]);
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("p")).unwrap();
        let failure = digests().digest(&FileSet::folder(dir.path())).unwrap_err();
        assert!(failure.message.ends_with("/p` is a socket"), "{failure}");
    }
}
