//! What a program is to its caller: [`ProcessObserver`] while it runs, [`Exit`] afterwards.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use super::cancel::Cancel;
use super::groups::ChildRegistry;
use crate::error::{Failure, ids};

/// How long a child may take to end after TERM.
pub const GRACE: Duration = Duration::from_secs(10);

/// Observes a program while it runs: gets its output, and says when it is to stop.
pub trait ProcessObserver: Send + Sync {
    /// Bytes that the child wrote, as they came.
    fn output(&self, bytes: &[u8]);
    /// The child runs, as the leader of the process group `pid`.
    fn started(&self, pid: u32);
    /// The child and its group are gone.
    fn ended(&self, pid: u32);
    /// Stops the program.
    fn cancel(&self) -> &Cancel;
    /// The children of the run that the program belongs to.
    fn children(&self) -> &Arc<ChildRegistry>;
    /// The program warns of something that the summary of the run has to show, without a line's end.
    fn warned(&self, warning: &str) {
        let _ = warning;
    }
    /// Whether the program gets the terminal.
    fn has_terminal(&self) -> bool {
        false
    }
}

/// The exit code of a shell that fails with a pipe of which a part was ended by SIGPIPE (128 + 13).
const BROKEN_PIPE: i32 = 141;

/// How a program ended.
#[derive(Clone, Debug)]
pub struct Exit {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output, where it was captured.
    pub stdout: Vec<u8>,
    /// The last lines of its output.
    pub tail: Vec<String>,
    /// Whether it left processes behind that we had to stop.
    pub leaky: bool,
    /// Whether it had to be killed because it did not end in time after TERM.
    pub killed: bool,
}

impl Exit {
    /// The failure of a command that ended with this.
    pub fn failure(&self, line: &str) -> Failure {
        let how = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("ended with exit code {code}"),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
            (None, None) => "ended in an unknown way".to_owned(),
        };
        let failure = Failure::of(ids::COMMAND_FAILED, format!("`{line}` {how}")).details(self.tail.clone());
        if self.status.code() != Some(BROKEN_PIPE) {
            return failure;
        }
        failure.cause("a part of a pipe stopped reading before the part in front of it had written everything").hint(
            "let it read to the end: sed -n 1p instead of head -n 1, and grep without -q, its output to /dev/null",
        )
    }
}
