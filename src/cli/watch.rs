//! `provision watch`: runs the pipeline after every change of a file that a step reads. The engine is that of `up`;
//! this only knows when the next run begins.

mod changes;
mod folders;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fs_err as fs;
use jiff::Timestamp;
use toml::{Table, Value};

use super::args::{Cli, RunArgs, WatchArgs};
use super::output::Terminal;
use super::project::{Project, pipeline_file, state_dir_of};
use super::runtime::runtime;
use super::signals::stop_signals;
use super::up;
use crate::action::StepScope;
use crate::error::{Failure, FailureKind, ids};
use crate::event::StepLog;
use crate::exec::StopSignal;
use crate::files::Seen;
use crate::fingerprint::Inputs;
use crate::journal::running;
use crate::plan::{Graph, Plan, Selection, candidates, select};
use crate::report::count;
use crate::tools::process::ChildRegistry;
use crate::tools::{Cancel, pause};
use changes::{Change, Changes, Waited};

/// The profile that is used unless another one is named, if the pipeline has it: it leaves out what a change of the
/// code needs no answer from.
const PROFILE: &str = "dev";

/// How long it may take to see what the steps read that a failed run has not come to.
const LOOK: Duration = Duration::from_secs(10);

/// The time between two looks whether another command still holds the lock.
const LOCK_LOOK: Duration = Duration::from_millis(200);

/// How many changed files are named.
const NAMED: usize = 3;

/// What is run each time.
struct Watch<'a> {
    cli: &'a Cli,
    terminal: &'a Terminal,
    selection: Selection,
    args: RunArgs,
    profile: Option<String>,
}

pub(super) fn watch(cli: &Cli, terminal: &Terminal, args: &WatchArgs) -> Result<u8, Failure> {
    let result = keep_running(cli, terminal, args);
    if let Err(failure) = &result {
        up::tell_program(terminal, args.output, failure)?;
    }
    result
}

/// Runs until a signal ends it.
fn keep_running(cli: &Cli, terminal: &Terminal, args: &WatchArgs) -> Result<u8, Failure> {
    let file = pipeline_file(cli)?;
    let (profile, is_ours) = profile(cli, &file);
    if is_ours {
        terminal.note([format!("watch uses the profile `{PROFILE}`; `-p NAME` names another one")]);
    }
    let selection = Selection { targets: args.select.clone(), until: args.until.clone(), ..Selection::default() };
    let watch = Watch { cli, terminal, selection, args: run_args(args), profile };
    let (mut changes, unwatched) = Changes::new(args.poll);
    watch.tell_unwatched(unwatched);
    let (mut seen, mut cause, mut is_first) = (Arc::new(Seen::default()), None, true);
    loop {
        let began = Timestamp::now();
        match watch.run(&file) {
            Ok((of_run, kind)) => {
                seen = of_run;
                match kind {
                    Some(kind @ (FailureKind::Interrupted | FailureKind::Terminated)) => return Ok(kind.exit_code()),
                    kind => watch.tell_end(cause.as_ref(), kind.is_some()),
                }
            }
            // There is nothing to watch, and nobody has seen it work.
            Err(failure) if is_first => return Err(failure),
            // What has changed must not be lost: it is run once the other command has ended.
            Err(failure) if failure.error_id() == ids::STATE_LOCKED => {
                terminal.show_failure(&failure);
                up::tell_program(terminal, args.output, &failure)?;
                match watch.wait_for_lock(&file)? {
                    Some(signal) => return Ok(signal.kind().exit_code()),
                    None => continue,
                }
            }
            Err(failure) => {
                terminal.show_failure(&failure);
                up::tell_program(terminal, args.output, &failure)?;
                seen.note_again(&file);
            }
        }
        is_first = false;
        let (paths, unwatched) = changes.follow(&seen, file.parent().unwrap_or(&file), began);
        watch.tell_unwatched(unwatched);
        match watch.wait(&mut changes, &seen, paths)? {
            Waited::Stopped(signal) => return Ok(signal.kind().exit_code()),
            Waited::Changed(change) => {
                terminal.note([format!("changed: {}", named(&change, file.parent()))]);
                cause = Some(change);
            }
        }
    }
}

