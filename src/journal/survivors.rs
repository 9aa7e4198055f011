//! What a run that was killed left running.

use std::time::Duration;

use fs_err as fs;
use rustix::process::Signal;

use super::history::{Child, History};
use crate::model::StepId;
use crate::tools::process::{GRACE, signal_group};

/// What names the process `pid` of `step` for good, so that a later process with the same number is not taken for it.
/// `None` where the system does not tell (no `/proc`) or the process is gone already.
pub fn child_start(step: &StepId, pid: u32) -> Option<Child> {
    let start = stat(pid).filter(|stat| stat.runs)?.start;
    Some(Child { step: step.clone(), pid, start, boot: boot_id()? })
}

/// Stops the processes that earlier runs left behind: TERM to each group, some time, KILL. Answers a line about each.
pub fn stop_survivors(history: &History) -> Vec<String> {
    let boot = boot_id();
    let alive: Vec<&Child> =
        history.children().filter(|child| Some(&child.boot) == boot.as_ref() && is_alive(child)).collect();
    for child in &alive {
        signal_group(child.pid, Signal::TERM);
        signal_group(child.pid, Signal::CONT);
    }
    let step = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    while waited < GRACE && alive.iter().any(|child| is_alive(child)) {
        std::thread::sleep(step);
        waited += step;
    }
    alive
        .iter()
        .map(|child| {
            let how = if is_alive(child) {
                signal_group(child.pid, Signal::KILL);
                "killed"
            } else {
                "stopped"
            };
            format!("{how} process {} that step {} of a killed run had left behind", child.pid, child.step)
        })
        .collect()
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

/// The processes of a group.
fn members(group: u32) -> impl Iterator<Item = Stat> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(stat).filter(move |stat| stat.group == group)
}

/// What `/proc/PID/stat` says of a process (`proc_pid_stat(5)`).
struct Stat {
    runs: bool,
    group: u32,
    /// In clock ticks since boot.
    start: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
    // Dead, and only waiting for somebody to take notice.
    let runs = !matches!(fields.next()?, "Z" | "X");
    let group = fields.nth(1)?.parse().ok()?;
    let start = fields.nth(16)?.parse().ok()?;
    Some(Stat { runs, group, start })
}

fn boot_id() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}
