//! What `/proc` says of processes: who lives, which group they are in, what marks them as descendants of a run.
//!
//! Where there is no `/proc` nothing is found, and nothing is claimed.

use std::sync::OnceLock;

use fs_err as fs;

/// The variable of a child's environment that says which run it belongs to; whatever the child starts inherits it. Of a
/// program that starts what is meant to stay, such as a virtual machine, it is `RUN/PROGRAM`: then only processes of
/// that program belong to the run.
pub const RUN_VARIABLE: &str = "PROVISION_RUN_ID";

/// What `/proc/PID/stat` says of a process (`proc_pid_stat(5)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Whether it is more than dead and waiting for somebody to take notice.
    pub runs: bool,
    /// Whether it is stopped, and waits for SIGCONT.
    pub is_stopped: bool,
    /// Its process group.
    pub group: u32,
    /// When it started, in clock ticks since boot: with its pid, that names one process for good.
    pub start: u64,
}

/// What is known of the process `pid`; `None` when there is none.
pub fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?;
    let runs = !matches!(state, "Z" | "X");
    let group = fields.nth(1)?.parse().ok()?;
    let start = fields.nth(16)?.parse().ok()?;
    Some(Stat { runs, is_stopped: state == "T", group, start })
}

/// The ids of all processes.
pub fn pids() -> impl Iterator<Item = u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The processes of a group.
pub fn members(group: u32) -> impl Iterator<Item = Stat> {
    pids().filter_map(stat).filter(move |stat| stat.group == group)
}

/// The living processes whose environment says that they belong to one of the runs that `is_wanted` knows: also those
/// that have left their group, their session and their parent. Other users' are not seen.
pub fn of_runs(is_wanted: impl Fn(&str) -> bool) -> Vec<(u32, Stat)> {
    let marked = |pid: &u32| {
        let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
        let value = environment.split(|byte| *byte == 0).find_map(|variable| {
            let value = variable.strip_prefix(RUN_VARIABLE.as_bytes())?.strip_prefix(b"=")?;
            std::str::from_utf8(value).ok()
        });
        value.is_some_and(|value| match value.split_once('/') {
            Some((run, program)) => is_wanted(run) && name(*pid) == program,
            None => is_wanted(value),
        })
    };
    let living = |pid| stat(pid).filter(|stat| stat.runs).map(|stat| (pid, stat));
    pids().filter(marked).filter_map(living).collect()
}

/// The name of the program that `pid` runs.
pub fn name(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end().to_owned()
}

/// This boot of this machine.
pub fn boot_id() -> Option<&'static str> {
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    let read = || Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned());
    BOOT.get_or_init(read).as_deref()
}

/// Whether this process was started with a signal ignored.
pub fn ignores(signal: i32) -> bool {
    static MASK: OnceLock<u64> = OnceLock::new();
    let mask = MASK.get_or_init(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    });
    u32::try_from(signal - 1).is_ok_and(|bit| mask.checked_shr(bit).unwrap_or(0) & 1 == 1)
}
