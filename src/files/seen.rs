//! [`Seen`]: what the steps of a run have read as their inputs: which files could be part of them, and what was in
//! those that were.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use foldhash::fast::FixedState;
use fs_err as fs;

use super::mutex::lock;
use super::set::FileSet;
use super::walk::EntryKind;
use crate::fingerprint::Digest;

/// The permission bits of a file, which are part of an image.
const PERMISSIONS: u32 = 0o7777;

/// What the steps of a run have read; of a file that was read more than once, what was found first: a change
/// in between is not forgotten.
#[derive(Debug, Default)]
pub struct Seen {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    inputs: Sets,
    /// What steps of the pipeline make themselves.
    made: Sets,
    /// `None` of a file that was looked for, and was not there.
    files: HashMap<PathBuf, Option<Contents>, FixedState>,
}

/// File sets, each once.
#[derive(Debug, Default)]
struct Sets {
    all: Vec<FileSet>,
    ids: HashSet<Digest>,
}

impl Sets {
    fn add(&mut self, set: &FileSet) {
        if self.ids.insert(set.id()) {
            self.all.push(set.clone());
        }
    }

    fn take(&self, path: &Path) -> bool {
        self.all.iter().any(|set| set.takes(path))
    }
}

/// What of a file is an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Contents {
    digest: Digest,
    permissions: u32,
}

/// Returns what is in the regular file at `path`, also behind a link; `None` if there is none, or it can't be read.
fn read(path: &Path) -> Option<Contents> {
    let found = fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut fs::File::open(path).ok()?, &mut hasher).ok()?;
    Some(Contents { digest: Digest::from_hash(hasher.finalize()), permissions: found.mode() & PERMISSIONS })
}

impl Seen {
    /// Notes that a step has `set` as its input.
    pub(super) fn note_set(&self, set: &FileSet) {
        lock(&self.known).inputs.add(set);
    }

    /// Notes the contents of a file of such a set.
    pub(super) fn note_contents(&self, path: &Path, digest: Digest, mode: u32) {
        let contents = Contents { digest, permissions: mode & PERMISSIONS };
        lock(&self.known).files.entry(path.to_owned()).or_insert(Some(contents));
    }

    /// Notes that a step makes `set`: what changes in it was done by the run itself.
    pub fn note_made(&self, set: &FileSet) {
        lock(&self.known).made.add(set);
    }

    /// Notes that a step reads the file at `path`, also if it is not there.
    pub fn note_file(&self, path: &Path) {
        let contents = read(path);
        lock(&self.known).files.entry(path.to_owned()).or_insert(contents);
    }

    /// Notes the file at `path` as it is now, whatever was noted before.
    pub fn note_again(&self, path: &Path) {
        let contents = read(path);
        lock(&self.known).files.insert(path.to_owned(), contents);
    }

    /// Notes that a step reads `set`, with all the files that are in it.
    pub fn note_all(&self, set: &FileSet) {
        self.note_set(set);
        for entry in set.walk().flatten().filter(|entry| entry.kind == EntryKind::File) {
            self.note_file(&entry.path);
        }
    }

    /// Returns whether `path` is an input, and is not as it was read.
    pub fn has_changed(&self, path: &Path) -> bool {
        if lock(&self.known).made.take(path) {
            return false;
        }
        let now = read(path);
        let known = lock(&self.known);
        match known.files.get(path) {
            Some(before) => *before != now,
            // A link counts although it may lead nowhere.
            None => (now.is_some() || path.is_symlink()) && known.inputs.take(path),
        }
    }

    /// Returns how many files were read.
    pub fn n_files(&self) -> usize {
        lock(&self.known).files.values().flatten().count()
    }

    /// Returns the folders in which an input may change, appear or go, and those above them up to `root`: a folder may
    /// be replaced as a whole.
    pub fn folders(&self, root: &Path) -> BTreeSet<PathBuf> {
        let known = lock(&self.known);
        let mut folders: BTreeSet<PathBuf> = known.inputs.all.iter().flat_map(FileSet::folders).collect();
        for folder in known.files.keys().filter_map(|file| file.parent()) {
            if !folders.contains(folder) {
                folders.insert(folder.to_owned());
            }
        }
        let above = folders.iter().flat_map(|folder| folder.ancestors().skip(1));
        let above: BTreeSet<PathBuf> = above.filter(|above| above.starts_with(root)).map(Path::to_owned).collect();
        folders.extend(above);
        folders
    }

