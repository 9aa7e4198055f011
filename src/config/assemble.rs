//! [`Assembly`]: turns the declared stages into those of the pipeline: references are resolved, settings are checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::after_files::{self, FileUse};
use super::after_release;
use super::expr::scope::{Scope, StepInfo, Steps};
use super::resolve::{self, Edge};
use super::sections::checklist::Items;
use super::sections::stages::{StageDecl, StepDecl};
use super::settings::{self, ActionDigests};
use super::syntax::diagnostic::Report;
use super::syntax::halves::read_in_halves;
use crate::action::Action;
use crate::fingerprint::Inputs;
use crate::model::{StageId, StepId};
use crate::pipeline::{Stage, Step};
use crate::tools::cluster::ClusterSpec;
use crate::tools::secrets::SecretSource;

/// Everything that the declared stages may refer to.
pub(super) struct Assembly<'a> {
    pub(super) report: &'a Report,
    pub(super) scope: Scope<'a>,
    pub(super) steps: &'a Steps,
    pub(super) secrets: &'a BTreeMap<String, SecretSource>,
    pub(super) items: &'a Items,
    pub(super) digests: &'a ActionDigests,
    pub(super) max_age: Duration,
    /// The cluster, if there is a valid one.
    pub(super) cluster: Option<&'a ClusterSpec>,
}

/// A declared step with its references resolved.
struct ResolvedStep {
    id: StepId,
    /// All steps that it depends on, its fallback included.
    edges: Vec<Edge>,
    /// `None` if the profile excludes it, and if it has errors, which have been reported.
    step: Option<Arc<Step>>,
    /// What names the files that it reads and makes, if that is known.
    files: Option<FileUse>,
}

/// Returns the properties of all steps that references to them depend on.
pub(super) fn known_steps(stages: &[StageDecl], kept: &BTreeSet<StageId>) -> Steps {
    let mut steps = Steps::default();
    steps.reserve(stages.iter().map(|stage| stage.steps.len()).sum());
    for (at, stage) in stages.iter().enumerate() {
        for step in &stage.steps {
            let info = StepInfo {
                stage: at,
                action: step.action.as_ref().map(|(action, _)| *action),
                kept: kept.contains(&stage.id),
            };
            steps.insert(step.id.clone(), info);
        }
    }
    steps
}

