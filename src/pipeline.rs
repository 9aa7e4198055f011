//! [`Pipeline`]: the checked form of `pipeline.toml`: stages, steps, and how their actions are created.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::action::{Action, ActionType, Exercise};
use crate::error::Failure;
use crate::fingerprint::{Digest, Inputs};
use crate::model::{
    IdMap, Item, ItemId, NearItem, Outline, Output, StageId, StageOutline, StepId, StepOutline, Waiver,
};
use crate::redact::Redactor;
use crate::tools::cluster::ClusterSpec;
use crate::tools::secrets::{EnvFile, SecretSource};

/// A valid pipeline.
#[derive(Debug)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// The folder of the file, which relative paths start from.
    pub root: PathBuf,
    /// The selected profile.
    pub profile: Option<String>,
    /// The selected profile, if it changes variables or the cluster: then its steps have records of their own.
    pub scope: Option<String>,
    /// Its stages in the order of the file.
    pub stages: Vec<Stage>,
    /// The declared secrets.
    pub secrets: BTreeMap<String, SecretSource>,
    /// The cluster, if it has one.
    pub cluster: Option<ClusterSpec>,
    /// The items of its checklists, in the order of the files.
    pub items: Vec<Item>,
    /// The path of each checklist, and the digest of its text without a byte order mark, as it was read.
    pub checklists: Vec<(Arc<str>, Digest)>,
    /// How old a proof may be that can't be seen again without changing something.
    pub max_age: Duration,
    /// The lines of its checklists that look like items and are none.
    pub near_items: Vec<NearItem>,
    /// The variables of its `env-file`.
    pub env_file: EnvFile,
    /// The waivers of its items.
    pub waivers: BTreeMap<ItemId, Waiver>,
}

/// A stage.
#[derive(Debug)]
pub struct Stage {
    /// Its id.
    pub id: StageId,
    /// Its title.
    pub title: String,
    /// The stages that must succeed before it starts: those it names, by default the one before it in the file.
    pub needs: Vec<StageId>,
    /// The maximum number of its steps that run at once.
    pub jobs: usize,
    /// Its steps in the order of the file.
    pub steps: Vec<Arc<Step>>,
}

/// A step.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Step {
    /// Its id.
    pub id: StepId,
    /// Its title.
    pub title: Arc<str>,
    /// The steps that must succeed before it starts, besides those of the stages that its stage needs: the steps in
    /// `needs`, and those whose outputs it uses.
    pub needs: Vec<StepId>,
    /// The steps that make files which it reads. It waits for them, and what it has proven holds while they do.
    pub files_from: Vec<StepId>,
    /// The checklist items that it proves.
    pub covers: Vec<ItemId>,
    /// The digest of the text of each of them: what it claims to prove.
    pub items: Inputs,
    /// The time limit of one attempt.
    pub timeout: Duration,
    /// How old its proof may be if it can't be seen again without changing something.
    pub max_age: Duration,
    /// The number of attempts, and the delay between them.
    pub retry: Retry,
    /// Its `when`, if it has one.
    pub when: Option<Condition>,
    /// Whether the run continues and may succeed if it fails.
    pub optional: bool,
    /// The declared secrets whose values it needs.
    pub secrets: Box<[String]>,
    /// Whether its programs get the terminal.
    pub tty: bool,
    /// The step that proves the same if this one fails.
    pub fallback: Option<StepId>,
    /// Whether it only shows that something can be done, and a later step undoes it.
    pub exercise: bool,
    /// Whether the cluster is there when it begins: it needs, directly or not, a step that makes or uses the cluster,
    /// or the cluster is none that the pipeline makes.
    pub after_cluster: bool,
    /// The action.
    pub action_type: &'static ActionType,
    /// The inputs that are known when the file is read: name, revision and settings of the action. Outputs of other
    /// steps that the settings use are included by name.
    pub static_inputs: Inputs,
    /// Creates the action once the outputs that it uses are known.
    pub binding: Binding,
}

/// Whether a step applies, evaluated when the steps it needs have succeeded.
#[derive(Clone)]
pub struct Condition {
    /// Decides it.
    pub decide: FromOutputs<bool>,
    /// Whether that depends on what other steps find.
    pub uses_outputs: bool,
}

/// A function of the outputs of other steps.
pub type FromOutputs<T> = Arc<dyn Fn(&Outputs) -> Result<T, Failure> + Send + Sync>;

/// The number of attempts, and the delay between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The number of attempts; at least 1.
    pub attempts: u32,
    /// The delay before the next attempt.
    pub delay: Duration,
}

/// The outputs of the steps that have succeeded in this run.
pub type Outputs = IdMap<StepId, Output>;

/// How the action of a step is created.
pub enum Binding {
    /// Its settings use no outputs: it was created when the file was read.
    Now(Arc<dyn Action>),
    /// Its settings use outputs.
    Later {
        /// The outputs that are used: step and fact.
        uses: Vec<(StepId, String)>,
        /// Creates the action.
        make: FromOutputs<Arc<dyn Action>>,
    },
}

impl Binding {
    /// Returns the action, with `outputs` as the values of the outputs that it uses.
    pub fn action(&self, outputs: &Outputs) -> Result<Arc<dyn Action>, Failure> {
        match self {
            Self::Now(action) => Ok(Arc::clone(action)),
            Self::Later { make, .. } => make(outputs),
        }
    }

    /// The same for an action that a later step undoes.
    pub fn as_exercise(self) -> Self {
        match self {
            Self::Now(action) => Self::Now(Arc::new(Exercise(action))),
            Self::Later { uses, make } => {
                let make: FromOutputs<Arc<dyn Action>> = Arc::new(move |outputs| {
                    let action: Arc<dyn Action> = Arc::new(Exercise(make(outputs)?));
                    Ok(action)
                });
                Self::Later { uses, make }
            }
        }
    }

    /// Returns the outputs that the settings use: step and fact.
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
    /// Returns the pipeline as reporters and the checklist see it.
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

    /// Masks the secrets in its titles.
    pub fn mask_titles(&mut self, redactor: &Redactor) {
        for stage in &mut self.stages {
            stage.title = redactor.text(&stage.title);
            // Nobody else has them yet.
            for step in stage.steps.iter_mut().filter_map(Arc::get_mut) {
                let masked = redactor.text(&step.title);
                if *masked != *step.title {
                    step.title = masked.into();
                }
            }
        }
    }

    /// Returns the scope of its records: the profile, if it has records of its own, and the kube context of the
    /// cluster. What was done at one cluster was not done at another one, and is not undone by work there.
    pub fn record_scope(&self) -> Option<String> {
        let profile = self.scope.as_deref();
        match &self.cluster {
            Some(cluster) => {
                Some(format!("{}{}{}", profile.unwrap_or_default(), crate::journal::CONTEXT, cluster.context))
            }
            None => profile.map(str::to_owned),
        }
    }

    /// Returns all steps, in the order of the file.
    pub fn steps(&self) -> impl Iterator<Item = &Arc<Step>> {
        self.stages.iter().flat_map(|stage| &stage.steps)
    }
}
