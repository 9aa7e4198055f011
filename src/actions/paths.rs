//! [`inside`]: paths of settings that have to lie inside the project.

use std::path::{Component, Path, PathBuf};

/// Returns `path` without `.` and `..`, or why it is refused: what it names has to lie inside the project.
pub(super) fn inside(setting: &str, path: &str) -> Result<PathBuf, String> {
    let mut clean = PathBuf::new();
    for part in Path::new(path).components() {
        let stays = match part {
            Component::Normal(part) => {
                clean.push(part);
                true
            }
            Component::CurDir => true,
            Component::ParentDir => clean.pop(),
            Component::RootDir | Component::Prefix(_) => false,
        };
        if !stays {
            return Err(format!("`{setting}`: `{path}` is outside of the project"));
        }
    }
    Ok(clean)
}