    /// Returns the folders at and below the new folder `folder` in which an input may be, and the files there that are.
    pub fn below(&self, folder: &Path) -> (BTreeSet<PathBuf>, Vec<PathBuf>) {
        let known = lock(&self.known);
        let (mut folders, mut files) = (BTreeSet::new(), Vec::new());
        for set in &known.inputs.all {
            // Of a set that could not begin yet, the folder is on the way to where it begins.
            if !set.may_have_below(folder) {
                continue;
            }
            for entry in walkdir::WalkDir::new(folder)
                .into_iter()
                .filter_entry(|entry| !entry.file_type().is_dir() || set.may_have_below(entry.path()))
            {
                let Ok(entry) = entry else { continue };
                if entry.file_type().is_dir() {
                    folders.insert(entry.into_path());
                } else if set.takes(entry.path()) {
                    files.push(entry.into_path());
                }
            }
        }
        for file in known.files.keys().filter(|file| file.starts_with(folder)) {
            folders.extend(file.parent().filter(|parent| parent.is_dir()).map(Path::to_owned));
            files.push(file.clone());
        }
        (folders, files)
    }

    /// Returns the files that were read at and below `folder`.
    pub fn known_below(&self, folder: &Path) -> Vec<PathBuf> {
        lock(&self.known).files.keys().filter(|file| file.starts_with(folder)).cloned().collect()
    }

