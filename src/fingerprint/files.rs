//! Digests of file sets: a build context, a folder, what a glob matches.
//!
//! What counts is each entry's relative path, kind, executable bit and contents, and where a symbolic link points; links
//! are never followed. Modification times, owners and the other permission bits do not count: a clone stays fresh.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

use super::Digest;
use super::dockerignore::Ignore;
use super::walk::{EntryKind, Verdict, Walk};
use crate::error::{Context, Failure};

/// Folders that no glob looks into unless it names them: their contents change with every command.
const UNSEEN: [&str; 2] = [".git", STATE_FOLDER];

/// The state folder of a project.
const STATE_FOLDER: &str = ".provision";

/// Bytes of a set's description that are digested at once.
const DIGESTED: usize = 16 << 10;

/// What digests the contents of files: see [`super::FileDigests`].
pub trait FileHasher {
    /// The digest of the contents of the regular file at `path`; `seen` is what a look at it has just found.
    fn contents(&mut self, path: &Path, seen: &Metadata) -> Result<Digest, Failure>;
}

/// Which files: a root and what of it counts.
#[derive(Clone, Debug)]
pub struct FileSet {
    root: PathBuf,
    filter: Arc<Filter>,
}

#[derive(Debug)]
enum Filter {
    Everything,
    Ignore {
        ignore: Ignore,
        keep: Vec<PathBuf>,
    },
    Glob {
        start: PathBuf,
        glob: GlobMatcher,
    },
    /// The globs `start/**` and `start`, which need no matcher; `itself`: `start` may be a file.
    Under {
        start: PathBuf,
        itself: bool,
    },
}

impl FileSet {
    /// Everything in the folder `root`: a chart.
    pub fn folder(root: &Path) -> Self {
        Self { root: root.to_owned(), filter: Arc::new(Filter::Everything) }
    }

    /// What of the folder `root` a `.dockerignore` leaves, and the files `keep` whatever it says; without `.provision`.
    pub fn context(root: &Path, ignore: Ignore, keep: Vec<PathBuf>) -> Self {
        Self { root: root.to_owned(), filter: Arc::new(Filter::Ignore { ignore, keep }) }
    }

    /// What in `root` the glob `pattern` matches: `*` and `?` stay within a folder, `**` does not, and the plain name of
    /// a folder means all that is in it. Folders themselves are not part of the set.
    pub fn glob(root: &Path, pattern: &str) -> Result<Self, String> {
        // As a path would be read: `a//b/./` is `a/b`.
        let mut parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if pattern.is_empty() || Path::new(pattern).is_absolute() || parts.contains(&"..") {
            return Err(format!("the pattern `{pattern}` has to stay inside the project"));
        }
        if parts.is_empty() {
            parts.push("**");
        }
        let is_plain = |part: &&str| !part.contains(['*', '?', '[', '{', '\\']);
        let start: PathBuf = parts.iter().take_while(|part| is_plain(part)).collect();
        let rest: Vec<&str> = parts.iter().copied().skip_while(is_plain).collect();
        let filter = match rest.as_slice() {
            [] => Filter::Under { start, itself: true },
            ["**"] => Filter::Under { start, itself: false },
            _ => {
                let glob = GlobBuilder::new(&parts.join("/"))
                    .literal_separator(true)
                    .build()
                    .map_err(|error| format!("the pattern `{pattern}` is not a glob: {}", error.kind()))?;
                Filter::Glob { start, glob: glob.compile_matcher() }
            }
        };
        Ok(Self { root: root.to_owned(), filter: Arc::new(filter) })
    }

    /// The folder that the names of the entries are relative to.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The entries, each folder's in order of their names and right after it.
    pub fn walk(&self) -> Walk {
        let start = match &*self.filter {
            Filter::Glob { start, .. } | Filter::Under { start, .. } => self.root.join(start),
            _ => self.root.clone(),
        };
        Walk::new(self, start)
    }

    /// One digest for all entries.
    pub fn digest(&self, hasher: &mut dyn FileHasher) -> Result<Digest, Failure> {
        let mut all = blake3::Hasher::new();
        // The hasher takes much at once better than little often.
        let mut parts = Vec::with_capacity(DIGESTED + 1024);
        let part = |parts: &mut Vec<u8>, bytes: &[u8]| {
            parts.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            parts.extend_from_slice(bytes);
        };
        // A build gets its files with their permissions, and so does the image.
        let with_modes = matches!(&*self.filter, Filter::Ignore { .. });
        for entry in self.walk() {
            let entry = entry?;
            part(&mut parts, entry.name().as_os_str().as_bytes());
            if with_modes && !matches!(entry.kind, EntryKind::Link(_)) {
                part(&mut parts, &(entry.metadata.mode() & 0o7777).to_le_bytes());
            }
            match &entry.kind {
                EntryKind::Folder => part(&mut parts, b"folder"),
                EntryKind::Link(target) => {
                    part(&mut parts, b"link");
                    part(&mut parts, target.as_os_str().as_bytes());
                }
                EntryKind::File => {
                    let executable = entry.metadata.mode() & 0o111 != 0;
                    part(&mut parts, if executable { b"program" } else { b"file" });
                    part(&mut parts, &hasher.contents(&entry.path, &entry.metadata)?.bytes());
                }
            }
            if parts.len() > DIGESTED {
                all.update(&parts);
                parts.clear();
            }
        }
        all.update(&parts);
        Ok(Digest::from_hash(all.finalize()))
    }

    /// Whether the set has any entry.
    pub fn is_empty(&self) -> Result<bool, Failure> {
        self.walk().next().transpose().map(|first| first.is_none())
    }

    pub(super) fn wants(&self, name: &Path, is_folder: bool) -> Result<Verdict, Failure> {
        Ok(match &*self.filter {
            Filter::Everything => Verdict::Take,
            Filter::Glob { start, .. } | Filter::Under { start, .. } if is_folder => {
                let unseen = UNSEEN.iter().any(|unseen| name.file_name() == Some(OsStr::new(unseen)));
                if unseen && !start.starts_with(name) { Verdict::Prune } else { Verdict::Pass }
            }
            Filter::Glob { glob, .. } if glob.is_match(name) => Verdict::Take,
            // The walk begins at `start`.
            Filter::Under { start, itself } if *itself || name.as_os_str() != start.as_os_str() => Verdict::Take,
            Filter::Glob { .. } | Filter::Under { .. } => Verdict::Pass,
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
        set.walk().map(|entry| entry.unwrap().name().display().to_string()).collect()
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
        assert_eq!(glob("src//./*.rs"), ["src/a.rs"]);
        assert_eq!(glob("./"), glob("**"));
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
        let context = FileSet::context(dir.path(), Ignore::parse(b"").unwrap(), Vec::new());
        let (before, sent_before) = (digest(&set), digest(&context));
        let file = fs_err::OpenOptions::new().write(true).open(dir.path().join("a")).unwrap();
        file.file().set_modified(std::time::UNIX_EPOCH).unwrap();
        fs_err::set_permissions(dir.path().join("a"), std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(digest(&set), before);
        // To a build it is sent with all its permissions.
        assert_ne!(digest(&context), sent_before);

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
