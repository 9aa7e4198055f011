//! What git knows of a folder: the commit that is checked out, and its files.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err as fs;

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

/// Returns the folders of other work trees of the same repository in which `folder` would be, in no order: those that
/// are there. git itself is not asked.
pub fn other_work_trees(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = fs::canonicalize(folder)?;
    let Some(tree) = folder.ancestors().find(|folder| folder.join(".git").exists()) else { return Ok(Vec::new()) };
    let inside = folder.strip_prefix(tree).unwrap_or(Path::new(""));
    let git = tree.join(".git");
    let common = if git.is_dir() {
        git
    } else {
        // That of a linked work tree is a file, as is that of a submodule, whose folder has no `commondir`.
        let text = fs::read_to_string(&git)?;
        let of_tree = tree.join(text.trim().strip_prefix("gitdir: ").unwrap_or_default());
        match fs::read_to_string(of_tree.join("commondir")) {
            Ok(text) => fs::canonicalize(of_tree.join(text.trim()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
    };
    let mut trees: Vec<PathBuf> = common.parent().map(Path::to_owned).into_iter().collect();
    let linked = match fs::read_dir(common.join("worktrees")) {
        Ok(linked) => linked.collect::<io::Result<Vec<_>>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    for entry in linked {
        // One that is being made or pruned has none.
        let Ok(text) = fs::read_to_string(entry.path().join("gitdir")) else { continue };
        trees.extend(entry.path().join(text.trim()).parent().map(Path::to_owned));
    }
    let there = trees.into_iter().filter_map(|tree| fs::canonicalize(tree).ok());
    Ok(there.filter(|other| other != tree).map(|tree| tree.join(inside)).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_work_trees_of_a_repository_are_found_from_each_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let dir = fs::canonicalize(dir.path()).unwrap();
        let git = |args: &[&str]| {
            let named = ["-c", "user.name=a", "-c", "user.email=a@b"];
            duct::cmd("git", named.iter().chain(args)).dir(dir.join("main")).stdout_null().stderr_null().run().unwrap();
        };
        fs::create_dir_all(dir.join("main/app")).unwrap();
        assert!(other_work_trees(&dir.join("main/app")).unwrap().is_empty(), "no repository");
        git(&["init", "-q"]);
        fs::write(dir.join("main/app/a"), "").unwrap();
        git(&["add", "."]);
        git(&["commit", "-qm", "x"]);
        assert!(other_work_trees(&dir.join("main/app")).unwrap().is_empty(), "one alone");
        git(&["worktree", "add", "-q", "../two"]);
        git(&["worktree", "add", "-q", "../three"]);
        fs::remove_dir_all(dir.join("three")).unwrap();
        assert_eq!(other_work_trees(&dir.join("main/app")).unwrap(), [dir.join("two/app")]);
        assert_eq!(other_work_trees(&dir.join("two/app")).unwrap(), [dir.join("main/app")]);
        assert_eq!(other_work_trees(&dir.join("two")).unwrap(), [dir.join("main")]);
    }
}
