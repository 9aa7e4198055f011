//! What a run that was killed left running.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal;

use super::history::{Child, History};
use crate::model::{RunId, StepId};
use crate::tools::proc::{self, boot_id, members, stat};
use crate::tools::process::{GRACE, signal_group, signal_process};

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
    wait_for_end(|| alive.iter().any(|child| is_alive(child)));
    let groups = alive.iter().map(|child| {
        let how = if is_alive(child) {
            signal_group(child.pid, Signal::KILL);
            "killed"
        } else {
            "stopped"
        };
        format!("{how} process {} that step {} of a killed run had left behind", child.pid, child.step)
    });
    let mut told: Vec<String> = groups.collect();
    if history.unfinished_runs().next().is_some() {
        let strays = stop_strays(|run| history.unfinished_runs().any(|unfinished| unfinished.as_str() == run));
        told.extend(strays.into_iter().map(|stray| format!("{stray} that a killed run had left behind")));
    }
    told
}

/// Stops what `run` has left running in groups and sessions of its own. Answers a line about each.
pub fn stop_strays_of(run: &RunId) -> Vec<String> {
    stop_strays(|marked| marked == run.as_str())
}

fn stop_strays(is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut strays: BTreeMap<u32, (u64, String)> = BTreeMap::new();
    wait_for_end(|| {
        // Looked at anew each time: what was asked to end may start others first.
        let alive = proc::of_runs(&is_wanted);
        for (pid, stat) in &alive {
            let known = strays.get(pid).is_some_and(|(start, _)| *start == stat.start);
            if !known {
                strays.insert(*pid, (stat.start, proc::name(*pid)));
                signal_process(*pid, Signal::TERM);
                signal_process(*pid, Signal::CONT);
            }
        }
        !alive.is_empty()
    });
    let killed: Vec<u32> = proc::of_runs(&is_wanted).into_iter().map(|(pid, _)| pid).collect();
    for pid in &killed {
        signal_process(*pid, Signal::KILL);
    }
    let how = |pid: &u32| if killed.contains(pid) { "killed" } else { "stopped" };
    strays.iter().map(|(pid, (_, name))| format!("{} process {pid} (`{name}`)", how(pid))).collect()
}

/// Waits until `goes_on` does not hold any more, for as long as a child has after TERM.
fn wait_for_end(mut goes_on: impl FnMut() -> bool) {
    let step = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    while goes_on() && waited < GRACE {
        std::thread::sleep(step);
        waited += step;
    }
}

/// Whether the child or anything of its group runs: a leader that has ended leaves its group behind. A process that got
/// the leader's number later is somebody else's, and then so is the group.
fn is_alive(child: &Child) -> bool {
    match stat(child.pid) {
        Some(leader) if leader.start != child.start => false,
        Some(leader) if leader.runs => true,
        _ => members(child.pid).any(|member| member.runs && member.start >= child.start),
    }
}
