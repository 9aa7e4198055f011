//! What a run that was killed left running.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::process::Signal;

use super::history::{Child, History};
use crate::model::{RunId, StepId};
use crate::tools::Cancel;
use crate::tools::pause::Stopwatch;
use crate::tools::proc::{self, boot_id, members, stat};
use crate::tools::process::{GRACE, signal_group, signal_process, stop_unclaimed};

/// Between two looks at what was asked to end.
const MOMENT: Duration = Duration::from_millis(20);

/// How many times what is left is killed: something may start others between the look and the signal.
const KILLS: usize = 50;

/// What names the process `pid` of `step` for good, so that a later process with the same number is not taken for it.
/// `None` where the system does not tell (no `/proc`) or the process is gone already.
pub fn child_start(step: &StepId, pid: u32) -> Option<Child> {
    let start = stat(pid).filter(|stat| stat.runs)?.start;
    Some(Child { step: step.clone(), pid, start, boot: boot_id()?.to_owned() })
}

/// Stops the processes that earlier runs left behind: TERM to each group, some time, KILL. Answers a line about each.
pub fn stop_survivors(history: &History) -> Vec<String> {
    let here = |child: &&Child| Some(child.boot.as_str()) == boot_id();
    let alive: Vec<&Child> = history.children().filter(here).filter(|child| is_alive(child)).collect();
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
    if history.unfinished_runs().next().is_some() {
        let is_unfinished = |run: &str| history.unfinished_runs().any(|unfinished| unfinished.as_str() == run);
        let strays = stop_strays(is_unfinished, &Cancel::new());
        told.extend(strays.into_iter().map(|stray| format!("{stray} that a killed run had left behind")));
    }
    told
}

/// Stops what `run` has left running, all of whose steps are over: children that nobody waited for, and what is in groups
/// and sessions of its own; at once when `cancel` asks for that. Answers a line about each of the latter.
pub fn stop_strays_of(run: &RunId, cancel: &Cancel) -> Vec<String> {
    stop_unclaimed(GRACE);
    stop_strays(|marked| marked == run.as_str(), cancel)
}

fn stop_strays(is_wanted: impl Fn(&str) -> bool, cancel: &Cancel) -> Vec<String> {
    let mut strays: BTreeMap<u32, (u64, String)> = BTreeMap::new();
    // Looked at anew each time: what was asked to end may start others first.
    let mut signal_all = |signal| {
        let alive = proc::of_runs(&is_wanted);
        for (pid, stat) in &alive {
            let known = strays.get(pid).is_some_and(|(start, _)| *start == stat.start);
            if !known {
                strays.insert(*pid, (stat.start, proc::name(*pid)));
            }
            if !known || signal == Signal::KILL {
                signal_process(*pid, signal);
                signal_process(*pid, Signal::CONT);
            }
        }
        alive.into_iter().map(|(pid, _)| pid).collect::<Vec<u32>>()
    };
    wait_for_end(cancel, || !signal_all(Signal::TERM).is_empty());
    let mut killed = BTreeSet::new();
    for _ in 0..KILLS {
        let alive = signal_all(Signal::KILL);
        if alive.is_empty() {
            break;
        }
        killed.extend(alive);
        std::thread::sleep(MOMENT);
    }
    let how = |pid: &u32| if killed.contains(pid) { "killed" } else { "stopped" };
    strays.iter().map(|(pid, (_, name))| format!("{} process {pid} (`{name}`)", how(pid))).collect()
}

/// Waits until `goes_on` does not hold any more, for as long as a child has after TERM.
fn wait_for_end(cancel: &Cancel, mut goes_on: impl FnMut() -> bool) {
    let began = Stopwatch::start();
    while goes_on() && began.elapsed() < GRACE && !cancel.is_killed() {
        std::thread::sleep(MOMENT);
    }
}

/// Whether the child runs, and with it a group that is certainly its own. One whose leader has ended is left to the search
/// by environment: its number, and the group's with it, may be somebody else's by now.
fn is_alive(child: &Child) -> bool {
    stat(child.pid).is_some_and(|leader| leader.runs && leader.start == child.start)
}