/// Returns the profile of the command line, or [`PROFILE`] if the pipeline has it, and whether it is that one.
fn profile(cli: &Cli, file: &Path) -> (Option<String>, bool) {
    if cli.global.profile.is_some() {
        return (cli.global.profile.clone(), false);
    }
    // Loading it says what is wrong with it.
    let table = fs::read_to_string(file).ok().and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
    let has = table.get("profile").and_then(Value::as_table).is_some_and(|all| all.contains_key(PROFILE));
    (has.then(|| PROFILE.to_owned()), has)
}

fn run_args(args: &WatchArgs) -> RunArgs {
    RunArgs {
        place: args.place.clone(),
        only: false,
        force: Vec::new(),
        jobs: args.jobs,
        keep_going: false,
        consent: args.consent.clone(),
        strict_state: false,
        output: args.output,
        bell: None,
        events: None,
        profile_trace: None,
        install: false,
    }
}

impl Watch<'_> {
    /// Runs what is not proven. Returns what its steps have read, and what decides the exit code of such a run.
    fn run(&self, file: &Path) -> Result<(Arc<Seen>, Option<FailureKind>), Failure> {
        let seen = Arc::new(Seen::default());
        // Before it is read: a change of it in between must not be lost.
        seen.note_file(file);
        let project = Project::load_as(self.cli, self.terminal, self.profile.clone(), Some(&seen))?;
        for (checklist, _) in &project.pipeline.checklists {
            seen.note_file(&project.pipeline.root.join(&**checklist));
        }
        let mut plan = select(&project.graph, &self.selection)?;
        if self.profile.is_none() && self.selection.targets.is_empty() {
            leave_out_exercises(&project.graph, &mut plan);
        }
        let ran = up::run(self.cli, self.terminal, &project, &plan, &self.args)?;
        let kind = match ran.kind {
            None | Some(FailureKind::Interrupted | FailureKind::Terminated) => ran.kind,
            failed => see_inputs(&project, &plan)?.or(failed),
        };
        Ok((seen, kind))
    }

    fn tell_end(&self, cause: Option<&Change>, has_failed: bool) {
        let text = match (cause, has_failed) {
            (_, true) => "it failed: what ran before still runs; the next change tries again".to_owned(),
            (None, false) => "it is live; the next change is awaited".to_owned(),
            (Some(change), false) => {
                let took = SystemTime::now().duration_since(change.at).unwrap_or_default();
                format!("live {:.1} s after the change", took.as_secs_f64())
            }
        };
        self.terminal.note([text]);
    }

    /// Waits until no other command holds the lock of the project. Returns the signal that ends that, if one comes.
    fn wait_for_lock(&self, file: &Path) -> Result<Option<StopSignal>, Failure> {
        self.terminal.note(["the change is run once that has ended".to_owned()]);
        let state_dir = state_dir_of(file);
        let runtime = runtime()?;
        let waited = runtime.block_on(async {
            let mut signals = stop_signals(Arc::new(ChildRegistry::default()))?;
            let ended = async {
                loop {
                    // First of all: also a command that has just ended gets the time to go.
                    tokio::time::sleep(LOCK_LOOK).await;
                    if running(&state_dir).is_none() {
                        break;
                    }
                }
            };
            tokio::select! {
                () = ended => Ok(None),
                Some(signal) = signals.recv() => Ok(Some(signal)),
            }
        });
        runtime.shutdown_background();
        waited
    }

    fn tell_unwatched(&self, unwatched: Option<folders::Unwatched>) {
        let text = |why: folders::Unwatched| format!("changes are looked for every two seconds: {}", why.0);
        self.terminal.warn(unwatched.map(text));
    }

    /// Waits for a change, beginning with what has happened at `paths`.
    fn wait(&self, changes: &mut Changes, seen: &Seen, paths: BTreeSet<std::path::PathBuf>) -> Result<Waited, Failure> {
        let runtime = runtime()?;
        let waited = runtime.block_on(async {
            let mut signals = stop_signals(Arc::new(ChildRegistry::default()))?;
            let folders = changes.n_folders().map(|n| format!(" in {}", count(n, "folder"))).unwrap_or_default();
            let files = count(seen.n_files(), "file");
            self.terminal.note([format!("watching {files}{folders}; Ctrl-C ends it")]);
            changes.next(seen, paths, &mut signals).await
        });
        runtime.shutdown_background();
        waited
    }
}

