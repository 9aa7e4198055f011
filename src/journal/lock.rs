//! The lock of a state folder: one run writes, everybody reads.

use std::fs::TryLockError;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::error::{Failure, FailureKind};

/// How long a lock may be busy before that is taken for another run.
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
}

/// The lock, held until it is dropped or its process ends, however it ends: the kernel keeps it.
#[derive(Debug)]
pub struct Lock {
    _file: fs::File,
    /// Whether nothing really keeps a second run out, because the file system has no locks.
    pub unsupported: bool,
}

/// Takes the lock `path`, or says at once who holds it.
pub(super) fn take(path: &Path, holder: &Holder) -> Result<Lock, Failure> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = fs::OpenOptions::new();
    // Through a link, or into a pipe, we would write somewhere else.
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags.bits().cast_signed());
    let open = options.open(path);
    let mut file = open.map_err(|error| state_failure("can't open the lock of this project's state", &error))?;
    let unsupported = match try_lock(&file) {
        Ok(()) => false,
        Err(TryLockError::WouldBlock) => return Err(held(&mut file)),
        Err(TryLockError::Error(error)) if is_unsupported(&error) => true,
        Err(TryLockError::Error(error)) => return Err(state_failure("can't lock this project's state", &error)),
    };
    let text = serde_json::to_string(holder).unwrap_or_default();
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
    written.map_err(|error| state_failure("can't write the lock of this project's state", &error))?;
    Ok(Lock { _file: file, unsupported })
}

/// Tries for a moment: a reader that looks whether a run is on holds the lock for microseconds.
fn try_lock(file: &fs::File) -> Result<(), TryLockError> {
    let began = Instant::now();
    loop {
        match file.file().try_lock() {
            Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => std::thread::sleep(PATIENCE / 20),
            result => return result,
        }
    }
}

/// Who holds the lock `path` right now; nobody where nothing can be told.
pub(super) fn holder(path: &Path) -> Option<Holder> {
    let mut file = fs::File::open(path).ok()?;
    match file.file().try_lock_shared() {
        Err(TryLockError::WouldBlock) => read_holder(&mut file),
        // Free, or not to be told; ours is gone with the file.
        _ => None,
    }
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

fn held(file: &mut fs::File) -> Failure {
    let failure = Failure::new(FailureKind::State, "another run holds the lock of this project's state");
    match read_holder(file) {
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
        .hint("`.provision` may be deleted at any time: the next `provision up` looks at the world and carries on")
}
