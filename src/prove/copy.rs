//! [`Copy`]: the files of a project in a temporary folder, where they are changed.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::fs::MetadataExt;
use tempfile::TempDir;

use crate::action::ProjectFiles;
use crate::error::{Context, Failure};

/// What the name of the folder begins with.
const PREFIX: &str = "provision-prove-";

/// A file in it that is locked while the folder is in use; what it says.
const LOCK: &str = "lock";
const MARK: &[u8] = b"a copy of a project by `provision prove`; of no use once nobody has this file locked\n";

/// A folder that is younger is not a leftover: its lock may be about to be taken.
const YOUNG: Duration = Duration::from_secs(60);

/// A bigger file that no check reads has its length and no content.
const BIG: u64 = 1 << 20;

/// The files of a project, copied to a folder of their own, which is deleted in the end. Nothing in it is linked to the
/// project: what is written here stays here.
pub(super) struct Copy {
    folder: TempDir,
    /// Held until the folder is gone.
    _lock: fs::File,
}

/// A file of a copy before it is changed.
pub(super) struct Original {
    path: PathBuf,
    content: Option<(Vec<u8>, std::fs::Permissions)>,
}

impl Copy {
    /// Copies `files`; of big ones that are not among `read`, the length.
    pub(super) fn of(files: &ProjectFiles, read: &BTreeSet<PathBuf>) -> Result<Self, Failure> {
        let making = || "making a copy of the project's files".to_owned();
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir().context(making)?;
        let lock = folder.path().join(LOCK);
        let mut lock = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(lock).context(making)?;
        lock.file().lock().context(making)?;
        lock.write_all(MARK).context(making)?;
        let copy = Self { folder, _lock: lock };
        fs::create_dir(copy.root()).context(making)?;
        let mut folders = BTreeSet::new();
        for name in files.all() {
            let (from, to) = (files.root().join(name), copy.root().join(name));
            if let Some(parent) = to.parent().filter(|parent| !folders.contains(*parent)) {
                fs::create_dir_all(parent).context(making)?;
                folders.insert(parent.to_owned());
            }
            let length = fs::metadata(&from).context(making)?.len();
            if length > BIG && !read.contains(name) {
                fs::File::create(&to).and_then(|file| file.set_len(length)).context(making)?;
            } else {
                fs::copy(&from, &to).context(making)?;
            }
        }
        Ok(copy)
    }

    /// The folder with the project's files.
    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// Where a state folder would be.
    pub(super) fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Replaces the content of the file `name`, or removes it. Returns what [`Copy::restore`] needs.
    pub(super) fn change(&self, name: &Path, content: Option<&[u8]>) -> Result<Original, Failure> {
        let path = self.root().join(name);
        let changing = || format!("changing the copy of `{}`", name.display());
        let original = match fs::metadata(&path) {
            Ok(metadata) => Some((fs::read(&path).context(changing)?, metadata.permissions())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).context(changing),
        };
        match content {
            Some(content) => {
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).context(changing)?;
                }
                fs::write(&path, content).context(changing)?;
            }
            None => fs::remove_file(&path).context(changing)?,
        }
        Ok(Original { path, content: original })
    }

    /// Makes a file what it was before.
    #[expect(clippy::unused_self, reason = "only a file of this copy can be restored")]
    pub(super) fn restore(&self, original: &Original) -> Result<(), Failure> {
        let restoring = || "restoring a copied file".to_owned();
        match &original.content {
            None => fs::remove_file(&original.path).context(restoring),
            Some((content, permissions)) => {
                fs::write(&original.path, content).context(restoring)?;
                fs::set_permissions(&original.path, permissions.clone()).context(restoring)
            }
        }
    }
}

/// Removes what earlier processes of this user left behind when they were killed: folders of ours whose lock nobody
/// holds.
pub(super) fn remove_leftovers() {
    let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let path = entry.path();
        if is_leftover(&path).unwrap_or(false)
            && let Err(error) = fs::remove_dir_all(&path)
        {
            tracing::debug!("a copy of an earlier `prove` is still there: {error}");
        }
    }
}

fn is_leftover(path: &Path) -> std::io::Result<bool> {
    let metadata = fs::symlink_metadata(path)?;
    let is_old = metadata.modified()?.elapsed().is_ok_and(|age| age > YOUNG);
    if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() || !is_old {
        return Ok(false);
    }
    let lock = crate::files::open_own(&path.join(LOCK))?;
    let is_marked = crate::files::read_own(&path.join(LOCK))? == MARK;
    Ok(is_marked && lock.file().try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_changed_and_restored_and_the_project_stays_as_it_is() {
        let project = tempfile::tempdir().unwrap();
        fs::create_dir_all(project.path().join("a")).unwrap();
        fs::write(project.path().join("a/b.sh"), "x").unwrap();
        fs::write(project.path().join("big"), vec![7; 2 << 20]).unwrap();
        let files = ProjectFiles::new(project.path().into(), ["a/b.sh", "big"].map(PathBuf::from));
        let copy = Copy::of(&files, &BTreeSet::new()).unwrap();
        let read = |name: &str| fs::read(copy.root().join(name)).ok();
        assert_eq!(read("a/b.sh").unwrap(), b"x");
        assert_eq!((read("big").unwrap().len(), read("big").unwrap()[0]), (2 << 20, 0));
        let name = Path::new("a/b.sh");
        for content in [Some(&b"y"[..]), None] {
            let original = copy.change(name, content).unwrap();
            assert_eq!(read("a/b.sh").as_deref(), content);
            copy.restore(&original).unwrap();
            assert_eq!(read("a/b.sh").unwrap(), b"x");
        }
        let original = copy.change(Path::new("new/c"), Some(b"z")).unwrap();
        assert_eq!(read("new/c").unwrap(), b"z");
        copy.restore(&original).unwrap();
        assert_eq!(read("new/c"), None);
        assert_eq!(fs::read(project.path().join("a/b.sh")).unwrap(), b"x");
        let root = copy.root();
        drop(copy);
        assert!(!root.parent().unwrap().exists());
    }

    #[test]
    fn only_an_old_folder_of_ours_that_nobody_holds_is_a_leftover() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join(LOCK);
        let old = std::time::SystemTime::now() - YOUNG * 2;
        let age = || fs::File::open(dir.path()).unwrap().file().set_modified(old).unwrap();
        assert!(is_leftover(dir.path()).is_ok_and(|is| !is), "it is young");
        fs::write(&lock, "somebody's").unwrap();
        age();
        assert!(!is_leftover(dir.path()).unwrap(), "it has no mark");
        fs::write(&lock, MARK).unwrap();
        age();
        let held = fs::File::open(&lock).unwrap();
        held.file().lock().unwrap();
        assert!(!is_leftover(dir.path()).unwrap(), "it is in use");
        drop(held);
        assert!(is_leftover(dir.path()).unwrap());
    }
}
