//! [`Contexts`]: makes what a step works with.

use std::path::Path;
use std::sync::Arc;

use super::messages::{Message, Sender};
use super::run::Run;
use crate::action::{OnChild, RunScope, StepContext};
use crate::event::{EventSink, StepLog, event_channel, log_folder};
use crate::journal::History;
use crate::model::StepId;
use crate::tools::process::ChildRegistry;
use crate::tools::{Cancel, Tools};

/// What the contexts of all steps of a run have in common. Cheap to clone.
#[derive(Clone)]
pub(super) struct Contexts {
    tools: Arc<Tools>,
    sink: EventSink,
    history: Arc<History>,
    logs: Arc<Path>,
    on_child: OnChild,
    run: RunScope,
    children: Arc<ChildRegistry>,
}

impl Contexts {
    /// Those of `run`, which tell `sender` of children.
    pub(super) fn new(run: &Run, sender: Sender) -> Self {
        let history = Arc::clone(&run.history);
        Self {
            run: RunScope {
                id: run.id.clone(),
                has_ended: Arc::new(move |other| history.run(other).is_some()),
                prompts: Arc::clone(&run.prompts),
            },
            tools: Arc::clone(&run.tools),
            sink: run.sink.clone(),
            history: Arc::clone(&run.history),
            logs: log_folder(run.tools.state_dir(), &run.id).into(),
            on_child: Arc::new(move |step: &StepId, event| {
                // The loop is gone only when the run is over.
                let _sent = sender.send(Message::Child(step.clone(), event));
            }),
            children: Arc::clone(&run.children),
        }
    }

    /// The context of a probe of `step` after its end: it shows nothing, and leaves the step's log as it is.
    pub(super) fn looking(&self, step: &StepId, cancel: &Cancel) -> StepContext {
        let (sink, _nobody) = event_channel();
        StepContext::new(
            step.clone(),
            Arc::clone(&self.tools),
            sink,
            StepLog::discard(step.clone()),
            cancel.clone(),
            self.history.output(step).cloned(),
            Arc::clone(&self.on_child),
        )
        .with_children(Arc::clone(&self.children))
    }

    /// Forgets what steps have found out for each other: it is to be found again.
    pub(super) async fn forget_shared(&self) {
        self.tools.node_images().forget().await;
    }

    /// The context of `step`; `cancel` stops what it does.
    pub(super) fn of(&self, step: &StepId, cancel: &Cancel) -> StepContext {
        StepContext::new(
            step.clone(),
            Arc::clone(&self.tools),
            self.sink.clone(),
            StepLog::new(Arc::clone(&self.logs), step.clone()),
            cancel.clone(),
            self.history.output(step).cloned(),
            Arc::clone(&self.on_child),
        )
        .in_run(self.run.clone())
        .with_children(Arc::clone(&self.children))
    }
}
