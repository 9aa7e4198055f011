//! `provision gc`: removes old logs, old images and journal records that later ones have made void, of this project
//! alone, and never beside a run.

mod in_use;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fs_err as fs;

use in_use::InUse;

use super::args::{Cli, GcArgs, ReadFormat};
use super::output::Terminal;
use super::project::Project;
use super::runtime::runtime;
use crate::error::{Context, Failure};
use crate::journal::History;
use crate::model::{RunId, human_bytes};
use crate::report::{Garbage, OldImage, OldLogs, write_garbage_json};
use crate::tools::deletion::{Consent, Deletion, Proof};
use crate::tools::docker::NamedImage;

/// The folders of the state folder that have a folder for each run.
const BY_RUN: [&str; 2] = ["logs", "bundles"];

/// What the logs of a run take.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RunFolder {
    run: String,
    paths: Vec<PathBuf>,
    bytes: u64,
}

pub(super) fn gc(cli: &Cli, terminal: &Terminal, args: &GcArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    if !project.tools.state_dir().exists() {
        if args.format == ReadFormat::Json {
            let nothing = Garbage::default();
            terminal.print(|out| write_garbage_json(out, project.pipeline.name.as_str(), &nothing))?;
        }
        terminal.note(["there is nothing to remove: nothing has run here".to_owned()]);
        return Ok(0);
    }
    if args.dry_run {
        return dry_run(terminal, &project, args);
    }
    // The lock is held until the end: a run may be writing what is old to us.
    let mut opened = project.open_journal("provision gc", false)?;
    terminal.warn(opened.warnings.iter().cloned());
    let folders = run_folders(project.tools.state_dir())?;
    for folder in old_folders(&folders, &opened.history, args) {
        for path in &folder.paths {
            fs::remove_dir_all(path).context(|| format!("removing the logs of run `{}`", folder.run))?;
        }
        terminal.note([format!("removed the logs of run {} ({})", folder.run, human_bytes(folder.bytes))]);
    }
    let (before, after) = opened.journal.rewrite()?;
    if after < before {
        terminal.note([format!("shortened the journal from {} to {}", human_bytes(before), human_bytes(after))]);
    }
    let runtime = runtime()?;
    let code = runtime.block_on(remove_images(terminal, &project, &opened.history, args.images));
    runtime.shutdown_background();
    code
}

/// Returns the folders that are to be removed.
fn old_folders<'a>(folders: &'a [RunFolder], history: &History, args: &GcArgs) -> Vec<&'a RunFolder> {
    old_runs(folders, &shown_runs(history), args.runs, args.size.map(|size| size.as_u64()))
}

/// Shows what would be removed now; it only reads, also beside a run. Returns the exit code.
fn dry_run(terminal: &Terminal, project: &Project, args: &GcArgs) -> Result<u8, Failure> {
    let history = project.history()?;
    let folders = run_folders(project.tools.state_dir())?;
    let logs = old_folders(&folders, &history, args).into_iter().map(RunFolder::shown).collect();
    let runtime = runtime()?;
    let found = runtime.block_on(all_old_images(project, &history, args.images));
    runtime.shutdown_background();
    let (images, unknown) = found?;
    let images = images.into_iter().map(|image| OldImage { name: image.name, bytes: image.size }).collect();
    let garbage = Garbage { logs, images, failures: unknown.into_iter().collect() };
    show(terminal, project, args.format, &garbage)
}

/// Shows what would be removed. Returns the exit code.
fn show(terminal: &Terminal, project: &Project, format: ReadFormat, garbage: &Garbage) -> Result<u8, Failure> {
    terminal.print(|out| {
        if format == ReadFormat::Json {
            return write_garbage_json(out, project.pipeline.name.as_str(), garbage);
        }
        for logs in &garbage.logs {
            writeln!(out, "would remove the logs of run {} ({})", logs.run, human_bytes(logs.bytes))?;
        }
        for image in &garbage.images {
            writeln!(out, "would remove the image {} ({})", image.name, human_bytes(image.bytes))?;
        }
        Ok(())
    })?;
    for failure in &garbage.failures {
        terminal.show_failure(failure);
    }
    if garbage.logs.is_empty() && garbage.images.is_empty() && garbage.failures.is_empty() {
        terminal.note(["there is nothing to remove".to_owned()]);
    }
    Ok(u8::from(!garbage.failures.is_empty()))
}

