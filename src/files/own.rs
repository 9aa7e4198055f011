//! Files of the state folder are opened without following links: what stands there may have been put there by others.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::fs::{Mode, OFlags};

/// Opens the plain file `path` for reading, and never what a link there leads to. Never waits, as a pipe would.
pub fn open_own(path: &Path) -> io::Result<fs::File> {
    open_plain(fs::OpenOptions::new().read(true), path)
}

/// Opens the plain file `path`, which is made if it is missing, to write at its end; never what a link there leads to.
pub fn append_own(path: &Path) -> io::Result<fs::File> {
    open_plain(fs::OpenOptions::new().append(true).create(true).mode(0o600), path)
}

fn open_plain(options: &mut fs::OpenOptions, path: &Path) -> io::Result<fs::File> {
    let file = options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a plain file")) }
}

/// Fails if there is something at `path` that is no plain file: a program that is handed this path would follow a link.
pub fn refuse_link(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::other("it is not a plain file")),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns the contents of the plain file `path`, opened as [`open_own`] does.
pub fn read_own(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // That of the standard library asks for the length first, and then reads all at once.
    open_own(path)?.file().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns whether the rest of `file` is `expected`: the same as to read it all and to compare, without the memory.
pub fn is_rest(file: &mut fs::File, mut expected: &[u8]) -> io::Result<bool> {
    let mut part = [0; 16 << 10];
    loop {
        match file.file().read(&mut part) {
            Ok(0) => return Ok(expected.is_empty()),
            Ok(length) => match expected.strip_prefix(&part[..length]) {
                Some(rest) => expected = rest,
                None => return Ok(false),
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Returns the text of the plain file `path`, opened as [`open_own`] does.
pub fn read_own_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open_own(path)?.file().read_to_string(&mut text)?;
    Ok(text)
}

/// Opens the plain file `path` for reading. None of the last `depth` parts of the path may be a link.
pub fn open_below(path: &Path, depth: usize) -> io::Result<fs::File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let file = Below::of(path, depth)?.open(flags, MakeFolders::No)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a plain file")) }
}

/// Makes the file `path`, or empties the one that is there, and the folders above it. None of the last `depth` parts of
/// the path may be a link.
pub fn create_below(path: &Path, depth: usize) -> io::Result<fs::File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NONBLOCK;
    Below::of(path, depth)?.open(flags, MakeFolders::Yes)
}

/// Whether folders that are missing are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MakeFolders {
    Yes,
    No,
}

/// A path whose last parts are opened one after the other, each in the folder before it.
struct Below<'a> {
    path: &'a Path,
    top: PathBuf,
    parts: Vec<&'a std::ffi::OsStr>,
}

impl<'a> Below<'a> {
    fn of(path: &'a Path, depth: usize) -> io::Result<Self> {
        let mut top = path;
        let mut parts = Vec::with_capacity(depth);
        for _ in 0..depth {
            let (Some(parent), Some(name)) = (top.parent(), top.file_name()) else { break };
            parts.push(name);
            top = parent;
        }
        parts.reverse();
        let top = if top.as_os_str().is_empty() { PathBuf::from(".") } else { top.to_owned() };
        if parts.is_empty() { Err(io::Error::other("it is no path of a file")) } else { Ok(Self { path, top, parts }) }
    }

    fn open(&self, flags: OFlags, make: MakeFolders) -> io::Result<fs::File> {
        let failed = |errno: rustix::io::Errno| {
            let error = io::Error::from(errno);
            io::Error::new(error.kind(), format!("can't open `{}`: {error}", self.path.display()))
        };
        let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut at = rustix::fs::open(&self.top, folder, Mode::empty()).map_err(failed)?;
        let Some((name, folders)) = self.parts.split_last() else { return Err(failed(rustix::io::Errno::NOENT)) };
        for part in folders {
            if make == MakeFolders::Yes {
                match rustix::fs::mkdirat(&at, *part, Mode::RWXU) {
                    Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                    Err(errno) => return Err(failed(errno)),
                }
            }
            at = rustix::fs::openat(&at, *part, folder | OFlags::NOFOLLOW, Mode::empty()).map_err(failed)?;
        }
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&at, *name, flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
        Ok(fs::File::from_parts(file.into(), self.path))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_is_followed_wherever_it_stands() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("victim/r")).unwrap();
        fs::write(path("victim/r/log"), "theirs").unwrap();
        fs::create_dir(path("state")).unwrap();
        symlink(path("victim"), path("state/logs")).unwrap();
        for below in [path("state/logs/r/log"), path("state/logs/new/log")] {
            assert!(create_below(&below, 3).is_err());
            assert!(open_below(&below, 3).is_err());
        }
        symlink(path("victim/r/log"), path("state/log")).unwrap();
        assert!(create_below(&path("state/log"), 1).is_err());
        assert!(open_below(&path("state/log"), 1).is_err());
        assert!(open_own(&path("state/log")).is_err());
        symlink(path("nothing"), path("state/dangling")).unwrap();
        for (name, is_fit) in [("log", false), ("dangling", false), ("logs", false), ("none", true)] {
            assert_eq!(refuse_link(&path("state").join(name)).is_ok(), is_fit, "{name}");
        }
        refuse_link(&path("victim/r/log")).unwrap();
        assert_eq!(fs::read_to_string(path("victim/r/log")).unwrap(), "theirs");
        assert_eq!(fs::read_dir(path("victim")).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_made_with_its_folders_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("logs/r/a.log");
        assert_eq!(open_below(&log, 3).unwrap_err().kind(), io::ErrorKind::NotFound);
        for text in ["a longer text", "short"] {
            create_below(&log, 3).unwrap().write_all(text.as_bytes()).unwrap();
            assert_eq!(io::read_to_string(open_below(&log, 3).unwrap()).unwrap(), text);
            assert_eq!(read_own_text(&log).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_plain_file_is_refused_and_nothing_waits() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        duct::cmd!("mkfifo", &pipe).run().unwrap();
        for odd in [pipe.as_path(), dir.path()] {
            assert!(read_own(odd).is_err(), "{}", odd.display());
            assert!(open_below(odd, 1).is_err(), "{}", odd.display());
        }
    }
}
