//! The lock of a state folder: one run writes, everybody reads.

use std::fs::TryLockError;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::clock::now_ms;
use super::place::Place;
use crate::error::{Failure, FailureKind};
use crate::tools::process::pause::Stopwatch;
use crate::tools::process::procfs;

/// How long a lock may be busy before another run is assumed to hold it.
const PATIENCE: Duration = Duration::from_millis(100);

/// Who holds the lock; what the lock file says while it is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Since when, in milliseconds since the Unix epoch.
    pub since: i64,
    /// What was typed.
    pub command: String,
    /// When the process started, in clock ticks since boot; 0 where that is unknown.
    #[serde(default)]
    start: u64,
    /// The boot in which that was.
    #[serde(default)]
    boot: String,
    /// The machine.
    #[serde(default)]
    host: String,
}

impl Holder {
    /// This process, which runs `command`.
    pub fn this_process(command: &str) -> Self {
        let pid = std::process::id();
        Self {
            pid,
            since: now_ms(),
            command: command.to_owned(),
            start: procfs::stat(pid).map_or(0, |stat| stat.start),
            boot: procfs::boot_id().unwrap_or_default().to_owned(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }

    /// Whether it is certain that this process is no more: on this machine, and of another boot, gone, or replaced by
    /// one that got its number later.
    fn is_gone(&self) -> bool {
        let here = Self::this_process("");
        let lives = || procfs::stat(self.pid).is_some_and(|stat| stat.runs && stat.start == self.start);
        self.host == here.host && (self.boot != here.boot || !lives())
    }
}

/// The lock, held until it is dropped or its process ends, however it ends: the kernel keeps it.
#[derive(Debug)]
pub struct Lock {
    file: fs::File,
    path: PathBuf,
    /// The file whose being there is the lock, where the file system has no others.
    stand_in: Option<(PathBuf, Place)>,
}

impl Lock {
    /// Whether the lock's path leads to the file that is locked: else another run may hold the lock that is there.
    pub(super) fn is_in_place(&self) -> std::io::Result<bool> {
        let stand_in = self.stand_in.as_ref().is_none_or(|(path, place)| place.is_at(path));
        Ok(stand_in && Place::of(&self.file)?.is_at(&self.path))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((path, _)) = self.stand_in.as_ref().filter(|(path, place)| place.is_at(path)) {
            // Should it stay, the next run sees that its holder is gone.
            drop(fs::remove_file(path));
        }
    }
}

/// Takes the lock `path`, or fails at once with who holds it. Also returns what a person should know about it.
pub(super) fn take(path: &Path, holder: &Holder) -> Result<(Lock, Vec<String>), Failure> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = fs::OpenOptions::new();
    // Through a link, or into a pipe, we would write somewhere else.
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags.bits().cast_signed());
    let open = options.open(path);
    let mut file = open.map_err(|error| state_failure("can't open the lock of this project's state", &error))?;
    let mut stand_in = None;
    match try_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(held(read_holder(&mut file).as_ref())),
        Err(TryLockError::Error(error)) if is_unsupported(&error) => stand_in = Some(take_stand_in(path, holder)?),
        Err(TryLockError::Error(error)) => return Err(state_failure("can't lock this project's state", &error)),
    }
    let text = serde_json::to_string(holder).unwrap_or_default();
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
    written.map_err(|error| state_failure("can't write the lock of this project's state", &error))?;
    let warning = stand_in.as_ref().map(|(path, _)| {
        format!("this file system has no locks: `{}` keeps a second run out while this one is on", path.display())
    });
    Ok((Lock { file, path: path.to_owned(), stand_in }, warning.into_iter().collect()))
}

/// Where the file system has no locks (some network and virtual ones): a file that only one process can make. Unlike a
/// lock of the kernel it outlives a process that is killed, so a run that finds it checks whether its maker lives.
fn take_stand_in(path: &Path, holder: &Holder) -> Result<(PathBuf, Place), Failure> {
    let path = path.with_extension("held");
    let maker = StandIn {
        text: serde_json::to_string(holder).unwrap_or_default(),
        own: path.with_extension(format!("held-{}", holder.pid)),
    };
    let taken = maker.take(&path);
    drop(fs::remove_file(&maker.own));
    taken?;
    let place =
        Place::at(&path).map_err(|error| state_failure("can't see the lock of this project's state", &error))?;
    Ok((path, place))
}

