//! The state folder: made here and ours alone, or not believed.

use std::fs::{Metadata, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::clock::now_ms;
use super::lock::{held_by, state_failure};
use super::mark::{self, Origin};
use super::owner;
use super::place::Place;
use crate::error::{Failure, ids};
use crate::files::{open_own, read_own, replace_file};
use crate::tools::process::shell_quoted;

/// How often a folder that another run replaces at the same time is checked again.
const ATTEMPTS: usize = 8;

/// What makes git ignore the folder.
const IGNORE_ALL: &[u8] = b"*\n";

/// A state folder that is ours.
#[derive(Debug)]
pub(super) struct StateFolder {
    /// Names it in records.
    pub(super) id: String,
    /// What a person should know: what was there before was set aside.
    pub(super) warnings: Vec<String>,
}

/// Makes the state folder: ours alone, marked as made here, and ignoring itself for git. One that was not made here is
/// set aside within the new one; one that is a link or somebody else's is refused: a cloned repository may bring
/// anything under that name.
pub(super) fn make(state_dir: &Path) -> Result<StateFolder, Failure> {
    let failed = |error: io::Error| {
        state_failure("can't make this project's state folder", &error)
            .hint(format!("make `{}` writable", state_dir.parent().unwrap_or(state_dir).display()))
    };
    let mut warnings = Vec::new();
    for _ in 0..ATTEMPTS {
        let Some(seen) = seen(state_dir).map_err(failed)? else {
            finish_replacement(state_dir).map_err(failed)?;
            make_folder(state_dir).map_err(failed)?;
            continue;
        };
        refuse_others(state_dir, &seen)?;
        owner::check_writing(state_dir)?;
        match Origin::of(state_dir, &seen).map_err(failed)? {
            Origin::Here => {}
            Origin::Empty => mark::write(state_dir, &seen).map_err(failed)?,
            origin => {
                warnings.extend(set_aside(state_dir, Place::from(&seen), origin, failed)?);
                continue;
            }
        }
        if seen.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(state_dir, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
        ignore_itself(state_dir).map_err(failed)?;
        return Ok(StateFolder { id: mark::folder_id(&seen), warnings });
    }
    Err(failed(io::Error::other("another process replaces it again and again")))
}

/// Fails if there is a state folder that was not made here: a reader believes nothing of it. Returns what names the
/// folder in records; `None` if there is none.
pub(super) fn check_reading(state_dir: &Path) -> Result<Option<String>, Failure> {
    let failed = |error: io::Error| state_failure("can't read this project's state folder", &error);
    let Some(seen) = seen(state_dir).map_err(failed)? else { return Ok(None) };
    refuse_others(state_dir, &seen)?;
    owner::check_reading(state_dir)?;
    match Origin::of(state_dir, &seen).map_err(failed)? {
        Origin::Here | Origin::Empty => Ok(Some(mark::folder_id(&seen))),
        origin => Err(Failure::of(
            ids::STATE_FOREIGN,
            format!("`{}` was not made here, and nothing in it is believed", state_dir.display()),
        )
        .cause(origin.why())
        .hint("`provision up` keeps it as `.provision/set-aside-…` and checks every step")
        .hint(format!("or remove it: `rm -r {}`", shell_quoted(&state_dir.to_string_lossy())))),
    }
}

/// Returns the metadata of what is at `path`, itself; `None` where nothing is.
fn seen(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(seen) => Ok(Some(seen)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn refuse_others(state_dir: &Path, seen: &Metadata) -> Result<(), Failure> {
    let ours = rustix::process::geteuid().as_raw();
    if seen.is_dir() && (seen.uid() == ours || ours == 0) {
        return Ok(());
    }
    // What comes with a repository is the user's who has cloned it; what root has left is nobody else's records.
    if seen.is_dir() && seen.uid() == 0 {
        return Err(owner::failure(state_dir, seen.uid()));
    }
    Err(Failure::of(ids::STATE_FOREIGN, format!("`{}` is not a folder of yours", state_dir.display()))
        .hint("it may have come with the repository: remove it and run the same command again"))
}

/// Makes a folder that only its owner may enter; no error if it is there.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o700);
    match builder.create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn ignore_itself(state_dir: &Path) -> io::Result<()> {
    let ignore = state_dir.join(".gitignore");
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&ignore) {
        Ok(mut file) => file.write_all(IGNORE_ALL),
        // It is there, or another run is making it in this moment. One that came with the repository may
        // have everything of this folder added to the next commit.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match read_own(&ignore) {
            Ok(found) if found == IGNORE_ALL => Ok(()),
            _ => replace_file(&ignore, IGNORE_ALL),
        },
        Err(error) => Err(error),
    }
}

/// Where the new folder is made that takes the place of one that was not made here.
fn replacement(state_dir: &Path) -> PathBuf {
    state_dir.with_extension("new")
}

/// A run that was killed while it replaced the folder has left only the replacement, with the old one in it.
fn finish_replacement(state_dir: &Path) -> io::Result<()> {
    let new = replacement(state_dir);
    match seen(&new)? {
        Some(seen) if seen.is_dir() && Origin::of(&new, &seen)? == Origin::Here => fs::rename(new, state_dir),
        _ => Ok(()),
    }
}

/// Puts a folder that was not made here into a new one, whole, so that nothing of it is lost, and nothing of it gets
/// into git or a build. Returns what a person should know; nothing if another run was faster.
fn set_aside(
    state_dir: &Path,
    place: Place,
    origin: Origin,
    failed: impl Fn(io::Error) -> Failure,
) -> Result<Option<String>, Failure> {
    // A run of an older version may be on in it; and of several that find it, one replaces it.
    let lock = open_own(&state_dir.join("lock"));
    if let Ok(lock) = &lock
        && let Err(TryLockError::WouldBlock) = lock.file().try_lock()
    {
        return Err(held_by(&state_dir.join("lock")));
    }
    if !place.is_at(state_dir) {
        return Ok(None);
    }
    let new = replacement(state_dir);
    make_folder(&new).map_err(&failed)?;
    let meta = fs::symlink_metadata(&new).map_err(&failed)?;
    match Origin::of(&new, &meta).map_err(&failed)? {
        Origin::Empty => mark::write(&new, &meta).map_err(&failed)?,
        Origin::Here => {}
        _ => {
            let hint =
                format!("remove it and run the same command again: `rm -r {}`", shell_quoted(&new.to_string_lossy()));
            return Err(Failure::of(ids::STATE_UNUSABLE, format!("`{}` is in the way", new.display())).hint(hint));
        }
    }
    let name = format!("set-aside-{}", now_ms() / 1000);
    ignore_itself(&new).map_err(&failed)?;
    fs::rename(state_dir, new.join(&name)).map_err(&failed)?;
    fs::rename(&new, state_dir).map_err(&failed)?;
    drop(lock);
    Ok(Some(format!(
        "the state folder was not made here ({}): it is kept as `{}`, and every step is checked again",
        origin.why(),
        state_dir.join(name).display()
    )))
}
