//! What is checked out.

use std::path::Path;

/// The commit that is checked out in `folder`, with `-dirty` when files that git knows differ from it; `None` where
/// there is no git, or no work tree.
pub fn head(folder: &Path) -> Option<String> {
    let git = which::which("git").ok()?;
    let text =
        super::process::capture(&git, &["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], folder)?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
