//! [`checkout_id`]: what tells this checkout of a project from every other one, also on a daemon that several share.

use std::path::Path;

use fs_err as fs;

use super::machine::node_name;

/// Identifies the state folder `state_dir` on this machine, in 12 hexadecimal digits. `None` where the folder cannot be
/// resolved: what is marked by nobody is removed by nobody.
///
/// A copy of the checkout has another id, and so has the same path on another machine or in another container.
pub fn checkout_id(state_dir: &Path) -> Option<String> {
    let folder = fs::canonicalize(state_dir).ok()?;
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let node = node_name();
    let all = format!("{} {node} {}", machine.trim(), folder.display());
    Some(blake3::hash(all.as_bytes()).to_hex()[..12].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_has_one_id_by_whatever_path_and_a_copy_has_another() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        let id = |name: &str| checkout_id(&dir.path().join(name));
        assert_eq!(id("a").unwrap().len(), 12);
        assert_eq!(id("a"), id("b/../link"));
        assert_ne!(id("a"), id("b"));
        assert_eq!(id("gone"), None);
    }
}
