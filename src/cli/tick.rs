//! `provision report --tick`: writes the verdicts into the boxes of the checklists.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use fs_err as fs;

use super::project::Project;
use crate::config::{NewBoxes, tick as tick_boxes};
use crate::error::{Context, Failure, ids};
use crate::fingerprint::Digest;
use crate::model::{Checklist, Verdict};

/// Ticks what is proven and takes the tick from everything else; dropped items stay as they are. Returns a line for
/// each file. A file that has been edited since it was judged is refused, and then none is written.
pub(super) fn tick(project: &Project, checklist: &Checklist) -> Result<Vec<String>, Failure> {
    let mut changes = Vec::new();
    for (name, digest) in &project.pipeline.checklists {
        let path = project.tools.root().join(&**name);
        let items = checklist.items.iter().filter(|status| status.item.place.file == *name);
        let wanted: BTreeMap<usize, bool> = items
            .filter(|status| status.verdict != Verdict::Dropped && !status.item.dropped)
            .map(|status| (status.item.place.line, status.verdict.is_ticked()))
            .collect();
        let bytes = fs::read(&path).context(|| format!("reading the checklist `{name}`"))?;
        let (mark, text) = judged(name, &bytes, *digest)?;
        let ticked = tick_boxes(text, &wanted)
            .map_err(|line| Failure::bug(format!("line {line} of the checklist `{name}` has an item and no box")))?;
        changes.push((name, path, [mark, ticked.text.as_bytes()].concat(), ticked, bytes));
    }
    let mut told = Vec::new();
    for (name, path, new, NewBoxes { n_added, n_cleared, .. }, old) in changes {
        if new != old {
            replace(project.tools.root(), &path, &old, &new).context(|| format!("writing the checklist `{name}`"))?;
        }
        told.push(format!("{name}: {n_added} ticked, {n_cleared} unticked"));
    }
    Ok(told)
}

/// Returns the byte order mark, if the file has one, and its text, if it is the one that was judged.
fn judged<'a>(name: &str, bytes: &'a [u8], digest: Digest) -> Result<(&'a [u8], &'a str), Failure> {
    let (mark, text) = bytes.split_at(if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 });
    match std::str::from_utf8(text) {
        Ok(text) if Digest::of(text.as_bytes()) == digest => Ok((mark, text)),
        _ => Err(edited(name)),
    }
}

fn edited(name: &str) -> Failure {
    Failure::of(ids::CHECKLIST_EDITED, format!("the checklist `{name}` was edited meanwhile; no box was changed"))
        .hint("provision report --tick")
}

/// Replaces the file by one with the new bytes, with the same permissions, in one step. The file behind a link is
/// replaced, not the link; one that leads out of the project is refused.
fn replace(root: &Path, path: &Path, old: &[u8], new: &[u8]) -> std::io::Result<()> {
    let path = fs::canonicalize(path)?;
    if !path.starts_with(fs::canonicalize(root)?) {
        return Err(std::io::Error::other("it is a link that leads out of the project"));
    }
    let folder = path.parent().unwrap_or(&path);
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(new)?;
    file.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
    file.as_file().sync_all()?;
    // The last moment at which an edit can be seen.
    if fs::read(&path)? != old {
        return Err(std::io::Error::other("it was edited meanwhile"));
    }
    file.persist(&path)?;
    Ok(())
}
