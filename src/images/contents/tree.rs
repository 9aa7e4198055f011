//! [`FileTree`]: the files that a container sees of the layers of an image.

use std::collections::BTreeMap;

use globset::GlobMatcher;

use super::layer::Change;

/// Paths with the layer that each is of.
#[derive(Debug, Default)]
pub struct FileTree {
    /// The number of the layer, and whether it is a folder.
    paths: BTreeMap<Box<str>, (usize, bool)>,
}

impl FileTree {
    /// Puts layers over each other, the lowest first.
    pub(super) fn of<'a>(layers: impl Iterator<Item = &'a [(Box<str>, Change)]>) -> Self {
        let mut tree = Self::default();
        for (number, entries) in layers.enumerate() {
            // What a layer removes are the paths of those below it, wherever its archive has them.
            for (path, change) in entries {
                match change {
                    Change::Removed | Change::File => tree.remove(path, true),
                    Change::Emptied => tree.remove(path, false),
                    Change::Folder => {}
                }
            }
            for (path, change) in entries {
                if matches!(change, Change::File | Change::Folder) {
                    tree.paths.insert(path.clone(), (number, *change == Change::Folder));
                }
            }
        }
        tree
    }

    /// Removes what is in the folder `path`, and with `itself` the path.
    fn remove(&mut self, path: &str, itself: bool) {
        if itself && self.paths.remove(path).is_some_and(|(_, is_folder)| !is_folder) {
            return;
        }
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let from = self.paths.range::<str, _>((std::ops::Bound::Included(below.as_str()), std::ops::Bound::Unbounded));
        let gone: Vec<Box<str>> =
            from.map(|(path, _)| path).take_while(|path| path.starts_with(&below)).cloned().collect();
        for path in gone {
            self.paths.remove(&path);
        }
    }

    /// The layer that `path` is of, if it is there.
    pub(super) fn layer_of(&self, path: &str) -> Option<usize> {
        self.paths.get(path).map(|(layer, _)| *layer)
    }

    /// The paths that a glob matches, without a `/` before them.
    pub fn matching<'a>(&'a self, glob: &'a GlobMatcher) -> impl Iterator<Item = &'a str> {
        self.paths.keys().map(AsRef::as_ref).filter(|path| glob.is_match(path))
    }

    /// The number of paths.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}
