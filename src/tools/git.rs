//! The commit that is checked out.

use std::path::Path;
use std::sync::Arc;

use super::blocking::blocking;
use super::process::{Cancel, ChildRegistry, Command, capture, find};

/// Returns the commit that is checked out in `folder`, with `-dirty` when files that git knows differ from it; `None`
/// where there is no git, or no work tree.
pub async fn head(folder: &Path, cancel: &Cancel, children: &Arc<ChildRegistry>) -> Option<String> {
    let git = blocking(|| find("git")).await.ok()?;
    let describe = ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"];
    // A daemon that git starts to watch files would be stopped as an orphan of the run.
    let describe = Command::new(git).args(["-c", "core.fsmonitor=false"]).args(describe).cwd(folder);
    let text = capture(describe, cancel, children).await?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