impl RunFolder {
    fn shown(&self) -> OldLogs {
        OldLogs { run: self.run.clone(), bytes: self.bytes }
    }
}

/// Returns the folders of runs in the state folder, the oldest first: runs are named by their time.
fn run_folders(state_dir: &Path) -> Result<Vec<RunFolder>, Failure> {
    let mut runs: BTreeSet<String> = BTreeSet::new();
    for kind in BY_RUN {
        let folder = state_dir.join(kind);
        // A link leads out of the state folder.
        if fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir()) {
            let entries = fs::read_dir(&folder).context(|| "listing the logs of this project".into())?;
            let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
            runs.extend(names.filter(|name| RunId::new(name).is_ok()));
        }
    }
    let folder_of = |run: String| {
        let paths = BY_RUN.iter().map(|kind| state_dir.join(kind).join(&run));
        let paths: Vec<PathBuf> =
            paths.filter(|path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())).collect();
        let files = paths.iter().flat_map(|path| walkdir::WalkDir::new(path).into_iter().flatten());
        let bytes = files.filter_map(|entry| entry.metadata().ok()).filter(std::fs::Metadata::is_file);
        RunFolder { run, bytes: bytes.map(|found| found.len()).sum(), paths }
    };
    Ok(runs.into_iter().map(folder_of).filter(|folder| !folder.paths.is_empty()).collect())
}

/// Returns the runs whose logs the last end or the last success of a step names: the report shows them.
fn shown_runs(history: &History) -> BTreeSet<String> {
    let ends = history.all_steps().flat_map(|known| known.last.iter().chain(&known.last_success));
    let started = history.all_steps().filter_map(|known| known.started_in.as_ref());
    ends.map(|end| &end.run).chain(started).map(|run| run.as_str().to_owned()).collect()
}

/// Returns the runs whose logs go: those before the last `n_kept`, and, the oldest first, what is more than `most`
/// bytes. Those that are `shown` stay in any case.
fn old_runs<'a>(
    folders: &'a [RunFolder],
    shown: &BTreeSet<String>,
    n_kept: usize,
    most: Option<u64>,
) -> Vec<&'a RunFolder> {
    let mut left: u64 = folders.iter().map(|folder| folder.bytes).sum();
    let n_old = folders.len().saturating_sub(n_kept);
    let mut old = Vec::new();
    for (n, folder) in folders.iter().enumerate().filter(|(_, folder)| !shown.contains(&folder.run)) {
        if n < n_old || most.is_some_and(|most| left > most) {
            left -= folder.bytes;
            old.push(folder);
        }
    }
    old
}

/// Returns the older images of the steps that build some; none, and why, where it is not known which ones are in use.
async fn all_old_images(
    project: &Project,
    history: &History,
    n_kept: usize,
) -> Result<(Vec<NamedImage>, Option<Failure>), Failure> {
    let current = in_use::named_by(history);
    let repositories: BTreeSet<&str> = current.iter().filter_map(|name| Some(name.rsplit_once(':')?.0)).collect();
    if repositories.is_empty() {
        return Ok((Vec::new(), None));
    }
    let docker = project.tools.docker().await?;
    // What is not known to be unused stays.
    let in_use = match InUse::find(project, docker, &current).await {
        Ok(in_use) => in_use,
        Err(failure) => {
            let unknown = failure.while_doing("no image is removed: it is not known which ones are in use");
            return Ok((Vec::new(), Some(unknown)));
        }
    };
    let mut old = Vec::new();
    for repository in repositories {
        old.extend(old_images(docker.images_of(repository).await?, &in_use, n_kept));
    }
    Ok((old, None))
}

