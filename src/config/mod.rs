//! Reads `pipeline.toml`: everything is checked before anything runs, and everything that is wrong is said at once.
//!
//! ```text
//! document   bytes → text → table, syntax errors
//! header     [pipeline] [secrets] [cluster] [profile.NAME]        vars   [vars] and what overrides them
//! stages     [[stage]] [[stage.step]] as declared                 tasks  the checklists
//! resolve    needs, fallback, covers, circles
//! settings   expressions filled in, the action's own parser       explain  what that says, in our words
//! template → text, expression → lexer, scope                      `${{ … }}`
//! ```

mod diagnostic;
mod document;
mod explain;
mod expression;
mod fields;
mod header;
mod lexer;
mod nearest;
mod node;
mod resolve;
mod scope;
mod settings;
mod stages;
mod tasks;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod vars;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use diagnostic::{Diagnostic, Diagnostics, Place, Severity, Source};
pub use tasks::{Found, parse as parse_checklist};

use crate::actions::ActionType;
use crate::model::{Item, StageId, StepId};
use crate::pipeline::{Pipeline, Stage, Step};
use crate::tools::secrets::SecretSource;
use diagnostic::Report;
use fields::Fields;
use resolve::Edge;
use scope::{Known, Scope, Steps};
use stages::{Reader, StageDecl, StepDecl};

/// What the command line and the environment say about a pipeline.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// The profile to use.
    pub profile: Option<String>,
    /// `--set NAME=VALUE`; of two with the same name the last one counts.
    pub set: Vec<(String, String)>,
    /// The environment: `env.NAME` in expressions, and `PROVISION_VAR_NAME`.
    pub env: BTreeMap<String, String>,
    /// Where our own files are; `.provision` beside the file where it is not set.
    pub state_dir: Option<PathBuf>,
}

/// A pipeline, and what is odd about it.
#[derive(Debug)]
pub struct Loaded {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// What hardly says what was meant.
    pub warnings: Diagnostics,
}

/// Reads and checks the pipeline at `path`; `actions` are those there are.
pub fn load(path: &Path, options: &LoadOptions, actions: &'static [ActionType]) -> Result<Loaded, Diagnostics> {
    let document = document::read(path)?;
    let report = Report::new(document.source);
    let root = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let root = std::path::absolute(root).map_err(|error| {
        Diagnostics::new(vec![Diagnostic::error(format!("there is no current directory: {error}"))])
    })?;
    let fields = Fields::new(&report, "the file", 0..0, document.table);
    let pipeline = build(&report, fields, root, options, actions);
    let (errors, warnings) = report.finish();
    match pipeline {
        Some(pipeline) if errors.is_empty() => Ok(Loaded { pipeline, warnings }),
        _ => Err(errors),
    }
}

/// The pipeline, or nothing where something is wrong; what is wrong is reported.
fn build(
    report: &Report,
    mut fields: Fields<'_>,
    root: PathBuf,
    options: &LoadOptions,
    actions: &'static [ActionType],
) -> Option<Pipeline> {
    let (name, checklists) = header::pipeline(report, &mut fields);
    let declared_vars = fields.names("vars");
    let secrets = header::secrets(report, fields.names("secrets"));
    let cluster = header::placed(&mut fields, "cluster");
    let mut profiles = header::profiles(report, fields.names("profile"), &declared_vars);
    let (items, complete) = tasks::read(report, &root, &checklists);
    let profile = options.profile.as_ref().map(|name| {
        if !profiles.contains_key(name) {
            let help = nearest::suggest(name, profiles.keys().map(String::as_str))
                .unwrap_or_else(|| "profiles are declared as `[profile.NAME]`".into());
            report.add(Diagnostic::error(format!("there is no profile `{name}`")).help(help));
        }
        profiles.remove(name).unwrap_or_default()
    });
    let overrides = vars::Overrides {
        profile: profile.as_ref().map(|profile| &profile.vars),
        env: &options.env,
        set: &options.set,
    };
    let vars = vars::resolve(report, &name, &declared_vars, &overrides);
    let mut scope =
        Scope { env: &options.env, vars: &vars, pipeline: &name, cluster: None, steps: None, secrets: None };
    let (profile_cluster, profile_stages) = match profile {
        Some(profile) => (profile.cluster, profile.stages),
        None => (None, None),
    };
    let declares_cluster = cluster.is_some() || profile_cluster.is_some();
    let cluster = header::cluster(report, cluster, profile_cluster, &scope);
    let state_dir = options.state_dir.clone().unwrap_or_else(|| root.join(".provision"));
    let facts = match &cluster {
        Some(spec) => Some(header::cluster_facts(spec, &state_dir, &options.env)),
        // One that is declared wrong is not reported again where it is used.
        None if declares_cluster => {
            Some(BTreeMap::from_iter(["name", "context", "kubeconfig", "provider"].map(|fact| (fact, String::new()))))
        }
        None => None,
    };
    scope.cluster = facts.as_ref();
    let stages = Reader { report, scope, actions }.stages(&mut fields);
    fields.finish();

    let selected = profile_stages.iter().chain(profiles.values().filter_map(|profile| profile.stages.as_ref()));
    for name in selected.flatten() {
        if !stages.iter().any(|stage| stage.id.as_str() == name.get_ref()) {
            let names = stages.iter().map(|stage| stage.id.as_str());
            report.add(
                Diagnostic::error(format!("there is no stage `{}`", name.get_ref()))
                    .at(report.source(), name.span(), "")
                    .maybe_help(nearest::suggest(name.get_ref(), names)),
            );
        }
    }
    let kept: BTreeSet<StageId> = stages
        .iter()
        .map(|stage| &stage.id)
        .filter(|id| profile_stages.as_ref().is_none_or(|kept| kept.iter().any(|name| name.get_ref() == id.as_str())))
        .cloned()
        .collect();
    let resolved = Assembly {
        report,
        scope,
        steps: known_steps(&stages, &kept),
        secrets: &secrets,
        items: items.iter().map(|item| (item.id.as_str(), item)).collect(),
        complete,
    }
    .stages(stages, &kept);
    Some(Pipeline {
        name: name.clone(),
        root,
        profile: options.profile.clone(),
        stages: resolved?,
        secrets: secrets.clone(),
        cluster,
        items,
    })
}

