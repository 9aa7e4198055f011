//! Whose a state folder and its files are: what `sudo provision up` leaves keeps its user from his own project.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use fs_err as fs;
use rustix::fs::Access;
use rustix::io::Errno;

use crate::error::{Failure, ids};
use crate::tools::process::shell_quoted;

/// What a reader needs.
const READ: &[&str] = &["journal.jsonl", "mark"];

/// What a run writes to.
const WRITTEN: &[&str] = &["journal.jsonl", "lock", "logs"];

/// What such names have was put out of the way, and is read by nobody.
const SET_ASIDE: &[&str] = &["set-aside-", ".bad-", ".foreign-", ".format-"];

/// Fails if a file in the folder that a reader needs is another user's, and can't be read.
pub(super) fn check_reading(state_dir: &Path) -> Result<(), Failure> {
    let kept = READ.iter().find_map(|name| kept(&state_dir.join(name), Access::READ_OK));
    kept.map_or(Ok(()), |owner| Err(failure(state_dir, owner)))
}

/// Fails if something in the folder is another user's, or was made read-only, and can't be written.
pub(super) fn check_writing(state_dir: &Path) -> Result<(), Failure> {
    let all = Access::READ_OK | Access::WRITE_OK;
    let paths = WRITTEN.iter().map(|name| state_dir.join(name));
    for path in paths.filter(|path| path.exists() && rustix::fs::access(path, all) == Err(Errno::ACCESS)) {
        if owner(&path) == Some(own_id()) {
            let folder = shell_quoted(&state_dir.to_string_lossy()).into_owned();
            return Err(Failure::of(ids::STATE_UNUSABLE, format!("`{}` can't be read and written", path.display()))
                .cause("it is yours, and its mode does not allow it")
                .hint(format!("`chmod -R u+rwX {folder}`")));
        }
    }
    // Whether the folder can be read at all, others find out.
    for entry in fs::read_dir(state_dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !SET_ASIDE.iter().any(|part| name.contains(part))
            && let Some(owner) = kept(&entry.path(), all)
        {
            return Err(failure(state_dir, owner));
        }
    }
    Ok(())
}

/// Returns the failure of a folder that is another user's, whole or in part. Only what root has left can be had as
/// one's own: what somebody else has written is not to be believed.
pub(super) fn failure(state_dir: &Path, owner: u32) -> Failure {
    let folder = shell_quoted(&state_dir.to_string_lossy()).into_owned();
    if owner != 0 {
        let what = format!("`{}` is not believed: a file in it belongs to the user {owner}", state_dir.display());
        return Failure::of(ids::STATE_FOREIGN, what)
            .hint(format!("remove it and run the same command again: `rm -r {folder}`"));
    }
    let what = format!("`{}` can't be used: it, or a file in it, belongs to root", state_dir.display());
    let failure = Failure::of(ids::STATE_UNUSABLE, what);
    if state_dir.parent().and_then(self::owner) == Some(0) {
        return failure
            .cause("so does the folder of the pipeline: it is a checkout of root's")
            .hint("run the command as root, or in a checkout of your own");
    }
    failure
        .cause("a command was run with `sudo`, or as root")
        .hint(format!("to have it as yours again: `sudo chown -R \"$(id -u):$(id -g)\" {folder}`"))
}

/// Returns the owner of what is at `path` if that is another user, and we may not do with it what `access` says.
fn kept(path: &Path, access: Access) -> Option<u32> {
    let owner = owner(path).filter(|owner| *owner != own_id())?;
    (rustix::fs::access(path, access) == Err(Errno::ACCESS)).then_some(owner)
}

fn owner(path: &Path) -> Option<u32> {
    Some(fs::symlink_metadata(path).ok()?.uid())
}

fn own_id() -> u32 {
    rustix::process::geteuid().as_raw()
}