/// Removes the names of older images of the steps that build some. Returns the exit code.
async fn remove_images(
    terminal: &Terminal,
    project: &Project,
    history: &History,
    n_kept: usize,
) -> Result<u8, Failure> {
    let (images, unknown) = all_old_images(project, history, n_kept).await?;
    if let Some(failure) = unknown {
        terminal.show_failure(&failure);
        return Ok(1);
    }
    if images.is_empty() {
        return Ok(0);
    }
    let docker = project.tools.docker().await?;
    let mut code = 0;
    for image in images {
        let deletion = deletion(&image);
        let removed = match deletion.permit(Consent::None) {
            // The daemon refuses to remove one that a container uses.
            Ok(()) => docker.remove_image(&image.name).await,
            refused => refused,
        };
        match removed {
            Ok(()) => terminal.note([format!("removed the image {} ({})", image.name, human_bytes(image.size))]),
            Err(failure) => {
                code = 1;
                terminal.show_failure(&failure.while_doing(format!("{} stays", deletion.subject)));
            }
        }
    }
    Ok(code)
}

/// Returns the images that go: named by their content, as only provision names them, none that is in use, and not among
/// the `n_kept` latest ones besides.
fn old_images(mut images: Vec<NamedImage>, in_use: &InUse, n_kept: usize) -> Vec<NamedImage> {
    images.retain(|image| is_named_by_content(image) && !in_use.has(image));
    images.sort_by_key(|image| std::cmp::Reverse(image.created));
    images.split_off(n_kept.min(images.len()))
}

/// Whether the tag consists of the first digits of the image's id.
fn is_named_by_content(image: &NamedImage) -> bool {
    let (_, tag) = image.name.rsplit_once(':').unwrap_or_default();
    let digits = image.id.rsplit(':').next().unwrap_or_default();
    tag.len() == 12 && digits.starts_with(tag)
}

fn deletion(image: &NamedImage) -> Deletion {
    let ours = if is_named_by_content(image) {
        Proof::Shown
    } else {
        Proof::Lacking("it is not named by its content".to_owned())
    };
    Deletion {
        subject: format!("the image `{}`", image.name),
        reason: "newer ones of it have been built".to_owned(),
        ours,
        // What was built is built again.
        empty: Proof::Shown,
        in_use: None,
        consent_covers_ownership: false,
        by_hand: format!("docker image rm {}", image.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(run: &str, bytes: u64) -> RunFolder {
        RunFolder { run: run.to_owned(), paths: Vec::new(), bytes }
    }

    #[test]
    fn old_logs_go_by_count_and_by_size_and_those_that_are_shown_stay() {
        let folders = ["r1", "r2", "r3", "r4"].map(|run| folder(run, 10));
        let cases = [
            ("", 10, None, ""),
            ("", 2, None, "r1 r2"),
            ("r1", 2, None, "r2"),
            ("", 10, Some(25), "r1 r2"),
            ("r1 r2 r3 r4", 0, Some(0), ""),
            ("r4", 0, None, "r1 r2 r3"),
        ];
        for (shown, n_kept, most, expected) in cases {
            let shown = shown.split_whitespace().map(str::to_owned).collect();
            let old = old_runs(&folders, &shown, n_kept, most).into_iter().map(|folder| folder.run.as_str());
            assert_eq!(old.collect::<Vec<_>>().join(" "), expected, "{shown:?} {n_kept} {most:?}");
        }
    }

    #[test]
    fn only_images_that_are_named_by_their_content_go_and_never_the_current_one() {
        let image = |digits: &str, tag: &str, created: i64| NamedImage {
            name: format!("shop-api:{tag}"),
            id: format!("sha256:{}", digits.repeat(64 / digits.len())),
            created,
            size: 1,
        };
        let images = vec![
            image("a", &"a".repeat(12), 1),
            image("b", &"b".repeat(12), 2),
            image("c", &"c".repeat(12), 3),
            image("d", "latest", 4),
            image("e", &"a".repeat(12), 5),
        ];
        let current = format!("shop-api:{}", "a".repeat(12));
        let old = |n_kept| {
            let in_use = InUse { names: BTreeSet::from([current.clone()]), ids: BTreeSet::new() };
            let old = old_images(images.clone(), &in_use, n_kept);
            old.into_iter().map(|image| image.name[9..10].to_owned()).collect::<String>()
        };
        assert_eq!(old(0), "cb");
        assert_eq!(old(1), "b");
        assert_eq!(old(9), "");
        assert!(deletion(&images[3]).permit(Consent::Given).is_err());
    }
}
