//! [`FileSet`]: a build context, or what a glob matches, and its digest.
//!
//! What counts is each entry's relative path, kind, executable bit and contents. Of a symbolic link that a glob
//! matches, it is what it leads to; in a build context only where it points, because the build gets it as a link.
//! Modification times and owners do not count: a clone stays fresh. The other permission bits count in a build context
//! alone, because they become part of the image.

use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dockerignore::Ignore;
use super::filter::{Filter, FilterDecision};
use super::walk::{EntryKind, Walk};
use crate::error::Failure;
use crate::fingerprint::Digest;

/// Bytes of a set's description that are digested at once.
const DIGESTED: usize = 16 << 10;

/// Digests the contents of files: see [`super::FileDigests`].
pub trait FileHasher {
    /// Returns the digest of the contents of the regular file at `path`, whose metadata has just been read: `seen`.
    fn contents(&mut self, path: &Path, seen: &Metadata) -> Result<Digest, Failure>;
}

/// Which files: a root and what of it counts.
#[derive(Clone, Debug)]
pub struct FileSet {
    filter: Arc<Filter>,
}

impl FileSet {
    /// Everything in the folder `root`.
    #[cfg(test)]
    pub(super) fn folder(root: &Path) -> Self {
        Self { filter: Arc::new(Filter::everything(root)) }
    }

    /// What a `.dockerignore` leaves of the folder `root`, and the files `keep` whatever it says; without `.provision`.
    pub fn context(root: &Path, ignore: Ignore, keep: Vec<PathBuf>) -> Self {
        Self { filter: Arc::new(Filter::context(root, ignore, keep)) }
    }

    /// What the glob `pattern` matches in `root`, and none of the globs `excluded` does: `*` and `?` stay within a
    /// folder, `**` does not, and the plain name of a folder means everything in it. Folders themselves are not part of
    /// the set. Symbolic links are followed, as a program that reads the files follows them; out of `root` none may
    /// lead.
    pub fn glob(root: &Path, pattern: &str, excluded: &[&str]) -> Result<Self, String> {
        Ok(Self { filter: Arc::new(Filter::glob(root, pattern, excluded)?) })
    }

    /// Fails with what is wrong with the glob `pattern`, if [`FileSet::glob`] would: cheaper, where nothing is matched.
    pub fn check_glob(pattern: &str) -> Result<(), String> {
        Filter::check_glob(pattern)
    }

    /// Whether a file of this name, relative to the root, is part of the set if it is there.
    pub fn has_name(&self, file: &Path) -> bool {
        self.filter.has_name(file)
    }

    /// The entries, each folder's in order of their names and right after it.
    pub fn walk(&self) -> Walk {
        Walk::new(Arc::clone(&self.filter))
    }

    /// Identifies the set: another one with the same root and the same rule has the same.
    pub(super) fn id(&self) -> Digest {
        Digest::of(format!("{:?}", self.filter).as_bytes())
    }

    /// Whether a file at `path` is part of the set.
    pub(super) fn takes(&self, path: &Path) -> bool {
        let Ok(name) = path.strip_prefix(self.filter.root()) else { return false };
        let decision = self.filter.decide(name, false);
        path.starts_with(self.filter.start())
            && matches!(decision, Ok(FilterDecision::Take))
            && name.ancestors().skip(1).all(|folder| self.filter.enters(folder))
    }

    /// Whether a file below the folder `path` may be part of the set.
    pub(super) fn may_have_below(&self, path: &Path) -> bool {
        let start = self.filter.start();
        let Ok(name) = path.strip_prefix(self.filter.root()) else { return false };
        (path.starts_with(&start) || start.starts_with(path))
            && name.ancestors().all(|folder| self.filter.enters(folder))
    }

