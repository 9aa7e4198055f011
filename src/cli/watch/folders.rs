//! [`Folders`]: the folders that are watched, and the paths at which something has happened.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use tokio::net::unix::pipe::Receiver;

use crate::files::Seen;

/// What is asked of a folder. A file that is being written counts once it is closed: half of it is no change.
const EVENTS: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::ONLYDIR);

/// Bytes of events that are read at once.
const BUFFER: usize = 16 << 10;

/// Why folders can't be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unwatched(pub(super) String);

/// Watched folders. Nothing is asked of them while nothing happens: the system tells.
#[derive(Debug)]
pub(super) struct Folders {
    queue: OwnedFd,
    /// By the system's number of each; several paths may lead to one.
    paths: HashMap<i32, Vec<PathBuf>>,
    known: BTreeSet<PathBuf>,
}

/// What has happened.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The paths of files.
    pub(super) files: BTreeSet<PathBuf>,
    /// Whether more happened than the system could tell.
    pub(super) lost: bool,
}

impl Folders {
    pub(super) fn new() -> Result<Self, Unwatched> {
        let queue = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).map_err(why)?;
        Ok(Self { queue, paths: HashMap::new(), known: BTreeSet::new() })
    }

    /// Watches `folders` too. Returns whether any of them is new; fails if the system lets us watch no more.
    pub(super) fn add(&mut self, folders: BTreeSet<PathBuf>) -> Result<bool, Unwatched> {
        let mut is_new = false;
        for folder in folders {
            if self.known.contains(&folder) {
                continue;
            }
            let number = match inotify::add_watch(&self.queue, &folder, EVENTS) {
                Ok(number) => number,
                Err(Errno::NOSPC | Errno::NOMEM | Errno::MFILE) => return Err(why(Errno::NOSPC)),
                // It is gone, or nobody may read it.
                Err(_) => continue,
            };
            is_new = true;
            self.paths.entry(number).or_default().push(folder.clone());
            self.known.insert(folder);
        }
        Ok(is_new)
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Waits until something has happened; [`Folders::take`] says what.
    pub(super) async fn wait(&self) -> io::Result<()> {
        // The runtime waits for any descriptor that can be read; by this type without `unsafe` code.
        Receiver::from_owned_fd_unchecked(self.queue.try_clone()?)?.readable().await
    }

    /// Takes what has happened since the last time. New folders are watched as well, and what is in them counts.
    pub(super) fn take(&mut self, seen: &Seen) -> Result<Events, Unwatched> {
        let mut events = Events::default();
        let (mut come, mut gone) = (BTreeSet::new(), BTreeSet::new());
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        let mut reader = inotify::Reader::new(&self.queue, &mut buffer);
        // It ends with an error, as a queue without events does.
        while let Ok(event) = reader.next() {
            let what = event.events();
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                events.lost = true;
                continue;
            }
            if what.contains(ReadFlags::IGNORED) {
                for folder in self.paths.remove(&event.wd()).unwrap_or_default() {
                    self.known.remove(&folder);
                    gone.insert(folder);
                }
                continue;
            }
            let Some(name) = event.file_name() else { continue };
            for folder in self.paths.get(&event.wd()).into_iter().flatten() {
                let path = folder.join(OsStr::from_bytes(name.to_bytes()));
                if !what.contains(ReadFlags::ISDIR) {
                    if !what.contains(ReadFlags::CREATE) || is_whole(&path) {
                        events.files.insert(path);
                    }
                } else if what.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
                    come.insert(path);
                } else if what.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
                    gone.insert(path);
                }
            }
        }
        for folder in gone {
            events.files.extend(seen.known_below(&folder));
            // A folder that was moved is still watched, by a name that is not its own any more.
            self.forget(&folder);
        }
        for folder in come {
            let (folders, files) = seen.below(&folder);
            self.add(folders)?;
            events.files.extend(files);
        }
        Ok(events)
    }

    fn forget(&mut self, folder: &Path) {
        for (number, paths) in &mut self.paths {
            let n_before = paths.len();
            paths.retain(|path| !path.starts_with(folder));
            if paths.is_empty() && n_before > 0 {
                // It may be gone already.
                let _gone = inotify::remove_watch(&self.queue, *number);
            }
        }
        self.paths.retain(|_, paths| !paths.is_empty());
        self.known.retain(|path| !path.starts_with(folder));
    }
}

/// Whether what was just made is there as a whole: a link, or another name of a file. A file is written first.
fn is_whole(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| !found.is_file() || found.nlink() > 1)
}

