//! The images that steps of this checkout have built, by their names: `.provision/images`, a line each. `provision gc`
//! removes no others, because an image of the same name may be somebody else's.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::files::{append_own, read_own_text, replace_file};

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("images")
}

/// Notes that this checkout builds the image `name`, before it gets that name.
pub fn note_built(state_dir: &Path, name: &str) -> io::Result<()> {
    if built(state_dir).is_ok_and(|known| known.contains(name)) {
        return Ok(());
    }
    // A line that was cut off by a full disk must not become the beginning of this one.
    append_own(&file(state_dir))?.write_all(format!("\n{name}\n").as_bytes())
}

/// Returns the names of all images that this checkout is known to have built.
pub fn built(state_dir: &Path) -> io::Result<BTreeSet<String>> {
    match read_own_text(&file(state_dir)) {
        Ok(text) => Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// Writes down that these are the images that are left.
pub fn keep_built(state_dir: &Path, names: &BTreeSet<String>) -> io::Result<()> {
    let mut text = names.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
    text.push('\n');
    replace_file(&file(state_dir), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_known_once_and_nothing_is_written_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(built(dir.path()).unwrap(), BTreeSet::new());
        for name in ["shop/api:1", "shop/web:2", "shop/api:1"] {
            note_built(dir.path(), name).unwrap();
        }
        let all = BTreeSet::from(["shop/api:1", "shop/web:2"].map(str::to_owned));
        assert_eq!(built(dir.path()).unwrap(), all);
        assert_eq!(fs_err::read_to_string(file(dir.path())).unwrap().matches("shop/api:1").count(), 1);
        // What a full disk has cut off.
        append_own(&file(dir.path())).unwrap().write_all(b"shop/w").unwrap();
        note_built(dir.path(), "shop/web:3").unwrap();
        assert!(built(dir.path()).unwrap().contains("shop/web:3"));
        keep_built(dir.path(), &all).unwrap();
        assert_eq!(built(dir.path()).unwrap(), all);
        let theirs = dir.path().join("theirs");
        fs_err::write(&theirs, "theirs").unwrap();
        fs_err::remove_file(file(dir.path())).unwrap();
        std::os::unix::fs::symlink(&theirs, file(dir.path())).unwrap();
        assert!(note_built(dir.path(), "a:1").is_err() && built(dir.path()).is_err());
        assert_eq!(fs_err::read_to_string(&theirs).unwrap(), "theirs");
    }
}
