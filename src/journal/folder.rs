//! The state folder: ours alone, or refused.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::lock::state_failure;
use crate::error::{Failure, FailureKind};

/// Makes the state folder: ours alone, and ignoring itself for git. One that is a link or somebody else's is refused: a
/// cloned repository may bring anything under that name.
pub(super) fn make(state_dir: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        state_failure("can't make this project's state folder", &error)
            .hint(format!("make `{}` writable", state_dir.parent().unwrap_or(state_dir).display()))
    };
    match fs::symlink_metadata(state_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut builder = std::fs::DirBuilder::new();
            builder.mode(0o700);
            match builder.create(state_dir) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
                _ => {}
            }
        }
        Err(error) => return Err(failed(error)),
        Ok(meta) => {
            let ours = rustix::process::geteuid().as_raw();
            if !meta.is_dir() || (meta.uid() != ours && ours != 0) {
                return Err(Failure::new(
                    FailureKind::State,
                    format!("`{}` is not a folder of yours", state_dir.display()),
                )
                .hint("it may have come with the repository: remove it and run the same command again"));
            }
            if meta.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(state_dir, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
            }
        }
    }
    let ignore = state_dir.join(".gitignore");
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&ignore) {
        Ok(mut file) => file.write_all(b"*\n").map_err(failed),
        // It is there, or another run is making it in this moment.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}