/// Says why the system lets us watch no more, and what helps.
fn why(error: Errno) -> Unwatched {
    let limit = |name: &str| fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).unwrap_or_default();
    let (name, enough) =
        if error == Errno::MFILE { ("max_user_instances", 512) } else { ("max_user_watches", 524_288) };
    let value = limit(name);
    let known =
        if value.trim().is_empty() { String::new() } else { format!(" (fs.inotify.{name} is {})", value.trim()) };
    Unwatched(match error {
        Errno::NOSPC | Errno::MFILE => format!(
            "the system's limit of watched folders is reached{known}; to raise it: \
             `sudo sysctl fs.inotify.{name}={enough}`"
        ),
        error => format!("the system can't watch folders: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::files::{FileDigests, FileSet, Verify};

    struct Project {
        dir: tempfile::TempDir,
        seen: Arc<Seen>,
        folders: Folders,
    }

    impl Project {
        fn new(files: &[&str], pattern: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let project = Self { dir, seen: Arc::default(), folders: Folders::new().unwrap() };
            for file in files {
                project.write(file);
            }
            let digests = FileDigests::new(Path::new("/nowhere"), Verify::Stat).noting(Arc::clone(&project.seen));
            digests.digest(&FileSet::glob(project.dir.path(), pattern, &[]).unwrap()).unwrap();
            let folders = watched(&project.seen, project.dir.path());
            Self { folders, ..project }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn write(&self, name: &str) {
            fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
            fs::write(self.path(name), name).unwrap();
        }

        fn told(&mut self) -> Vec<String> {
            let events = self.folders.take(&self.seen).unwrap();
            let root = self.dir.path();
            events.files.iter().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect()
        }
    }

    fn watched(seen: &Seen, root: &Path) -> Folders {
        let mut folders = Folders::new().unwrap();
        folders.add(seen.folders(root)).unwrap();
        folders
    }

    #[test]
    fn files_that_are_written_moved_and_deleted_are_told_also_in_new_folders() {
        let mut project = Project::new(&["src/a", "src/b/c", "other/x"], "src/**");
        assert_eq!(project.folders.len(), 3);
        assert!(project.told().is_empty());
        project.write("src/a");
        project.write("other/x");
        project.write("x");
        fs::remove_file(project.path("src/b/c")).unwrap();
        assert_eq!(project.told(), ["src/a", "src/b/c", "x"]);
        project.write("src/new/deep/d");
        assert_eq!(project.told(), ["src/new/deep/d"]);
        // The new folder is watched from now on.
        project.write("src/new/deep/e");
        assert_eq!(project.told(), ["src/new/deep/e"]);
        // It is replaced as a whole.
        fs::rename(project.path("src"), project.path("gone")).unwrap();
        assert_eq!(project.told(), ["src/a", "src/b/c"]);
        project.write("src/f");
        assert_eq!(project.told(), ["src/a", "src/b/c", "src/f"]);
        project.write("src/g");
        project.write("gone/x");
        assert_eq!(project.told(), ["src/g"]);
    }

    #[test]
    fn a_folder_that_is_moved_within_what_is_watched_keeps_no_old_name() {
        let mut project = Project::new(&["src/a/x", "src/y"], "src/**");
        fs::rename(project.path("src/a"), project.path("src/b")).unwrap();
        assert_eq!(project.told(), ["src/a/x", "src/b/x"]);
        project.write("src/b/x");
        assert_eq!(project.told(), ["src/b/x"]);
    }

    #[test]
    fn a_file_that_is_still_written_is_no_change() {
        use std::io::Write as _;
        let mut project = Project::new(&["src/a"], "src/**");
        let mut file = fs::File::create(project.path("src/new")).unwrap();
        file.write_all(b"half").unwrap();
        assert!(project.told().is_empty());
        drop(file);
        assert_eq!(project.told(), ["src/new"]);
        std::os::unix::fs::symlink("a", project.path("src/link")).unwrap();
        assert_eq!(project.told(), ["src/link"]);
    }

    #[test]
    fn a_limit_of_the_system_is_named_with_what_raises_it() {
        assert!(why(Errno::NOSPC).0.contains("`sudo sysctl fs.inotify.max_user_watches=524288`"));
        assert!(why(Errno::MFILE).0.contains("fs.inotify.max_user_instances"));
        assert!(why(Errno::NOSYS).0.starts_with("the system can't watch folders: "));
    }
}
