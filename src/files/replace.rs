//! [`replace_file`]: writes a file of ours in one step, and never through a link; [`remove_if_there`].

use std::io::{self, Write};
use std::path::Path;

use fs_err as fs;

/// Replaces `path` by a file with these bytes, which is durable before it takes the name: a reader sees the old file or
/// the new one. A link at `path` is replaced, what it leads to stays as it is: a link may have come with a clone.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    // A rest of a run that was killed right here, or a link.
    remove_if_there(new)?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(new, path)
}

/// Removes a file. Returns whether it was there.
pub fn remove_if_there(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_link_leads_to_is_never_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("theirs"), "theirs").unwrap();
        for name in ["ours", "ours.new"] {
            std::os::unix::fs::symlink(path("theirs"), path(name)).unwrap();
        }
        for text in ["one", "two"] {
            replace_file(&path("ours"), text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(path("ours")).unwrap(), text);
        }
        assert_eq!(fs::read_to_string(path("theirs")).unwrap(), "theirs");
        assert!(!path("ours.new").exists());
    }
}
