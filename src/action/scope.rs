//! [`StepScope`]: what the steps of a run, or a series of checks, have in common.

use std::sync::Arc;

use super::prompts::Prompts;
use crate::event::{EventSink, event_channel};
use crate::model::{RunId, StepId};
use crate::tools::process::ChildRegistry;
use crate::tools::{Memos, Tools};

/// A child process of a step began or ended; the journal keeps it, so that the next run finds what a killed one left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildEvent {
    /// The group `pid` runs.
    Started(u32),
    /// The group `pid` is gone.
    Ended(u32),
}

/// Called for each event of a step's child processes.
pub type OnChild = Arc<dyn Fn(&StepId, ChildEvent) + Send + Sync>;

/// What the steps of a run, or a series of checks, have in common. Each context has only what is its step's own beside
/// it.
#[derive(Clone)]
pub struct StepScope {
    pub(super) tools: Arc<Tools>,
    pub(super) sink: EventSink,
    pub(super) on_child: OnChild,
    pub(super) children: Arc<ChildRegistry>,
    pub(super) run: Option<RunScope>,
    /// In a series of checks, in which nothing changes.
    pub(super) checks: Option<Arc<SharedChecks>>,
}

/// What checks have found wrong, or nothing, for each key.
pub(super) type SharedChecks = Memos<String, Option<String>>;

impl StepScope {
    /// Steps that use `tools`, send events to `sink` and tell `on_child` of their children; of no run, and with a
    /// registry of children of their own.
    pub fn new(tools: Arc<Tools>, sink: EventSink, on_child: OnChild) -> Self {
        let children = Arc::new(ChildRegistry::default().withholding(tools.secrets().variables()));
        Self { tools, sink, on_child, children, run: None, checks: None }
    }

    /// Checks outside of any run: what they print is discarded, and nobody hears of their children. Steps that have the
    /// same check share it.
    pub fn looking(tools: Arc<Tools>, children: Arc<ChildRegistry>) -> Self {
        let (sink, _nobody) = event_channel();
        let checks = Some(Arc::default());
        Self { tools, sink, on_child: Arc::new(|_: &StepId, _| {}), children, run: None, checks }
    }

    /// As part of the run `run`.
    pub fn in_run(self, run: RunScope) -> Self {
        Self { run: Some(run), ..self }
    }

    /// With the children of a run.
    pub fn with_children(self, children: Arc<ChildRegistry>) -> Self {
        Self { children, ..self }
    }
}

impl std::fmt::Debug for StepScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepScope").finish_non_exhaustive()
    }
}

/// The run that a step belongs to.
#[derive(Clone)]
pub struct RunScope {
    /// Its id.
    pub id: RunId,
    /// Whether another run belongs to this project and has ended. One run at a time holds the lock, so every run that
    /// was recorded when this one began has ended.
    pub has_ended: Arc<dyn Fn(&RunId) -> bool + Send + Sync>,
    /// How its steps ask the person at the terminal.
    pub prompts: Arc<Prompts>,
}
