//! The mark of a state folder: whether this machine made it, for its owner, and it is no copy.
//!
//! A repository can bring any file under any name, and what is in the state folder is believed: programs that its
//! kubeconfig names are run, its journal is evidence. So a folder counts only with the mark that this machine gives to
//! this very folder. A clone, an archive and a copy are other folders (inode, time of birth); a checkout that is moved
//! keeps its own.

use std::fs::Metadata;
use std::io::{self, Write};
use std::path::Path;

use fs_err as fs;

use crate::files::read_own;
use crate::tools::machine::folder_identity;

/// The file's name in the state folder.
const NAME: &str = "mark";

/// How the files begin under which the mark is written first; a run that was killed may leave one.
const BEFORE_MARK: &str = "mark.";

/// How many digits of the mark name the folder in records.
const ID_LENGTH: usize = 12;

/// Where a state folder is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nothing is in it yet.
    Empty,
    /// This machine made it for its owner.
    Here,
    /// It has no mark.
    Unmarked,
    /// It has the mark of another machine, owner or folder.
    Elsewhere,
}

impl Origin {
    /// Returns where the folder `state_dir` is from; `seen` is its metadata.
    pub(super) fn of(state_dir: &Path, seen: &Metadata) -> io::Result<Self> {
        if let Some(marked) = Self::by_mark(state_dir, seen)? {
            return Ok(marked);
        }
        for entry in fs::read_dir(state_dir)? {
            if !entry?.file_name().as_encoded_bytes().starts_with(BEFORE_MARK.as_bytes()) {
                // Another run may have made the folder in this moment; it writes the mark before all else.
                return Ok(Self::by_mark(state_dir, seen)?.unwrap_or(Self::Unmarked));
            }
        }
        Ok(Self::Empty)
    }

    fn by_mark(state_dir: &Path, seen: &Metadata) -> io::Result<Option<Self>> {
        match read_own(&state_dir.join(NAME)) {
            Ok(found) if found == text(seen).as_bytes() => Ok(Some(Self::Here)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
            // Also a link, or no plain file.
            _ => Ok(Some(Self::Elsewhere)),
        }
    }

    /// Returns why a folder is not believed.
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Empty | Self::Here => "it was made here",
            Self::Unmarked => "it has no mark: it came with the repository or an archive, or is of an older version",
            Self::Elsewhere => "its mark is of another folder: it was copied, or made on another machine",
        }
    }
}

/// Marks the folder `state_dir` as made here; `seen` is its metadata.
pub(super) fn write(state_dir: &Path, seen: &Metadata) -> io::Result<()> {
    // Two runs may do it at the same time, with the same mark.
    let mut file = tempfile::Builder::new().prefix(BEFORE_MARK).tempfile_in(state_dir)?;
    file.write_all(text(seen).as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(state_dir.join(NAME)).map(drop).map_err(|error| error.error)
}

/// Returns the name of the folder for records; a copy of it has another one.
pub(super) fn folder_id(seen: &Metadata) -> String {
    digest(seen)[..ID_LENGTH].to_owned()
}

fn text(seen: &Metadata) -> String {
    format!("provision-1 {}\n", digest(seen))
}

fn digest(seen: &Metadata) -> String {
    blake3::hash(folder_identity(seen).as_bytes()).to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(folder: &Path) -> Origin {
        Origin::of(folder, &fs::symlink_metadata(folder).unwrap()).unwrap()
    }

    #[test]
    fn a_mark_counts_for_one_folder_wherever_it_is_moved_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir(path("a")).unwrap();
        assert_eq!(origin(&path("a")), Origin::Empty);
        fs::write(path("a/mark.x1y2"), "a kill left it").unwrap();
        assert_eq!(origin(&path("a")), Origin::Empty);
        write(&path("a"), &fs::symlink_metadata(path("a")).unwrap()).unwrap();
        assert_eq!(origin(&path("a")), Origin::Here);
        fs::rename(path("a"), path("b")).unwrap();
        assert_eq!(origin(&path("b")), Origin::Here);
        fs::create_dir(path("c")).unwrap();
        fs::copy(path("b/mark"), path("c/mark")).unwrap();
        assert_eq!(origin(&path("c")), Origin::Elsewhere, "a copy");
        fs::create_dir(path("d")).unwrap();
        fs::write(path("d/journal.jsonl"), "").unwrap();
        assert_eq!(origin(&path("d")), Origin::Unmarked);
        fs::os::unix::fs::symlink(path("b/mark"), path("d/mark")).unwrap();
        assert_eq!(origin(&path("d")), Origin::Elsewhere, "a link to a good mark");
    }
}