/// Makes lock files.
struct StandIn {
    text: String,
    /// Each is written whole under this name first: nobody ever sees half of one.
    own: PathBuf,
}

impl StandIn {
    fn write_own(&self) -> std::io::Result<()> {
        // A run that was killed and had our number may have left it, as a second name of its lock.
        drop(fs::remove_file(&self.own));
        fs::write(&self.own, &self.text)
    }

    fn take(&self, path: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| state_failure("can't make the lock of this project's state", &error);
        self.write_own().map_err(failed)?;
        match fs::hard_link(&self.own, path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        let other = holder_in(path);
        let held_by = |other: Option<&Holder>| {
            let hint = format!("if no other run is on, on no machine: remove `{}`", path.display());
            held(other).hint(hint)
        };
        let Some(gone) = other.as_ref().filter(|other| other.is_gone()) else { return Err(held_by(other.as_ref())) };
        // Two runs may see the same dead holder. The right to replace its file is a lock of the same kind, which a kill
        // can leave behind in the same way.
        let mut right = path.as_os_str().to_owned();
        right.push(format!("-after-{}-{}", gone.pid, gone.start));
        let right = PathBuf::from(right);
        self.take(&right)?;
        let now = holder_in(path);
        let replaced = if now.as_ref() == Some(gone) {
            self.write_own().and_then(|()| fs::rename(&self.own, path)).map_err(failed)
        } else {
            Err(held_by(now.as_ref()))
        };
        drop(fs::remove_file(&right));
        replaced
    }
}

/// Tries for a moment: a reader that checks whether a run is on holds the lock for microseconds.
fn try_lock(file: &fs::File) -> Result<(), TryLockError> {
    let began = Stopwatch::start();
    loop {
        match file.file().try_lock() {
            Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => std::thread::sleep(PATIENCE / 20),
            result => return result,
        }
    }
}

/// Who holds the lock `path` right now; `None` where that is unknown.
pub(super) fn holder(path: &Path) -> Option<Holder> {
    let mut file = fs::File::open(path).ok()?;
    match file.file().try_lock_shared() {
        Err(TryLockError::WouldBlock) => read_holder(&mut file),
        Err(TryLockError::Error(error)) if is_unsupported(&error) => {
            holder_in(&path.with_extension("held")).filter(|holder| !holder.is_gone())
        }
        // Free, or unknown; our own is released with the file.
        _ => None,
    }
}

/// What the file `path` says, if there is one and it is whole.
fn holder_in(path: &Path) -> Option<Holder> {
    read_holder(&mut fs::File::open(path).ok()?)
}

fn read_holder(file: &mut fs::File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn is_unsupported(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    error.kind() == std::io::ErrorKind::Unsupported
        || [Errno::NOLCK, Errno::NOTSUP, Errno::NOSYS].iter().any(|no| error.raw_os_error() == Some(no.raw_os_error()))
}

fn held(holder: Option<&Holder>) -> Failure {
    let failure = Failure::new(FailureKind::State, "another run holds the lock of this project's state");
    match holder {
        Some(holder) => {
            let since =
                jiff::Timestamp::from_millisecond(holder.since).map_or_else(|_| "?".into(), |t| format!("{t:.0}"));
            failure
                .cause(format!("process {} (`{}`) since {since}", holder.pid, holder.command))
                .hint("`provision status` shows how far it is; wait for it, or stop it with Ctrl-C in its terminal")
        }
        None => failure.hint("`provision status` shows how far it is"),
    }
}

/// A failure of the state folder: exit code 4.
pub(super) fn state_failure(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::State, what)
        .source(error)
        .hint("`.provision` may be deleted at any time: the next `provision up` checks every step and carries on")
}
