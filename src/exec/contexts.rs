//! [`Contexts`]: makes what a step works with.

use std::path::Path;
use std::sync::Arc;

use super::messages::{Message, Sender};
use super::run::Run;
use crate::action::{OnChild, RunScope, StepContext, StepScope};
use crate::event::{StepLog, event_channel, log_folder};
use crate::journal::History;
use crate::model::StepId;
use crate::tools::{Cancel, Tools};

/// What the contexts of all steps of a run have in common. Cheap to clone.
#[derive(Clone)]
pub(super) struct Contexts(Arc<Shared>);

struct Shared {
    tools: Arc<Tools>,
    /// Of steps in their turn.
    running: Arc<StepScope>,
    /// Of probes after a step's end.
    looking: Arc<StepScope>,
    history: Arc<History>,
    logs: Arc<Path>,
}

impl Contexts {
    /// Those of `run`, which tell `sender` of children.
    pub(super) fn new(run: &Run, sender: Sender) -> Self {
        let history = Arc::clone(&run.history);
        let scope = RunScope {
            id: run.id.clone(),
            has_ended: Arc::new(move |other| history.run(other).is_some()),
            prompts: Arc::clone(&run.prompts),
        };
        let on_child: OnChild = Arc::new(move |step: &StepId, event| {
            // The loop is gone only when the run is over.
            let _sent = sender.send(Message::Child(step.clone(), event));
        });
        let of = |sink, on_child| {
            StepScope::new(Arc::clone(&run.tools), sink, on_child).with_children(Arc::clone(&run.children))
        };
        let (nobody, _) = event_channel();
        let looking = of(nobody, Arc::clone(&on_child));
        let running = of(run.sink.clone(), on_child).in_run(scope);
        Self(Arc::new(Shared {
            tools: Arc::clone(&run.tools),
            running: Arc::new(running),
            looking: Arc::new(looking),
            history: Arc::clone(&run.history),
            logs: log_folder(run.tools.state_dir(), &run.id).into(),
        }))
    }

    /// The context of a probe of `step` after its end: it shows nothing, and leaves the step's log as it is.
    pub(super) fn looking(&self, step: &StepId, cancel: &Cancel) -> StepContext {
        let last = self.0.history.output(step).cloned();
        self.0.looking.of(step.clone(), StepLog::discard(step.clone()), cancel.clone(), last)
    }

    /// Forgets what steps have found out for each other: it is to be found again.
    pub(super) async fn forget_shared(&self) {
        self.0.tools.forget_shared().await;
    }

    /// The context of `step`; `cancel` stops what it does.
    pub(super) fn of(&self, step: &StepId, cancel: &Cancel) -> StepContext {
        let last = self.0.history.output(step).cloned();
        let log = StepLog::new(Arc::clone(&self.0.logs), step.clone());
        self.0.running.of(step.clone(), log, cancel.clone(), last)
    }
}
