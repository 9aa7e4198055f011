//! [`StopWatch`]: notices a child that is stopped and would wait for its time limit.

use std::time::Duration;

use super::{pause, procfs};

/// How often a child is checked. One that is reported has been stopped for at least as long.
const INTERVAL: Duration = Duration::from_secs(2);

/// Checks a child's group now and then.
#[derive(Debug)]
pub(super) struct StopWatch {
    group: u32,
    /// The process that the last check found stopped, and whether it has been reported.
    found: Option<(u32, bool)>,
}

impl StopWatch {
    pub(super) fn new(group: u32) -> Self {
        Self { group, found: None }
    }

    /// Returns a line for a person once a process of the group has been stopped for a while by something else than our
    /// own Ctrl-Z, whose time does not count.
    pub(super) async fn stopped(&mut self) -> String {
        loop {
            pause::sleep(INTERVAL).await;
            let stopped = procfs::pids().find(|pid| {
                procfs::stat(*pid)
                    .is_some_and(|stat| stat.is_stopped && (stat.group == self.group || *pid == self.group))
            });
            match (stopped, self.found) {
                (Some(pid), Some((known, told))) if known == pid => {
                    if !told {
                        self.found = Some((pid, true));
                        let name = procfs::name(pid);
                        return format!(
                            "process {pid} (`{name}`) is stopped, by a signal or because it wants the terminal; \
                             `kill -CONT {pid}` lets it go on\n"
                        );
                    }
                }
                (stopped, _) => self.found = stopped.map(|pid| (pid, false)),
            }
        }
    }
}
