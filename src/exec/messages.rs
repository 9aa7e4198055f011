//! [`Message`]: what tasks tell the loop.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::action::{ChildEvent, StepContext};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::model::{Attempt, Output, ProofKind, StepId};
use crate::pipeline::Outputs;
use crate::plan::FreshnessCheck;

/// What tasks tell the loop.
pub(super) enum Message {
    /// A step was checked; `prefetched`: before its turn.
    Checked { prefetched: bool, result: Box<CheckResult> },
    /// A step's action is over.
    Ran(Box<ActionResult>),
    /// A child process of a step began or ended.
    Child(StepId, ChildEvent),
    /// The commit that is checked out.
    Commit(Option<String>),
}

/// The tasks' end of the channel.
pub(super) type Sender = UnboundedSender<Message>;

/// The result of the check of a step.
pub(super) struct CheckResult {
    pub(super) number: usize,
    pub(super) cx: Box<StepContext>,
    /// The outputs of other steps that it went by.
    pub(super) outputs: Outputs,
    pub(super) result: Result<FreshnessCheck, Failure>,
    pub(super) took: Duration,
}

/// The result of a step's action, with all its attempts.
pub(super) struct ActionResult {
    pub(super) number: usize,
    pub(super) cx: Box<StepContext>,
    /// The inputs as they were before it began.
    pub(super) inputs: Inputs,
    /// The labels of those that changed meanwhile.
    pub(super) changed: Vec<String>,
    pub(super) result: Result<Output, Failure>,
    /// The attempts that failed before the last one.
    pub(super) attempts: Vec<Attempt>,
    /// What can be seen of its success.
    pub(super) proof: ProofKind,
    pub(super) duration: Duration,
}
