//! [`detach`]: a child has no terminal, unless its step is to have it.
//!
//! A program that asks on `/dev/tty` would be stopped by the kernel, in the background of our terminal, and wait there
//! for its time limit. In a session of its own it has no terminal, so that asking fails at once.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use process_wrap::std::{CommandWrap, CommandWrapper, ProcessSession};
use rustix::fs::{Mode, OFlags};

/// Lets `command` become the leader of a process group of its own, and without our terminal. Without a terminal that
/// takes no session: making one costs more than a group.
pub(super) fn detach(command: &mut Command) -> io::Result<()> {
    if has_terminal() {
        return ProcessSession.pre_spawn(command, &CommandWrap::with_new("", |_| {}));
    }
    command.process_group(0);
    Ok(())
}

/// Whether this process has a terminal.
pub(super) fn has_terminal() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    *HAS.get_or_init(|| rustix::fs::open("/dev/tty", flags, Mode::empty()).is_ok())
}