    /// Returns the folders in which an entry of the set is or may appear.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let root = self.filter.root();
        let start = self.filter.start();
        if !start.is_dir() {
            // It is a file, or is not there yet.
            let there = start.ancestors().skip(1).take_while(|folder| folder.starts_with(root));
            return there.filter(|folder| folder.is_dir()).take(1).map(Path::to_owned).collect();
        }
        let walk = walkdir::WalkDir::new(&start).follow_links(self.filter.follows_links());
        let enters = |entry: &walkdir::DirEntry| {
            let name = entry.path().strip_prefix(root).unwrap_or(entry.path());
            entry.depth() == 0 || entry.file_type().is_dir() && self.filter.enters(name)
        };
        walk.into_iter().filter_entry(enters).flatten().map(walkdir::DirEntry::into_path).collect()
    }

    /// Returns one digest for all entries.
    pub fn digest(&self, hasher: &mut dyn FileHasher) -> Result<Digest, Failure> {
        let mut all = blake3::Hasher::new();
        // A few big updates of the hasher are faster than many small ones.
        let mut parts = Vec::with_capacity(DIGESTED + 1024);
        let part = |parts: &mut Vec<u8>, bytes: &[u8]| {
            parts.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            parts.extend_from_slice(bytes);
        };
        let with_modes = self.filter.counts_permissions();
        for entry in self.walk() {
            let entry = entry?;
            if entry.kind == EntryKind::Socket {
                continue;
            }
            part(&mut parts, entry.name().as_os_str().as_bytes());
            if with_modes && !matches!(entry.kind, EntryKind::Link(_)) {
                part(&mut parts, &(entry.metadata.mode() & 0o7777).to_le_bytes());
            }
            match &entry.kind {
                EntryKind::Folder => part(&mut parts, b"folder"),
                EntryKind::Link(target) | EntryKind::LinkedFolder(target) => {
                    part(&mut parts, b"link");
                    part(&mut parts, target.as_os_str().as_bytes());
                }
                EntryKind::Pipe => part(&mut parts, b"pipe"),
                EntryKind::Socket => {}
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

    /// The digest of a set without entries.
    pub fn nothing() -> Digest {
        Digest::of(b"")
    }

    /// Whether the set has no file. A link to a folder without any is none.
    pub fn is_empty(&self) -> Result<bool, Failure> {
        for entry in self.walk() {
            if !matches!(entry?.kind, EntryKind::LinkedFolder(_) | EntryKind::Socket) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// When anything of the set changed last, by the file system's clock: seconds and nanoseconds; `None` if it is
    /// empty. Programs can set a file's modification time, and never this one.
    pub fn last_change(&self) -> Result<Option<(i64, i64)>, Failure> {
        let mut last = None;
        for entry in self.walk() {
            let entry = entry?;
            last = last.max(Some((entry.metadata.ctime(), entry.metadata.ctime_nsec())));
        }
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::stat_cache::{FileDigests, Verify};
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
        let glob = |pattern: &str| names(&FileSet::glob(dir.path(), pattern, &[]).unwrap());
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
            assert!(FileSet::glob(dir.path(), bad, &[]).is_err(), "{bad}");
            assert!(FileSet::glob(dir.path(), "**", &[bad]).is_err(), "!{bad}");
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
    fn a_socket_does_not_count_and_a_pipe_does() {
        let dir = tree(&["a"]);
        let before = digest(&FileSet::folder(dir.path()));
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("p")).unwrap();
        assert_eq!(digest(&FileSet::folder(dir.path())), before);
        let pipe = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, dir.path().join("q"), rustix::fs::FileType::Fifo, pipe, 0).unwrap();
        assert_ne!(digest(&FileSet::folder(dir.path())), before);
    }

    #[test]
    fn what_a_link_leads_to_is_what_counts() {
        let dir = tree(&["app/src/main", "lib/a/x", "lib/b/y", "conf"]);
        let path = |name: &str| dir.path().join(name);
        symlink("../../lib", path("app/src/lib")).unwrap();
        symlink("conf", path("conf.link")).unwrap();
        // In a circle, also over two folders.
        symlink("..", path("lib/a/up")).unwrap();
        symlink("../b", path("lib/a/b")).unwrap();
        symlink("../a", path("lib/b/a")).unwrap();
        symlink("nothing", path("app/src/dangling")).unwrap();
        for (pattern, file) in [
            ("app/src/**", "lib/a/x"),
            ("app/src", "lib/b/y"),
            ("app/src/lib/**", "lib/a/x"),
            ("app/src/lib/a/x", "lib/a/x"),
            ("**/x", "lib/a/x"),
            ("app/*/lib/b/*", "lib/b/y"),
            ("conf.link", "conf"),
            ("conf.*", "conf"),
        ] {
            let set = FileSet::glob(dir.path(), pattern, &[]).unwrap();
            let before = digest(&set);
            assert_eq!(digest(&set), before, "{pattern}");
            fs_err::write(path(file), format!("new for {pattern}")).unwrap();
            assert_ne!(digest(&set), before, "{pattern} does not see {file}");
        }
        // Each folder behind a link is read once, however many names the circles give it.
        let all = names(&FileSet::glob(dir.path(), "app/src/lib/**", &[]).unwrap());
        let of = |name: &str| all.iter().filter(|path| path.ends_with(name)).count();
        assert_eq!((of("/x"), of("/y")), (1, 1), "{all:?}");
    }

    #[test]
    fn a_link_out_of_the_project_is_refused_unless_nothing_of_it_counts() {
        let outside = tree(&["private", "d/x"]);
        let dir = tree(&["src/a.txt"]);
        symlink(outside.path().join("private"), dir.path().join("src/out.txt")).unwrap();
        symlink(outside.path().join("d"), dir.path().join("src/d")).unwrap();
        symlink(outside.path(), dir.path().join("etc")).unwrap();
        for pattern in ["src/**", "src/*.txt", "src/out.txt", "src/d/**", "src/*/x", "**/x", "etc/private", "etc/**"] {
            let failure = digests().digest(&FileSet::glob(dir.path(), pattern, &[]).unwrap()).unwrap_err();
            assert!(failure.message.contains("leads out of the project"), "{pattern}: {failure}");
        }
        for (pattern, excluded) in
            [("src/a.*", &[][..]), ("src/**", &["src/out.txt", "src/d"]), ("**", &["etc/**", "src/[!a]*"])]
        {
            let set = FileSet::glob(dir.path(), pattern, excluded).unwrap();
            assert_eq!(names(&set), ["src/a.txt"], "{pattern}");
        }
        // A build gets links as links.
        digest(&FileSet::context(dir.path(), Ignore::default(), Vec::new()));
    }
}
