//! `provision gc`: removes old logs, old images and journal records that later ones have made void, of this project
//! alone, and never beside a run.

mod images;
mod in_use;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fs_err as fs;

use images::Kept;

use super::args::{Cli, GcArgs, ReadFormat};
use super::output::Terminal;
use super::project::Project;
use super::runtime::runtime;
use crate::error::{Context, Failure};
use crate::journal::{GC, History};
use crate::model::{RunId, human_bytes};
use crate::report::{Garbage, OldImage, OldLogs, write_garbage_json};

/// The folder of the state folder that has a folder for each run.
const LOGS: &str = "logs";

/// What the logs of a run take.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RunFolder {
    run: String,
    path: PathBuf,
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
    let mut opened = project.open_journal(GC, false)?;
    terminal.warn(opened.warnings.iter().cloned());
    let folders = run_folders(project.tools.state_dir())?;
    let old = old_folders(&folders, &opened.history, args);
    for folder in &old {
        fs::remove_dir_all(&folder.path).context(|| format!("removing the logs of run `{}`", folder.run))?;
        terminal.note([format!("removed the logs of run {} ({})", folder.run, human_bytes(folder.bytes))]);
    }
    let (before, after) = opened.journal.rewrite()?;
    if after < before {
        terminal.note([format!("shortened the journal from {} to {}", human_bytes(before), human_bytes(after))]);
    }
    let runtime = runtime()?;
    let removed = runtime.block_on(images::remove(terminal, &project, &opened.history, Kept::of(args)));
    runtime.shutdown_background();
    let (code, n_images) = removed?;
    if code == 0 && old.is_empty() && n_images == 0 && after >= before {
        terminal.note(["there is nothing to remove".to_owned()]);
    }
    Ok(code)
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
    let found = runtime.block_on(images::old(project, &history, Kept::of(args)));
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
        // Only the lock says that no run is writing records, without which there is no telling which are void.
        let nothing = "there is nothing to remove, besides records of the journal that may be void";
        terminal.note([nothing.to_owned()]);
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
    let logs = state_dir.join(LOGS);
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    // A link leads out of the state folder.
    if !is_folder(&logs) {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&logs).context(|| "listing the logs of this project".into())?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let runs: BTreeSet<String> = names.filter(|name| RunId::new(name).is_ok()).collect();
    let folder_of = |run: String| {
        let path = logs.join(&run);
        let files = walkdir::WalkDir::new(&path).into_iter().flatten();
        let bytes = files.filter_map(|entry| entry.metadata().ok()).filter(std::fs::Metadata::is_file);
        RunFolder { run, bytes: bytes.map(|found| found.len()).sum(), path }
    };
    Ok(runs.into_iter().map(folder_of).filter(|folder| is_folder(&folder.path)).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(run: &str, bytes: u64) -> RunFolder {
        RunFolder { run: run.to_owned(), path: PathBuf::new(), bytes }
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
}
