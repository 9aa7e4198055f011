//! [`Pipeline`]: the checked form of `pipeline.toml`: stages, steps, and what is needed to make their actions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::action::{Action, ActionType};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::model::{IdMap, Item, ItemId, Outline, Output, StageId, StageOutline, StepId, StepOutline};
use crate::tools::cluster::ClusterSpec;
use crate::tools::secrets::SecretSource;

/// A pipeline, checked as a whole.
#[derive(Debug)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// The folder that relative paths start from: that of the file.
    pub root: PathBuf,
    /// The profile that is on.
    pub profile: Option<String>,
    /// Its stages in the order of the file.
    pub stages: Vec<Stage>,
    /// The declared secrets.
    pub secrets: BTreeMap<String, SecretSource>,
    /// The cluster, where the pipeline has one.
    pub cluster: Option<ClusterSpec>,
    /// The items of its checklists, in the order of the files.
    pub items: Vec<Item>,
}

/// A stage.
#[derive(Debug)]
pub struct Stage {
    /// Its id.
    pub id: StageId,
    /// Its title.
    pub title: String,
    /// The stages that have to end well before it begins: those it names, or else the one before it in the file.
    pub needs: Vec<StageId>,
    /// How many of its steps may run at once.
    pub jobs: usize,
    /// Its steps in the order of the file.
    pub steps: Vec<Arc<Step>>,
}

/// A step.
#[derive(Debug)]
pub struct Step {
    /// Its id.
    pub id: StepId,
    /// Its title.
    pub title: Arc<str>,
    /// The steps that have to end well before it begins, besides all of the stages that its stage needs: those that it
    /// names in `needs`, and those whose outputs its settings use.
    pub needs: Vec<StepId>,
    /// The checklist items that it proves.
    pub covers: Vec<ItemId>,
    /// Most that one attempt may take.
    pub timeout: Duration,
    /// Attempts and the pause between them.
    pub retry: Retry,
    /// The step's `when`: whether it applies. `None` where there is none.
    pub when: Option<Condition>,
    /// Whether the run goes on, and may end well, when it fails.
    pub optional: bool,
    /// The step that proves the same when this one fails.
    pub fallback: Option<StepId>,
    /// The action.
    pub action_type: &'static ActionType,
    /// Name, revision and settings of the action, and the facts of other steps that they use by name only.
    pub static_inputs: Inputs,
    /// Makes the action, as soon as the outputs that it uses are known.
    pub binding: Binding,
}

/// Whether a step applies: decided when its needs are done.
#[derive(Clone)]
pub struct Condition(pub FromOutputs<bool>);

/// Something that needs the outputs of other steps to be made.
pub type FromOutputs<T> = Arc<dyn Fn(&Outputs) -> Result<T, Failure> + Send + Sync>;

/// Attempts and the pause between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often it is tried in all; at least 1.
    pub attempts: u32,
    /// The pause before the next attempt.
    pub delay: Duration,
}

/// The outputs of the steps that have ended well so far in this run.
pub type Outputs = IdMap<StepId, Output>;

/// How a step's action is made.
pub enum Binding {
    /// Its settings use no outputs: made when the file was read.
    Now(Arc<dyn Action>),
    /// Its settings use outputs.
    Later {
        /// Each output that is used: step and fact.
        uses: Vec<(StepId, String)>,
        /// Fills them in and makes the action.
        make: FromOutputs<Arc<dyn Action>>,
    },
}

impl Binding {
    /// The action, with `outputs` filled in.
    pub fn action(&self, outputs: &Outputs) -> Result<Arc<dyn Action>, Failure> {
        match self {
            Self::Now(action) => Ok(Arc::clone(action)),
            Self::Later { make, .. } => make(outputs),
        }
    }

    /// Each output that the settings use: step and fact.
    pub fn uses(&self) -> &[(StepId, String)] {
        match self {
            Self::Now(_) => &[],
            Self::Later { uses, .. } => uses,
        }
    }
}

impl std::fmt::Debug for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Now(action) => f.debug_tuple("Now").field(action).finish(),
            Self::Later { uses, .. } => f.debug_struct("Later").field("uses", uses).finish_non_exhaustive(),
        }
    }
}

impl std::fmt::Debug for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Condition")
    }
}

impl Pipeline {
    /// The pipeline as reporters and the checklist see it.
    pub fn outline(&self) -> Outline {
        let stages = self
            .stages
            .iter()
            .map(|stage| StageOutline {
                id: stage.id.clone(),
                title: stage.title.clone(),
                steps: stage
                    .steps
                    .iter()
                    .map(|step| StepOutline {
                        id: step.id.clone(),
                        title: step.title.clone(),
                        action: step.action_type.name,
                        covers: step.covers.clone(),
                        optional: step.optional,
                    })
                    .collect(),
            })
            .collect();
        Outline { name: self.name.clone(), stages }
    }

    /// All steps, in the order of the file.
    pub fn steps(&self) -> impl Iterator<Item = &Arc<Step>> {
        self.stages.iter().flat_map(|stage| &stage.steps)
    }
}
