//! [`Run`]: what a run needs besides its plan, and how it can end.

use std::sync::Arc;

use crate::action::Prompts;
use crate::error::FailureKind;
use crate::event::EventSink;
use crate::journal::History;
use crate::model::{Outcome, RunId};
use crate::tools::Tools;
use crate::tools::process::ChildRegistry;

/// A signal that asks to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// Ctrl-C.
    Interrupt,
    /// `kill`.
    Terminate,
    /// The terminal is gone.
    Hangup,
    /// Ctrl-\: at once, without winding down.
    Quit,
}

impl StopSignal {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP",
            Self::Quit => "SIGQUIT",
        }
    }

    /// What it makes of what it ends.
    pub fn kind(self) -> FailureKind {
        match self {
            Self::Interrupt | Self::Quit => FailureKind::Interrupted,
            Self::Terminate | Self::Hangup => FailureKind::Terminated,
        }
    }
}

/// What a run needs besides its plan. Nothing of it is shared with another run of the same process.
#[derive(Debug)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// The command line, for the journal.
    pub command: String,
    /// What was known when it began.
    pub history: Arc<History>,
    /// What steps work with.
    pub tools: Arc<Tools>,
    /// How its steps ask the person at the terminal.
    pub prompts: Arc<Prompts>,
    /// Its child processes.
    pub children: Arc<ChildRegistry>,
    /// Where events go.
    pub sink: EventSink,
    /// Most steps at once over all stages.
    pub jobs: usize,
    /// Whether steps that do not depend on a failed one still start.
    pub keep_going: bool,
    /// What a reader should know at once.
    pub warnings: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEnd {
    /// Succeeded, failed or interrupted.
    pub outcome: Outcome,
    /// What decides the exit code, unless it succeeded.
    pub kind: Option<FailureKind>,
}
