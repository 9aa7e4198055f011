//! [`inside`]: paths of settings that have to lie inside the project; [`Globs`]: files that a setting selects.

use std::path::{Component, Path, PathBuf};

use super::set::FileSet;

/// Returns `path` without `.` and `..`, or why it is refused: what it names has to lie inside the project.
pub fn inside(setting: &str, path: &str) -> Result<PathBuf, String> {
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

/// The globs of a setting: those that select, and those that leave out.
#[derive(Debug)]
pub struct Globs<'a> {
    selected: Vec<&'a str>,
    excluded: Vec<&'a str>,
}

impl<'a> Globs<'a> {
    /// Those of the setting `patterns`: `!GLOB` leaves out.
    pub fn of(patterns: &'a [String]) -> Self {
        let (mut selected, mut excluded) = (Vec::new(), Vec::new());
        for pattern in patterns {
            match pattern.strip_prefix('!') {
                Some(pattern) => excluded.push(pattern),
                None => selected.push(pattern.as_str()),
            }
        }
        Self { selected, excluded }
    }

    /// Each glob that selects, with the files below `root` that count of it.
    pub fn sets(&self, root: &Path) -> Result<Vec<(String, FileSet)>, String> {
        if let ([], [excluded, ..]) = (self.selected.as_slice(), self.excluded.as_slice()) {
            return Err(format!("`!{excluded}` leaves files out, and no glob before it selects any"));
        }
        let set = |glob: &&str| Ok(((*glob).to_owned(), FileSet::glob(root, glob, &self.excluded)?));
        self.selected.iter().map(set).collect()
    }
}
