//! What the user trusts: kept in the user's own folder for state, where no repository can write.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::cli::user_state;
use crate::files::{read_own_text, remove_if_there, replace_file};

/// How a record begins; the number is its format's.
const MAGIC: &str = "provision-trust-1";

/// What is on record of a pipeline's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The user trusts it as it is.
    Trusted,
    /// The user trusted what it was; with what it executed then.
    Changed(Vec<String>),
    /// Nothing is on record.
    Nothing,
}

/// The record of one pipeline's file: its path and digest, and what it executed.
///
/// The path counts as well: what a pipeline executes lies mostly beside it.
#[derive(Debug)]
pub(super) struct TrustRecord {
    record: PathBuf,
    file: PathBuf,
    digest: String,
}

impl TrustRecord {
    /// The record of the pipeline `file` with this `text`, in the user's folder. `None` where the user has none.
    pub(super) fn of(file: &Path, text: &str) -> Option<Self> {
        Some(Self::in_folder(&user_state::folder("trusted")?, file, text))
    }

    fn in_folder(folder: &Path, file: &Path, text: &str) -> Self {
        let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        let name = blake3::hash(file.as_os_str().as_encoded_bytes()).to_hex();
        let digest = blake3::hash(text.as_bytes()).to_hex().to_string();
        Self { record: folder.join(&name[..32]), file, digest }
    }

    /// Returns what is on record.
    pub(super) fn known(&self) -> Known {
        let Ok(text) = read_own_text(&self.record) else { return Known::Nothing };
        let mut lines = text.lines();
        let Some(digest) = lines.next().and_then(|line| line.strip_prefix(MAGIC)) else { return Known::Nothing };
        if digest.trim() == self.digest {
            return Known::Trusted;
        }
        // The second line is the path, for people.
        Known::Changed(lines.skip(1).map(str::to_owned).collect())
    }

    /// Remembers that the user trusts the file as it is; `executes` is what was shown.
    pub(super) fn remember(&self, executes: &[String]) -> io::Result<()> {
        if let Some(folder) = self.record.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let text = format!("{MAGIC} {}\n{}\n{}\n", self.digest, self.file.display(), executes.join("\n"));
        replace_file(&self.record, text.as_bytes())
    }

    /// Forgets it. Returns whether it was on record.
    pub(super) fn forget(&self) -> io::Result<bool> {
        remove_if_there(&self.record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_in_one_text_at_one_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["a", "b"] {
            fs::write(path(name), "").unwrap();
        }
        let record = |name: &str, text: &str| TrustRecord::in_folder(&path("trusted"), &path(name), text);
        assert_eq!(record("a", "one").known(), Known::Nothing);
        record("a", "one").remember(&["  s.a: command".to_owned(), "      run = \"x\"".to_owned()]).unwrap();
        assert_eq!(record("a", "one").known(), Known::Trusted);
        assert_eq!(record("b", "one").known(), Known::Nothing, "another place");
        let before = vec!["  s.a: command".to_owned(), "      run = \"x\"".to_owned()];
        assert_eq!(record("a", "two").known(), Known::Changed(before));
        fs::write(path("trusted").join("x"), "").unwrap();
        assert!(record("a", "one").forget().unwrap());
        assert!(!record("a", "one").forget().unwrap());
        assert_eq!(record("a", "one").known(), Known::Nothing);
        // Half of a record is none.
        record("a", "one").remember(&[]).unwrap();
        fs::write(record("a", "one").record, MAGIC).unwrap();
        assert_eq!(record("a", "one").known(), Known::Changed(Vec::new()));
    }
}
