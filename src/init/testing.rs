//! What the tests of `init` share.

use super::repository::Repository;

/// Returns a repository with these files, and its folder, which lasts as long as that value.
pub(super) fn repository<T: AsRef<str>>(files: &[(&str, T)]) -> (tempfile::TempDir, Repository) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text.as_ref()).unwrap();
    }
    let repository = Repository::read(dir.path()).unwrap();
    (dir, repository)
}
