//! The lock of a state folder: one run writes, everybody reads.

use std::fs::TryLockError;
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::clock::now_ms;
use super::place::Place;
use crate::error::{Failure, ids};
use crate::files::open_own;
use crate::tools::machine::{node_name, pid_namespace};
use crate::tools::process::pause::Stopwatch;
use crate::tools::process::procfs;

/// How long a lock may be busy before another run is assumed to hold it.
const PATIENCE: Duration = Duration::from_millis(100);

/// How many bytes the line with the holder has at least: nearly all have as many then, and none has to be cut.
const HOLDER_LENGTH: usize = 511;

/// The namespace of process ids of a machine itself, which has the same number on every Linux.
const MACHINES_OWN: &str = "pid:[4026531836]";

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
    /// The namespace of its process id: containers may share the machine's name.
    #[serde(default)]
    namespace: String,
}

/// The commands that hold the lock and run no step, as they are in [`Holder::command`]. No run is called so: it has the
/// words that were typed.
const NO_RUNS: [&str; 2] = [DOWN, GC];

/// Holds the lock while it removes what steps have made.
pub const DOWN: &str = "provision down";

/// Holds the lock while it removes what is old.
pub const GC: &str = "provision gc";

impl Holder {
    /// Whether it is a run.
    pub fn is_run(&self) -> bool {
        !NO_RUNS.contains(&self.command.as_str())
    }

    /// This process, which runs `command`.
    pub fn this_process(command: &str) -> Self {
        let pid = std::process::id();
        Self {
            pid,
            since: now_ms(),
            command: command.to_owned(),
            start: procfs::stat(pid).map_or(0, |stat| stat.start),
            boot: procfs::boot_id().unwrap_or_default().to_owned(),
            host: node_name(),
            namespace: pid_namespace().unwrap_or_default(),
        }
    }

    /// Whether it is certain that this process is no more: on this machine, among the processes that are visible from
    /// here, and of another boot, gone, or replaced by one that got its number later. What is in another container, or
    /// on another machine with the same name, can't be seen.
    fn is_gone(&self) -> bool {
        self.is_gone_from(&Self::this_process(""))
    }

    fn is_gone_from(&self, here: &Self) -> bool {
        let lives = || procfs::stat(self.pid).is_some_and(|stat| stat.runs && stat.start == self.start);
        let is_visible = self.host == here.host && self.namespace == here.namespace && !self.namespace.is_empty();
        // The numbers of other namespaces are given again at each boot.
        let another_boot = self.boot != here.boot && self.namespace == MACHINES_OWN;
        is_visible && (another_boot || self.boot == here.boot && !lives())
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
    write_holder(&mut file, holder)
        .map_err(|error| state_failure("can't write the lock of this project's state", &error))?;
    let warning = stand_in.as_ref().map(|(path, _)| {
        format!("this file system has no locks: `{}` keeps a second run out while this one is on", path.display())
    });
    Ok((Lock { file, path: path.to_owned(), stand_in }, warning.into_iter().collect()))
}

/// Writes who holds the lock over what stands in its file. What is longer is cut afterwards: to empty a file first
/// takes milliseconds on ext4, which then also writes it to the disk when it is closed.
fn write_holder(file: &mut fs::File, holder: &Holder) -> std::io::Result<()> {
    let text = format!("{:HOLDER_LENGTH$}\n", serde_json::to_string(holder).unwrap_or_default());
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    let length = text.len() as u64;
    if file.metadata()?.len() > length { file.set_len(length) } else { Ok(()) }
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
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(&self.own)?.write_all(self.text.as_bytes())
    }

    fn take(&self, path: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| state_failure("can't make the lock of this project's state", &error);
        self.write_own().map_err(failed)?;
        match fs::hard_link(&self.own, path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
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
    let mut file = open_own(path).ok()?;
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
    read_holder(&mut open_own(path).ok()?)
}

fn read_holder(file: &mut fs::File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    // After the first line there may be what is left of a longer one.
    serde_json::from_str(text.lines().next()?).ok()
}

fn is_unsupported(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    error.kind() == ErrorKind::Unsupported
        || [Errno::NOLCK, Errno::NOTSUP, Errno::NOSYS].iter().any(|no| error.raw_os_error() == Some(no.raw_os_error()))
}

/// The failure of a run that finds the lock `path` held.
pub(super) fn held_by(path: &Path) -> Failure {
    held(holder_in(path).as_ref())
}

fn held(holder: Option<&Holder>) -> Failure {
    let other = holder.filter(|holder| !holder.is_run());
    let what = if other.is_some() { "another command" } else { "another run" };
    let failure = Failure::of(ids::STATE_LOCKED, format!("{what} holds the lock of this project's state"));
    match holder {
        Some(holder) => {
            let since =
                jiff::Timestamp::from_millisecond(holder.since).map_or_else(|_| "?".into(), |t| format!("{t:.0}"));
            let failure = failure.cause(format!("process {} (`{}`) since {since}", holder.pid, holder.command));
            failure.hint(match other {
                Some(_) => "wait for it, or stop it with Ctrl-C in its terminal",
                None => "`provision status` shows how far it is; wait for it, or stop it with Ctrl-C in its terminal",
            })
        }
        None => failure.hint("`provision status` shows how far it is"),
    }
}

/// A failure of the state folder: exit code 4.
pub(super) fn state_failure(what: &str, error: &std::io::Error) -> Failure {
    // Where nothing can be written, nothing is gained by records that are gone.
    let hint = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "free some space on its disk, then run the same command again"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "make it writable for you, then run the same command again"
        }
        _ => "`.provision` may be deleted at any time: the next `provision up` checks every step and carries on",
    };
    Failure::of(ids::STATE_UNUSABLE, what).source(error).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_the_last_one_whatever_was_longer_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        for length in [10, 2000, 10, 700, 600] {
            let holder = Holder::this_process(&"x".repeat(length));
            let (lock, _) = take(&path, &holder).unwrap();
            assert_eq!(holder_in(&path), Some(holder));
            drop(lock);
        }
        // A run was killed before it cut what was longer.
        fs::write(&path, [fs::read(&path).unwrap(), b"more\"}\n".to_vec()].concat()).unwrap();
        assert_eq!(holder_in(&path).unwrap().command.len(), 600);
    }

    #[test]
    fn a_holder_is_gone_only_where_its_process_could_be_seen() {
        let here = Holder::this_process("provision up");
        assert!(!here.is_gone_from(&here));
        let dead = Holder { start: 1, ..here.clone() };
        assert!(dead.is_gone_from(&here));
        let own = |holder: &Holder| Holder { namespace: MACHINES_OWN.into(), ..holder.clone() };
        let rebooted = Holder { boot: "another".into(), ..own(&dead) };
        assert!(rebooted.is_gone_from(&own(&here)));
        let others = [
            ("another machine", Holder { host: "another".into(), ..dead.clone() }),
            ("another container with this name", Holder { namespace: "pid:[1]".into(), ..dead.clone() }),
            ("a record of an older version", Holder { namespace: String::new(), ..dead.clone() }),
        ];
        for (what, holder) in others {
            assert!(!holder.is_gone_from(&here), "{what}");
        }
        // After another boot a container's namespace may have the number of another one's.
        let contained = |holder: &Holder| Holder { namespace: "pid:[4026532500]".into(), ..holder.clone() };
        let other_boot = Holder { boot: "another".into(), ..contained(&dead) };
        assert!(!other_boot.is_gone_from(&contained(&here)));
    }
}
