//! What git knows of a folder: the commit that is checked out, and its files.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Tools;
use super::blocking::blocking;
use super::process::{Cancel, ChildRegistry, Command, ProcessObserver, capture, find};
use crate::error::Failure;
use crate::files::{EntryKind, FileSet};

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

/// Returns the files below `folder` that git tracks, and those that it would track with `git add`, each relative to
/// `folder` and in their order; `None` where `folder` is in no work tree. Files that were removed, links and submodules
/// are left out.
pub async fn files(folder: &Path, observer: &dyn ProcessObserver) -> Result<Option<Vec<PathBuf>>, Failure> {
    if !folder.ancestors().any(|folder| folder.join(".git").exists()) {
        return Ok(None);
    }
    let git = blocking(|| find("git")).await?;
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let list = Command::new(git).args(["-c", "core.fsmonitor=false"]).args(list).cwd(folder).capture();
    let listed =
        list.check(observer).await.map_err(|failure| failure.while_doing("listing the files that git knows"))?;
    let folder = folder.to_owned();
    let paths = blocking(move || {
        let names = listed.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        let mut paths: Vec<PathBuf> = names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect();
        // A file in conflict is listed once for each side.
        paths.sort();
        paths.dedup();
        paths.retain(|path| folder.join(path).symlink_metadata().is_ok_and(|found| found.is_file()));
        Ok(paths)
    });
    paths.await.map(Some)
}

/// Returns the files of the project, relative to it and in their order: those that [`files`] lists; where the project
/// is in no work tree, all of them. A copy has those that it was made of.
pub async fn project_files(tools: &Tools, observer: &dyn ProcessObserver) -> Result<Arc<[PathBuf]>, Failure> {
    let root = tools.root().to_owned();
    if let Some(copied) = tools.copied_files() {
        let copied = Arc::clone(copied);
        let is_there = move |path: &&PathBuf| root.join(path).is_file();
        return blocking(move || Ok(copied.iter().filter(is_there).cloned().collect())).await;
    }
    let find = async {
        match files(&root, observer).await? {
            Some(known) => Ok(known.into()),
            None => blocking(move || all_files(&root)).await.map(Arc::from),
        }
    };
    tools.project_files().get_or(find).await
}

/// Every file of a project that is in no work tree.
fn all_files(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for entry in FileSet::glob(root, "**", &[]).map_err(Failure::failed)?.walk() {
        let entry = entry?;
        if entry.kind == EntryKind::File {
            all.push(entry.name().to_owned());
        }
    }
    Ok(all)
}
