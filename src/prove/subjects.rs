//! The checks that are tried: the steps that prove items from files of the project alone.

use std::sync::Arc;
use std::time::Duration;

use crate::action::{Action, FileProof, ProjectFiles};
use crate::error::{Failure, ids};
use crate::model::{ItemId, NotTried, StepId};
use crate::pipeline::{Binding, Pipeline};
use crate::suggest::suggest;

/// A check that is tried.
pub(super) struct Subject {
    pub(super) step: StepId,
    pub(super) action: Arc<dyn Action>,
    pub(super) timeout: Duration,
    /// The items that it covers.
    pub(super) items: Vec<ItemId>,
    pub(super) proof: FileProof,
    /// Whether it renders a chart; known once it has run.
    pub(super) renders: bool,
}

/// The checks of a pipeline.
pub(super) struct Subjects {
    pub(super) all: Vec<Subject>,
    pub(super) left_out: Vec<NotTried>,
}

impl Subjects {
    /// The checks of `pipeline`, in the order of its file.
    pub(super) fn of(pipeline: &Pipeline, files: &ProjectFiles) -> Result<Self, Failure> {
        let (mut all, mut left_out) = (Vec::new(), Vec::new());
        for step in pipeline.steps().filter(|step| !step.covers.is_empty()) {
            // One that uses outputs of other steps needs more than files.
            let Binding::Now(action) = &step.binding else { continue };
            let Some(proof) = action.file_proof(files)? else { continue };
            if proof.foreign.is_empty() {
                all.push(Subject {
                    step: step.id.clone(),
                    action: Arc::clone(action),
                    timeout: step.timeout,
                    items: step.covers.clone(),
                    proof,
                    renders: false,
                });
            } else {
                let why = format!("it reads `{}`, and the project has no such file", proof.foreign.join("`, `"));
                left_out.push(NotTried { step: step.id.clone(), items: step.covers.clone(), why });
            }
        }
        Ok(Self { all, left_out })
    }

    /// The items that they cover, in the order of the checklists; of those only `named`, if any is.
    pub(super) fn items(&self, pipeline: &Pipeline, named: &[ItemId]) -> Result<Vec<ItemId>, Failure> {
        for id in named {
            if !pipeline.items.iter().any(|item| item.id == *id) {
                let failure = Failure::of(ids::NAME_UNKNOWN, format!("there is no item `{id}` in the checklists"));
                let hint = suggest(id.as_str(), pipeline.items.iter().map(|item| item.id.as_str()));
                return Err(hint.into_iter().fold(failure, Failure::hint));
            }
            if !self.all.iter().any(|subject| subject.items.contains(id)) {
                return Err(Failure::of(ids::NAME_UNKNOWN, format!("no check of files proves the item `{id}`"))
                    .hint("`provision report` shows the steps that cover it"));
            }
        }
        let is_wanted = |id: &ItemId| {
            (named.is_empty() || named.contains(id)) && self.all.iter().any(|subject| subject.items.contains(id))
        };
        Ok(pipeline.items.iter().map(|item| item.id.clone()).filter(is_wanted).collect())
    }
}
