//! [`Draft`]: a pipeline before it is written, with what there is to say of each of its parts.

use std::collections::BTreeMap;

use toml::Value;

/// A pipeline.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) name: String,
    /// The checklists, with the names of the lists where there are several.
    pub(super) checklists: Vec<(Option<String>, String)>,
    /// Variables with their values, and what they are for.
    pub(super) vars: Vec<(String, String, Option<String>)>,
    pub(super) secrets: Vec<SecretDraft>,
    /// The file with variables.
    pub(super) env_file: Option<String>,
    /// Whether there is a cluster.
    pub(super) has_cluster: bool,
    /// Profiles: a name, and the variables that it sets.
    pub(super) profiles: Vec<(String, BTreeMap<String, String>)>,
    pub(super) stages: Vec<StageDraft>,
    /// What a person has to know or to decide.
    pub(super) doubts: Vec<String>,
    /// What is not used: path and reason.
    pub(super) left_out: Vec<(String, String)>,
    /// Items of the checklists that no step covers.
    pub(super) open_items: Vec<String>,
    /// How many items are covered.
    pub(super) n_covered: usize,
}

/// A secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SecretDraft {
    pub(super) name: String,
    /// Whether its value is made, and not taken from the environment.
    pub(super) is_generated: bool,
    pub(super) is_optional: bool,
    /// Whether the file of variables has its value.
    pub(super) is_given: bool,
}

/// A stage.
#[derive(Debug, Default)]
pub(super) struct StageDraft {
    pub(super) id: &'static str,
    pub(super) title: String,
    /// The stages that it needs, where it is not the one before.
    pub(super) needs: Option<Vec<&'static str>>,
    pub(super) steps: Vec<StepDraft>,
}

/// What a table has: paths in it with their values.
pub(super) type Entries = Vec<(Vec<String>, Value)>;

/// A step.
#[derive(Clone, Debug, Default)]
pub(super) struct StepDraft {
    pub(super) id: String,
    pub(super) title: Option<String>,
    pub(super) action: &'static str,
    pub(super) needs: Vec<String>,
    /// Its settings in their order.
    pub(super) settings: Vec<(&'static str, Value)>,
    /// A table of settings that is written below the others: its name, and what it has.
    pub(super) tables: Vec<(&'static str, Entries)>,
    /// What is written before it.
    pub(super) comments: Vec<String>,
    pub(super) covers: Vec<String>,
    /// What it proves, for the checklists.
    pub(super) proves: Proof,
    /// Whether it is written as a comment.
    pub(super) is_aside: bool,
}

/// What a step proves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing that lists have.
    #[default]
    Nothing,
    /// A program is installed.
    Tool(&'static str),
    /// An image is built: the words that name it.
    Build(Vec<String>),
    /// The cluster runs.
    Cluster,
    /// An image is in the node: the words that name it.
    Load(Vec<String>),
    /// A Secret is there.
    Secret(String),
    /// A chart is well formed.
    Lint,
    /// A release is installed.
    Install,
    /// Manifests are applied.
    Apply,
    /// The services of a compose file run.
    Compose,
    /// All pods run.
    Rollout,
}

impl StepDraft {
    pub(super) fn new(id: impl Into<String>, action: &'static str) -> Self {
        Self { id: id.into(), action, ..Self::default() }
    }

    pub(super) fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets a value in which `${{` begins no expression: names and paths of the repository may have it.
    pub(super) fn set(self, name: &'static str, value: impl Into<Value>) -> Self {
        self.formula(name, plain(value.into()))
    }

    /// Sets a value as it is, with its expressions.
    pub(super) fn formula(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    /// Sets a list of strings.
    pub(super) fn list<S: Into<String>>(self, name: &'static str, values: impl IntoIterator<Item = S>) -> Self {
        let values: Vec<Value> = values.into_iter().map(|value| Value::String(value.into())).collect();
        self.set(name, Value::Array(values))
    }

    pub(super) fn comment(mut self, text: impl Into<String>) -> Self {
        self.comments.push(text.into());
        self
    }

    pub(super) fn proves(mut self, proof: Proof) -> Self {
        self.proves = proof;
        self
    }

    pub(super) fn needs(mut self, step: impl Into<String>) -> Self {
        self.needs.push(step.into());
        self
    }
}

/// Text in which `${{` begins no expression.
pub(super) fn plain_text(text: &str) -> String {
    text.replace("${{", "$${{")
}

fn plain(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(plain_text(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        Value::Table(table) => Value::Table(table.into_iter().map(|(key, value)| (key, plain(value))).collect()),
        value => value,
    }
}

impl Draft {
    /// All steps that are run.
    pub(super) fn active_steps(&mut self) -> impl Iterator<Item = &mut StepDraft> {
        self.stages.iter_mut().flat_map(|stage| &mut stage.steps).filter(|step| !step.is_aside)
    }
}