impl Assembly<'_> {
    /// Returns the stages in `kept`; the others are checked as far as possible. Returns `None` after reporting errors.
    pub(super) fn stages(&self, mut stages: Vec<StageDecl>, kept: &BTreeSet<StageId>) -> Option<Vec<Stage>> {
        let mut valid = true;
        let (mut result, mut decls) = (Vec::new(), Vec::new());
        for at in 0..stages.len() {
            let needs = resolve::stage_needs(self.report, &stages, at, kept);
            let stage = &mut stages[at];
            decls.extend(std::mem::take(&mut stage.steps).into_iter().map(|decl| (at, decl)));
            let (id, title) = (stage.id.clone(), stage.title.clone());
            result.push(Stage { id, title, needs, jobs: stage.jobs, steps: Vec::new() });
        }
        let mut edges: BTreeMap<StepId, Vec<Edge>> = BTreeMap::new();
        let mut files = Vec::new();
        for (at, resolved) in self.steps(decls) {
            valid &= resolved.step.is_some() || !self.is_kept(&resolved.id);
            if !resolved.edges.is_empty() {
                edges.insert(resolved.id, resolved.edges);
            }
            files.extend(resolved.files);
            result[at].steps.extend(resolved.step);
        }
        if self.report.is_full() {
            return None;
        }
        result.retain(|stage| kept.contains(&stage.id));
        let fallbacks: Vec<_> = result
            .iter()
            .flat_map(|stage| &stage.steps)
            .filter_map(|step| Some((step.id.clone(), step.fallback.clone()?)))
            .collect();
        resolve::check_fallback_edges(self.report, &fallbacks, &edges);
        resolve::check_cycles(self.report, edges);
        if !valid {
            return None;
        }
        after_files::link(self.report, &mut result, &files);
        after_release::bind(&mut result, &files);
        Some(result)
    }

    /// Resolves the steps, each with the number of its stage. No step needs more of another one than what is known of
    /// all.
    fn steps(&self, decls: Vec<(usize, StepDecl)>) -> Vec<(usize, ResolvedStep)> {
        let Self { report, scope, steps, secrets, items, digests, max_age, cluster } = *self;
        read_in_halves(report, decls, |report, decls| {
            let assembly = Assembly { report, scope, steps, secrets, items, digests, max_age, cluster };
            decls.into_iter().map(|(at, decl)| (at, assembly.step(decl))).collect()
        })
    }

    fn step(&self, decl: StepDecl) -> ResolvedStep {
        let mut resolved = ResolvedStep { id: decl.id.clone(), edges: Vec::new(), step: None, files: None };
        if !self.report.is_full() {
            let span = decl.span.clone();
            let (step, known) = self.resolve(decl, &mut resolved.edges).unzip();
            resolved.step = step.map(Arc::new);
            resolved.files = known.flatten().map(|action| FileUse { span, step: resolved.id.clone(), action });
        }
        resolved
    }

    /// Resolves a step; also returns its action as far as it is known. `edges` receives all steps that it depends on,
    /// its fallback included.
    fn resolve(&self, mut decl: StepDecl, edges: &mut Vec<Edge>) -> Option<(Step, Option<Arc<dyn Action>>)> {
        let report = self.report;
        *edges = resolve::step_needs(report, &decl, self.steps);
        let fallback = resolve::fallback(report, &decl, self.steps);
        let covers = resolve::covers(report, &decl, self.items);
        if !self.is_kept(&decl.id) {
            // Its expressions may use variables and steps that only other profiles have.
            edges.extend(fallback);
            return None;
        }
        let scope = Scope { steps: Some((self.steps, &decl.id)), ..self.scope };
        let settings = std::mem::take(&mut decl.settings);
        let bound = settings::bind(report, &decl, settings, &scope, self.secrets, self.digests);
        let when = settings::condition(report, &decl, &scope);
        let used_by_when = when.as_ref().map(|(_, uses)| uses.as_slice()).unwrap_or_default();
        let used_by_settings = bound.as_ref().map(|bound| bound.binding.uses()).unwrap_or_default();
        edges.extend(used_by_when.iter().chain(used_by_settings).map(|(step, _)| (step.clone(), decl.span.clone())));
        let needs = self.kept_steps(edges);
        edges.extend(fallback.clone());
        if decl.when.is_some() && when.is_none() {
            return None;
        }
        let (action_type, place) = decl.action?;
        if let Some(Err(why)) = self.cluster.map(action_type.check_cluster) {
            report.error(place, "", why);
            return None;
        }
        let bound = bound?;
        let mut items = Inputs::new();
        for item in &covers {
            items.text(item.id.as_str(), &item.text);
        }
        let secrets = bound.known.iter().flat_map(|action| action.secrets()).map(str::to_owned).collect();
        let step = Step {
            id: decl.id,
            title: decl.title.into(),
            needs,
            files_from: Vec::new(),
            covers: covers.into_iter().map(|item| item.id.clone()).collect(),
            items,
            timeout: decl.timeout,
            max_age: self.max_age,
            retry: decl.retry,
            when: when.map(|(condition, _)| condition),
            optional: decl.optional,
            secrets,
            tty: decl.tty,
            fallback: fallback.map(|(step, _)| step).filter(|step| self.is_kept(step)),
            exercise: decl.exercise,
            after_cluster: false,
            action_type,
            static_inputs: bound.inputs,
            binding: if decl.exercise { bound.binding.as_exercise() } else { bound.binding },
        };
        Some((step, bound.known))
    }

    fn is_kept(&self, step: &StepId) -> bool {
        self.steps.get(step).is_some_and(|info| info.kept)
    }

    /// Returns the steps of `edges` that the profile includes, without duplicates.
    fn kept_steps(&self, edges: &[Edge]) -> Vec<StepId> {
        let mut steps: Vec<StepId> = Vec::new();
        for (step, _) in edges {
            if self.is_kept(step) && !steps.contains(step) {
                steps.push(step.clone());
            }
        }
        steps
    }
}
