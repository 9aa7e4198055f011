//! Runs a plan: one loop that sees completions and signals, writes the journal, and says what happened.
//!
//! Order of everything that matters: a step's intent is durable before its action begins, its end is durable before any
//! reporter hears of it and before anything that needs it is looked at. All that became known together shares one write
//! and one sync.

mod ahead;
mod contexts;
mod ending;
mod engine;
mod path;
mod schedule;
mod step;
mod young;

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::action::ChildEvent;
use crate::error::{Failure, FailureKind};
use crate::event::{EventKind, EventSink, RunStarted};
use crate::journal::{History, Journal};
use crate::model::{Outcome, Outline, RunId, StepId};
use crate::plan::{Graph, Plan};
use crate::tools::process::mark_children;
use crate::tools::{Cancel, Tools};
use ahead::{Ahead, Seen};
use contexts::Contexts;
use engine::Engine;
use path::CriticalPath;
use schedule::Schedule;
use step::Ran;
use young::YoungChildren;

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
    fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP",
            Self::Quit => "SIGQUIT",
        }
    }

    fn kind(self) -> FailureKind {
        match self {
            Self::Interrupt | Self::Quit => FailureKind::Interrupted,
            Self::Terminate | Self::Hangup => FailureKind::Terminated,
        }
    }
}

/// What a run needs besides its plan.
#[derive(Debug)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// What was typed.
    pub command: String,
    /// What was known when it began.
    pub history: Arc<History>,
    /// What steps work with.
    pub tools: Arc<Tools>,
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

/// Runs `plan` to its end. Fails only when the journal can't be written; whatever runs is stopped first.
pub async fn execute(
    graph: &Graph,
    outline: Outline,
    plan: &Plan,
    journal: &mut Journal,
    run: Run,
    signals: UnboundedReceiver<StopSignal>,
) -> Result<RunEnd, Failure> {
    run.sink.send(EventKind::RunStarted(RunStarted {
        run: run.id.clone(),
        outline,
        selected: plan.ids(graph),
        warnings: run.warnings.clone(),
    }));
    mark_children(run.id.as_str());
    let (sender, inbox) = unbounded_channel();
    let cancel = Cancel::new();
    let engine = Engine {
        graph,
        plan,
        journal,
        schedule: Schedule::new(graph, plan, run.jobs, run.keep_going, &run.history),
        path: CriticalPath::new(graph.steps.len()),
        contexts: Contexts::new(&run, sender.clone()),
        run,
        ahead: Ahead::new(cancel.child()),
        cancel,
        sender,
        inbox,
        signals,
        n_active: 0,
        entries: Vec::new(),
        after: Vec::new(),
        started: false,
        stopped_by: None,
        worst: None,
        young: YoungChildren::default(),
        stand_ins: Vec::new(),
    };
    engine.execute().await
}

/// What tasks tell the loop.
enum Message {
    /// `ahead`: before the step's turn.
    Checked {
        number: usize,
        ahead: bool,
        seen: Box<Seen>,
    },
    Ran(Box<Ran>),
    Child(StepId, ChildEvent),
}