fn known_steps(stages: &[StageDecl], kept: &BTreeSet<StageId>) -> Steps {
    let mut steps = Steps::default();
    steps.reserve(stages.iter().map(|stage| stage.steps.len()).sum());
    for (at, stage) in stages.iter().enumerate() {
        for step in &stage.steps {
            let known = Known {
                stage: at,
                action: step.action.as_ref().map(|(action, _)| *action),
                kept: kept.contains(&stage.id),
            };
            steps.insert(step.id.clone(), known);
        }
    }
    steps
}

/// What the stages are put together from.
struct Assembly<'a> {
    report: &'a Report,
    scope: Scope<'a>,
    steps: Steps,
    secrets: &'a BTreeMap<String, SecretSource>,
    items: BTreeMap<&'a str, &'a Item>,
    /// Whether `items` are all there are.
    complete: bool,
}

/// What became of a step of the file.
struct Made {
    id: StepId,
    /// Everything that it waits for.
    edges: Vec<Edge>,
    step: Option<Arc<Step>>,
}

impl Assembly<'_> {
    /// The stages that are left in; those that are left out are checked as far as they can be.
    fn stages(&self, mut stages: Vec<StageDecl>, kept: &BTreeSet<StageId>) -> Option<Vec<Stage>> {
        let mut whole = true;
        let mut result = Vec::new();
        let mut waits: BTreeMap<StepId, Vec<Edge>> = BTreeMap::new();
        for at in 0..stages.len() {
            let needs = resolve::stage_needs(self.report, &stages, at, kept);
            let stage = &mut stages[at];
            let is_kept = kept.contains(&stage.id);
            let mut steps = Vec::with_capacity(stage.steps.len());
            for made in std::mem::take(&mut stage.steps).into_iter().map(|step| self.step(step, is_kept)) {
                if !made.edges.is_empty() {
                    waits.insert(made.id, made.edges);
                }
                whole &= made.step.is_some() || !is_kept;
                steps.extend(made.step);
            }
            if self.report.is_full() {
                return None;
            }
            if is_kept {
                result.push(Stage { id: stage.id.clone(), title: stage.title.clone(), needs, jobs: stage.jobs, steps });
            }
        }
        let fallbacks: Vec<_> = result
            .iter()
            .flat_map(|stage| &stage.steps)
            .filter_map(|step| Some((step.id.clone(), step.fallback.clone()?)))
            .collect();
        resolve::reserves(self.report, &fallbacks, &waits);
        resolve::circles(self.report, waits);
        whole.then_some(result)
    }

    fn step(&self, decl: StepDecl, kept: bool) -> Made {
        let mut made = Made { id: decl.id.clone(), edges: Vec::new(), step: None };
        if !self.report.is_full() {
            made.step = self.make(decl, kept, &mut made.edges).map(Arc::new);
        }
        made
    }

    /// `edges` get everything that it waits for, its fallback included.
    fn make(&self, mut decl: StepDecl, kept: bool, edges: &mut Vec<Edge>) -> Option<Step> {
        let report = self.report;
        *edges = resolve::step_needs(report, &decl, &self.steps);
        let fallback = resolve::fallback(report, &decl, &self.steps);
        let covers = resolve::covers(report, &decl, &self.items, self.complete);
        if !kept {
            // Its expressions may use what only belongs to other profiles.
            edges.extend(fallback);
            return None;
        }
        let scope = Scope { steps: Some((&self.steps, &decl.id)), ..self.scope };
        let settings = std::mem::take(&mut decl.settings);
        let bound = settings::bind(report, &decl, settings, &scope, self.secrets);
        let when = settings::condition(report, &decl, &scope);
        let conditional = when.as_ref().map(|(_, uses)| uses.as_slice()).unwrap_or_default();
        let bindings = bound.as_ref().map(|bound| bound.binding.uses()).unwrap_or_default();
        edges.extend(conditional.iter().chain(bindings).map(|(step, _)| (step.clone(), decl.span.clone())));
        let is_kept = |step: &StepId| self.steps.get(step).is_some_and(|known| known.kept);
        let mut needs: Vec<StepId> = Vec::new();
        for (step, _) in edges.iter() {
            if is_kept(step) && !needs.contains(step) {
                needs.push(step.clone());
            }
        }
        edges.extend(fallback.clone());
        if decl.when.is_some() && when.is_none() {
            return None;
        }
        let (action_type, _) = decl.action?;
        let bound = bound?;
        Some(Step {
            id: decl.id,
            title: decl.title.into(),
            needs,
            covers,
            timeout: decl.timeout,
            retry: decl.retry,
            when: when.map(|(condition, _)| condition),
            optional: decl.optional,
            fallback: fallback.map(|(step, _)| step).filter(is_kept),
            action_type,
            static_inputs: bound.inputs,
            binding: bound.binding,
        })
    }
}
