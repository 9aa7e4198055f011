//! [`resolve`]: a path without links, if it stays inside the project.

use std::path::{Path, PathBuf};

use crate::error::{Context, Failure};

/// Returns `path` with every symbolic link in it followed. Fails if that leads out of `root`, the project's folder:
/// what is there belongs to this machine, and a clone of the project does not have it.
pub fn resolve(root: &Path, path: &Path) -> Result<PathBuf, Failure> {
    resolve_below(&real(root)?, path)
}

/// The same for a `root` that has no link in it.
pub(super) fn resolve_below(root: &Path, path: &Path) -> Result<PathBuf, Failure> {
    let found = real(path)?;
    if found.starts_with(root) {
        return Ok(found);
    }
    let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
    Err(Failure::failed(format!("`{name}` leads out of the project: a symbolic link points to `{}`", found.display()))
        .hint(format!("copy what is needed into the project, or leave `{name}` out, in patterns as `!{name}`")))
}

fn real(path: &Path) -> Result<PathBuf, Failure> {
    fs_err::canonicalize(path).context(|| format!("can't read `{}`", path.display()))
}
