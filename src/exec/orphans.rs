//! Orphans: processes that outlive their step, or a run that was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::process::Signal;

use crate::journal::{Child, History};
use crate::model::RunId;
use crate::tools::Cancel;
use crate::tools::process::pause::Stopwatch;
use crate::tools::process::procfs::{self, boot_id, members, stat};
use crate::tools::process::{ChildRegistry, GRACE, signal_group, signal_process};

/// How often processes that got a signal are checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// How many times what is left is killed: something may start others between the search and the signal.
const KILLS: usize = 50;

/// Stops the processes that killed runs of this state folder left behind: TERM to each group, some time, KILL. Returns
/// a line about each. Blocks.
pub fn stop_orphans(history: &History) -> Vec<String> {
    let here = |child: &&Child| Some(child.boot.as_str()) == boot_id();
    let alive: Vec<&Child> = history.own_children().filter(here).filter(|child| is_alive(child)).collect();
    for child in &alive {
        signal_group(child.pid, Signal::TERM);
        signal_group(child.pid, Signal::CONT);
    }
    let runs = |child: &Child| members(child.pid).any(|member| member.runs);
    wait_for_end(&Cancel::new(), || alive.iter().any(|child| runs(child)));
    let groups = alive.iter().map(|child| {
        let how = if runs(child) {
            signal_group(child.pid, Signal::KILL);
            "killed"
        } else {
            "stopped"
        };
        format!("{how} process {} that step {} of a killed run had left behind", child.pid, child.step)
    });
    let mut told: Vec<String> = groups.collect();
    let unfinished: Vec<&RunId> = history.unfinished_runs().filter(|run| history.is_of_this_folder(run)).collect();
    if !unfinished.is_empty() {
        let is_unfinished = |run: &str| unfinished.iter().any(|unfinished| unfinished.as_str() == run);
        let marked = stop_marked(is_unfinished, &Cancel::new());
        told.extend(marked.into_iter().map(|orphan| format!("{orphan} that a killed run had left behind")));
    }
    told
}

/// Stops what `run` has left running, all of whose steps are over: children that were not waited for, and what is in
/// groups and sessions of its own; at once when `cancel` says so. Returns a line about each of the latter. Blocks.
pub(super) fn stop_orphans_of(run: &RunId, children: &ChildRegistry, cancel: &Cancel) -> Vec<String> {
    children.stop_unclaimed(GRACE);
    stop_marked(|marked| marked == run.as_str(), cancel)
}

/// Stops the processes whose environment names a run that `is_wanted` knows.
fn stop_marked(is_wanted: impl Fn(&str) -> bool, cancel: &Cancel) -> Vec<String> {
    let mut found: BTreeMap<u32, (u64, String)> = BTreeMap::new();
    // Searched each time: what got a signal may start others first.
    let mut signal_found = |signal| {
        let alive = procfs::of_runs(&is_wanted);
        for (pid, stat) in &alive {
            let known = found.get(pid).is_some_and(|(start, _)| *start == stat.start);
            if !known {
                found.insert(*pid, (stat.start, procfs::name(*pid)));
            }
            if !known || signal == Signal::KILL {
                signal_process(*pid, signal);
                signal_process(*pid, Signal::CONT);
            }
        }
        alive.into_iter().map(|(pid, _)| pid).collect::<Vec<u32>>()
    };
    wait_for_end(cancel, || !signal_found(Signal::TERM).is_empty());
    let mut killed = BTreeSet::new();
    for _ in 0..KILLS {
        let alive = signal_found(Signal::KILL);
        if alive.is_empty() {
            break;
        }
        killed.extend(alive);
        std::thread::sleep(CHECK_INTERVAL);
    }
    let how = |pid: &u32| if killed.contains(pid) { "killed" } else { "stopped" };
    found.iter().map(|(pid, (_, name))| format!("{} process {pid} (`{name}`)", how(pid))).collect()
}

/// Waits while `goes_on` holds, for as long as a child has after TERM.
fn wait_for_end(cancel: &Cancel, mut goes_on: impl FnMut() -> bool) {
    let began = Stopwatch::start();
    while goes_on() && began.elapsed() < GRACE && !cancel.is_killed() {
        std::thread::sleep(CHECK_INTERVAL);
    }
}

/// Whether the child runs, and with it a group that is certainly its own. One whose leader has ended is left to the
/// search by environment: another process, and another group, may have its number.
fn is_alive(child: &Child) -> bool {
    stat(child.pid).is_some_and(|leader| leader.runs && leader.start == child.start)
}

#[cfg(test)]
mod tests {
    use super::super::child_records::identify;
    use super::*;
    use crate::journal::{Entry, Journal};
    use crate::model::StepId;

    /// Starts a process in a group of its own, as a step's children are.
    fn in_own_group(command: &duct::Expression) -> duct::Handle {
        let grouped = command.before_spawn(|command| {
            std::os::unix::process::CommandExt::process_group(command, 0);
            Ok(())
        });
        grouped.unchecked().start().unwrap()
    }

    #[test]
    fn a_survivor_of_a_killed_run_is_stopped_and_a_stranger_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let survivor = in_own_group(&duct::cmd!("sleep", "600"));
        let child = identify(StepId::new("a.b").unwrap(), survivor.pids()[0]).unwrap();
        let stranger = Child { pid: std::process::id(), start: 1, ..child.clone() };
        let open = || Journal::open(dir.path(), "provision up", false).unwrap();
        open().journal.append(&[Entry::ChildStarted(child), Entry::ChildStarted(stranger)]).unwrap();
        let lines = stop_orphans(&open().history);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("stopped process "));
        assert!(survivor.wait().is_ok());
        survivor.kill().unwrap();
    }

    #[test]
    fn the_journal_of_a_copy_does_not_stop_the_processes_of_the_original() {
        let (original, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let run = RunId::new("run-of-the-original").unwrap();
        let process = in_own_group(&duct::cmd!("sleep", "600").env(procfs::RUN_VARIABLE, run.as_str()));
        let child = identify(StepId::new("a.b").unwrap(), process.pids()[0]).unwrap();
        let open = |folder: &std::path::Path| Journal::open(folder, "provision up", false).unwrap();
        let begun = Entry::RunStarted { run, command: "provision up".into(), commit: None, items: BTreeMap::new() };
        open(original.path()).journal.append(&[begun, Entry::ChildStarted(child)]).unwrap();
        open(copy.path());
        let journal = |folder: &tempfile::TempDir| folder.path().join("journal.jsonl");
        fs_err::copy(journal(&original), journal(&copy)).unwrap();
        let opened = open(copy.path());
        assert!(opened.warnings[0].contains("the journal was not written here"), "{:?}", opened.warnings);
        assert_eq!(opened.history.children().count(), 0, "the original's records are not the copy's");
        drop(opened.journal);
        assert_eq!(stop_orphans(&opened.history), Vec::<String>::new());
        assert!(process.try_wait().unwrap().is_none(), "the original's process runs");
        assert_eq!(stop_orphans(&open(original.path()).history).len(), 1);
        assert!(process.wait().is_ok());
    }
}