/// Leaves out exercises, which a later step undoes, and what uses their outputs.
fn leave_out_exercises(graph: &Graph, plan: &mut Plan) {
    let mut out: Vec<bool> = graph.steps.iter().map(|node| node.step.exercise).collect();
    loop {
        let uses_one = |number: usize| {
            let uses = graph.steps[number].step.binding.uses().iter();
            uses.filter_map(|(id, _)| graph.step(id)).any(|used| out[used])
        };
        let more: Vec<usize> = (0..out.len()).filter(|number| !out[*number] && uses_one(*number)).collect();
        if more.is_empty() {
            break;
        }
        for number in more {
            out[number] = true;
        }
    }
    // A pipeline of exercises alone is one that somebody wants to watch.
    if !plan.selected.iter().zip(&out).any(|(selected, out)| *selected && !out) {
        return;
    }
    for (number, _) in out.iter().enumerate().filter(|(_, out)| **out) {
        plan.selected[number] = false;
        plan.standby[number] = false;
        plan.forced[number] = false;
    }
}

/// Sees what the steps read that a failed run may not have come to: a change of that may be the cure. Returns what kind
/// of end a signal makes, if one comes meanwhile.
fn see_inputs(project: &Project, plan: &Plan) -> Result<Option<FailureKind>, Failure> {
    let history = project.history()?;
    let children = Arc::new(ChildRegistry::default().withholding(project.tools.secrets().variables()));
    let scope = Arc::new(StepScope::looking(Arc::clone(&project.tools), Arc::clone(&children)));
    let runtime = runtime()?;
    let stopped = runtime.block_on(async {
        let mut signals = stop_signals(children)?;
        let seeing = async {
            for candidate in candidates(&project.graph, plan, &history) {
                let Some(action) = &candidate.action else { continue };
                let id = candidate.step.id.clone();
                let cx = scope.of(id.clone(), StepLog::discard(id), Cancel::new(), None);
                let mut inputs = Inputs::new();
                // Why they can't be seen, the run has said.
                drop(action.inputs(&cx, &mut inputs).await);
            }
        };
        tokio::select! {
            _ = pause::timeout(LOOK, seeing) => Ok(None),
            Some(signal) = signals.recv() => Ok(Some(signal.kind())),
        }
    });
    runtime.shutdown_background();
    stopped
}

/// Names what has changed, as seen from the project's folder.
fn named(change: &Change, root: Option<&Path>) -> String {
    let name = |file: &std::path::PathBuf| {
        let inside = root.and_then(|root| file.strip_prefix(root).ok()).unwrap_or(file);
        inside.display().to_string()
    };
    let mut names: Vec<String> = change.files.iter().take(NAMED).map(name).collect();
    match change.files.len().saturating_sub(NAMED) {
        0 => {}
        1 => names.push("1 more".to_owned()),
        n => names.push(format!("{n} more")),
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_is_named_from_the_projects_folder_and_not_all_of_it() {
        let change = |files: &[&str]| Change { files: files.iter().map(Into::into).collect(), at: SystemTime::now() };
        let root = Some(Path::new("/p"));
        assert_eq!(named(&change(&["/p/a.py", "/q/b"]), root), "a.py, /q/b");
        assert_eq!(named(&change(&["/p/a", "/p/b", "/p/c", "/p/d"]), root), "a, b, c, 1 more");
        assert_eq!(named(&change(&["/p/a", "/p/b", "/p/c", "/p/d", "/p/e"]), root), "a, b, c, 2 more");
    }
}