    /// Returns the inputs that have a change time of `since` or later, in seconds since 1970, and those that are gone:
    /// what may have changed while nobody watched.
    pub fn recent(&self, since: i64) -> Vec<PathBuf> {
        let (sets, files) = {
            let known = lock(&self.known);
            (known.inputs.all.clone(), known.files.keys().cloned().collect::<Vec<_>>())
        };
        let mut recent = BTreeSet::new();
        for entry in sets.iter().flat_map(FileSet::walk).flatten() {
            if entry.metadata.ctime() >= since && entry.kind != EntryKind::Folder {
                recent.insert(entry.path);
            }
        }
        for file in files {
            match fs::metadata(&file) {
                Ok(found) if found.ctime() < since => {}
                _ => {
                    recent.insert(file);
                }
            }
        }
        recent.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::dockerignore::Ignore;
    use super::super::stat_cache::{FileDigests, Verify};
    use super::*;

    struct Project {
        dir: tempfile::TempDir,
        seen: std::sync::Arc<Seen>,
    }

    impl Project {
        fn new(files: &[&str]) -> Self {
            let project = Self { dir: tempfile::tempdir().unwrap(), seen: std::sync::Arc::default() };
            for file in files {
                project.write(file, file);
            }
            project
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
            fs::write(self.path(name), text).unwrap();
        }

        /// Reads a set as a step does.
        fn read(&self, set: &FileSet) {
            let digests =
                FileDigests::new(Path::new("/nowhere"), Verify::Stat).noting(std::sync::Arc::clone(&self.seen));
            digests.digest(set).unwrap();
        }

        fn context(&self, folder: &str, ignore: &[&str]) -> FileSet {
            FileSet::context(&self.path(folder), Ignore::new(ignore.to_vec()).unwrap(), Vec::new())
        }

        fn has_changed(&self, name: &str) -> bool {
            self.seen.has_changed(&self.path(name))
        }
    }

    #[test]
    fn only_another_content_of_an_input_is_a_change() {
        let project = Project::new(&["app/a.py", "app/log/x.log", "app/gone", "other"]);
        project.read(&project.context("app", &["log"]));
        for name in ["app/a.py", "app/gone", "app/log/x.log", "other"] {
            assert!(!project.has_changed(name), "{name}");
        }
        project.write("app/a.py", "new");
        project.write("app/new/b.py", "new");
        project.write("app/log/x.log", "new");
        project.write("other", "new");
        fs::remove_file(project.path("app/gone")).unwrap();
        symlink("nowhere", project.path("app/link")).unwrap();
        let changed = ["app/a.py", "app/new/b.py", "app/gone", "app/link"];
        for name in ["app/log/x.log", "other", "app/never"].iter().chain(&changed) {
            assert_eq!(project.has_changed(name), changed.contains(name), "{name}");
        }
        // The same content as before is none; other permissions are one.
        project.write("app/a.py", "app/a.py");
        assert!(!project.has_changed("app/a.py"));
        fs::set_permissions(project.path("app/a.py"), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(project.has_changed("app/a.py"));
    }

    #[test]
    fn a_file_that_changes_while_steps_read_it_has_changed_and_what_they_make_has_not() {
        let project = Project::new(&["src/a", "dist/b"]);
        let glob = |pattern: &str| FileSet::glob(project.dir.path(), pattern, &[]).unwrap();
        project.read(&glob("src/**"));
        project.write("src/a", "meanwhile");
        project.read(&glob("src/**"));
        assert!(project.has_changed("src/a"));
        project.read(&glob("**"));
        project.seen.note_made(&glob("dist"));
        project.write("dist/b", "made");
        assert!(!project.has_changed("dist/b"));
    }

    #[test]
    fn a_file_that_is_looked_for_may_come_and_go() {
        let project = Project::new(&["values.yaml"]);
        project.seen.note_file(&project.path("values.yaml"));
        project.seen.note_file(&project.path(".dockerignore"));
        assert!(!project.has_changed(".dockerignore") && !project.has_changed("values.yaml"));
        project.write(".dockerignore", "x");
        fs::remove_file(project.path("values.yaml")).unwrap();
        assert!(project.has_changed(".dockerignore") && project.has_changed("values.yaml"));
        assert_eq!(project.seen.n_files(), 1);
        project.seen.note_again(&project.path("values.yaml"));
        assert!(!project.has_changed("values.yaml"));
    }

    #[test]
    fn the_folders_are_those_in_which_an_input_may_appear_and_no_others() {
        let project = Project::new(&["app/src/a.py", "app/node_modules/x/y.js", "lib/c/d.rs", "deep/e/f", ".git/x"]);
        fs::create_dir_all(project.path("lib/empty")).unwrap();
        fs::create_dir_all(project.path(".provision/logs")).unwrap();
        project.read(&project.context("app", &["node_modules"]));
        let glob = |pattern: &str| FileSet::glob(project.dir.path(), pattern, &[]).unwrap();
        project.read(&glob("lib/**/*.rs"));
        project.read(&glob("later/on/**"));
        project.seen.note_file(&project.path("deep/e/f"));
        let folders = project.seen.folders(project.dir.path());
        let names: Vec<&str> =
            folders.iter().map(|folder| folder.strip_prefix(project.dir.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["", "app", "app/src", "deep", "deep/e", "lib", "lib/c", "lib/empty"]);
        // A folder that is new, with what is in it.
        project.write("later/on/time/x", "new");
        project.write("later/off/y", "new");
        let (folders, files) = project.seen.below(&project.path("later"));
        let relative = |paths: Vec<PathBuf>| -> Vec<String> {
            paths.iter().map(|path| path.strip_prefix(project.dir.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(relative(folders.into_iter().collect()), ["later", "later/on", "later/on/time"]);
        assert_eq!(relative(files), ["later/on/time/x"]);
        assert!(project.has_changed("later/on/time/x") && !project.has_changed("later/off/y"));
    }

    #[test]
    fn what_changed_while_nobody_watched_is_found() {
        let project = Project::new(&["app/a", "app/b", "conf"]);
        project.read(&project.context("app", &[]));
        project.seen.note_file(&project.path("conf"));
        let later = jiff::Timestamp::now().as_second() + 100;
        assert!(project.seen.recent(later).is_empty());
        fs::remove_file(project.path("app/b")).unwrap();
        project.write("app/new", "new");
        assert_eq!(project.seen.recent(later), [project.path("app/b")]);
        let recent = project.seen.recent(later - 200);
        let changed: Vec<_> = recent.iter().filter(|path| project.seen.has_changed(path)).collect();
        assert_eq!(changed, [&project.path("app/b"), &project.path("app/new")]);
    }
}
