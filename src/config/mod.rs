//! Reads `pipeline.toml`: everything is checked before anything runs, and all errors are reported at once.
//!
//! ```text
//! syntax     bytes → text → tables whose keys and values know their place; diagnostics
//! expr       `${{ … }}`: lexer → expression → template, evaluated in a scope
//! sections   [pipeline] [secrets] [cluster] [profile.NAME] [vars] [[stage]], checklists, waivers: as they are declared
//! resolve    needs, fallback, covers, cycles
//! settings   a step's own settings: expressions, then the action's parser, then its errors in terms of the file
//! assemble   declared stages → stages of the pipeline; after_cluster: which of their steps find the cluster there;
//!            after_files: which of them read what others make; after_release: which check what others deploy
//! ```

mod after_cluster;
mod after_files;
mod after_release;
mod assemble;
mod expr;
mod resolve;
mod schema;
mod sections;
mod settings;
mod syntax;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use syntax::diagnostic::{Diagnostic, Diagnostics};

use crate::action::ActionType;
use crate::model::{ItemId, StageId, Waiver};
use crate::pipeline::Pipeline;
use crate::suggest::suggest;
use crate::tools::secrets::{EnvFile, SecretSource};
use after_cluster::mark_after_cluster;
use assemble::{Assembly, known_steps};
use expr::scope::{Env, Scope};
pub(crate) use schema::{EXPRESSION, schema};
pub(crate) use sections::checklist::{NewBoxes, ids as checklist_ids, items as checklist_items, tick};
use sections::profile::Profile;
pub(crate) use sections::stages::COMMON_KEYS;
use sections::stages::{Reader, StageDecl};
pub(crate) use sections::vars::is_override;
use sections::{checklist, env_file, pipeline, profile, secrets, vars, waivers};
use settings::cluster;
use syntax::diagnostic::Report;
use syntax::document;
use syntax::fields::{Fields, SpannedTable};
use syntax::node::Table;

/// What the command line and the environment set.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadOptions {
    /// The selected profile.
    pub(crate) profile: Option<String>,
    /// `--set NAME=VALUE`; the last one for a name applies.
    pub(crate) set: Vec<(String, String)>,
    /// The environment: `env.NAME` in expressions, and `PROVISION_VAR_NAME`.
    pub(crate) env: BTreeMap<String, String>,
    /// The state folder; `.provision` beside the file by default.
    pub(crate) state_dir: Option<PathBuf>,
}

/// A valid pipeline, with warnings.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) pipeline: Pipeline,
    /// Parts that are valid, but probably do not mean what they say.
    pub(crate) warnings: Diagnostics,
    /// The text that was read.
    pub(crate) text: String,
}

/// Reads and checks the pipeline at `path`; `actions` are the known actions.
pub(crate) fn load(path: &Path, options: &LoadOptions, actions: &'static [ActionType]) -> Result<Loaded, Diagnostics> {
    load_document(document::read(path)?, path, options, actions)
}

/// The same for `text`, which is not at `path` yet.
pub(crate) fn load_text(
    text: String,
    path: &Path,
    options: &LoadOptions,
    actions: &'static [ActionType],
) -> Result<Loaded, Diagnostics> {
    load_document(document::of_text(path.display().to_string(), text)?, path, options, actions)
}

fn load_document(
    mut document: document::Document,
    path: &Path,
    options: &LoadOptions,
    actions: &'static [ActionType],
) -> Result<Loaded, Diagnostics> {
    let text = document.source.text.clone();
    let report = Report::new(document.source);
    let root = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let root = std::path::absolute(root).map_err(|error| {
        Diagnostics::new(vec![Diagnostic::error(format!("can't determine the current directory: {error}"))])
    })?;
    refuse_nul(&report, &mut document.table);
    let fields = Fields::new(&report, "the file", 0..0, document.table);
    let pipeline = build(&report, fields, root, options, actions);
    let (errors, warnings) = report.finish();
    match pipeline {
        Some(pipeline) if errors.is_empty() => Ok(Loaded { pipeline, warnings, text }),
        _ => Err(errors),
    }
}

/// Reports strings with a NUL character, which no program and no path can have. TOML writes it only as an escape.
fn refuse_nul(report: &Report, table: &mut Table) {
    if report.source().text.contains("\\u0000") || report.source().text.contains("\\U00000000") {
        table.for_each_string(&mut |span, value| {
            if matches!(value, syntax::node::Value::String(text) if text.contains('\0')) {
                report.error(span.clone(), "", "a string can't have a NUL character: no program and no path takes it");
            }
        });
    }
}

/// Returns the pipeline, or `None` after reporting errors.
fn build(
    report: &Report,
    mut fields: Fields<'_>,
    root: PathBuf,
    options: &LoadOptions,
    actions: &'static [ActionType],
) -> Option<Pipeline> {
    let mut declared = Declared::read(report, &mut fields, &root);
    let profile = declared.take_profile(report, options.profile.as_ref());
    // That of the selected profile is checked as a part of the merged section.
    for (_, table) in declared.profiles.values().filter_map(|profile| profile.cluster.as_ref()) {
        cluster::check_override(report, table);
    }
    let secret_variables = secrets::variables(&declared.secrets);
    let variables = declared.env_file.below(&options.env);
    let env = Env { variables: &variables, secrets: &secret_variables };
    let overrides = vars::Overrides { profile: &profile.vars, env, set: &options.set };
    let state_dir = options.state_dir.clone().unwrap_or_else(|| root.join(".provision"));
    let of = vars::Of { pipeline: &declared.name, state_dir: &state_dir };
    let vars = vars::resolve(report, of, &declared.vars, &overrides);
    let vars::Of { pipeline, state_dir } = of;
    let scope = Scope { env, vars: &vars, pipeline, state_dir, cluster: None, steps: None, secrets: None };

    let own_records = !profile.vars.0.is_empty() || profile.cluster.is_some();
    let declares_cluster = declared.cluster.is_some() || profile.cluster.is_some();
    let cluster = cluster::resolve(report, declared.cluster.take(), profile.cluster, &scope);
    let facts = match &cluster {
        Some(spec) => Some(cluster::facts(spec, state_dir, &options.env)),
        // An invalid cluster is still declared: its uses are not errors as well.
        None if declares_cluster => Some(cluster::FACTS.map(|fact| (fact, String::new())).into()),
        None => None,
    };

    let scope = Scope { cluster: facts.as_ref(), ..scope };
    let stages = Reader { report, scope, actions }.stages(&mut fields);
    fields.finish();
    let kept = kept_stages(report, &stages, profile.stages.as_deref(), &declared.profiles);
    let steps = known_steps(&stages, &kept);
    let assembly = Assembly {
        report,
        scope,
        steps: &steps,
        secrets: &declared.secrets,
        items: &declared.items,
        digests: &settings::ActionDigests::default(),
        max_age: declared.max_age,
        cluster: cluster.as_ref(),
    };
    let mut stages = assembly.stages(stages, &kept)?;
    if let Some(cluster) = &cluster {
        mark_after_cluster(&mut stages, cluster);
    }
    Some(Pipeline {
        name: declared.name.clone(),
        root,
        profile: options.profile.clone(),
        scope: options.profile.clone().filter(|_| own_records),
        stages,
        secrets: declared.secrets.clone(),
        cluster,
        items: declared.items.all,
        checklists: declared.items.files,
        near_items: declared.items.near,
        waivers: declared.waivers,
        env_file: declared.env_file,
        max_age: declared.max_age,
    })
}

/// The sections before the stages, as they are declared.
struct Declared {
    name: String,
    vars: Table,
    secrets: BTreeMap<String, SecretSource>,
    cluster: Option<SpannedTable>,
    profiles: BTreeMap<String, Profile>,
    items: checklist::Items,
    waivers: BTreeMap<ItemId, Waiver>,
    env_file: EnvFile,
    max_age: Duration,
}

impl Declared {
    fn read(report: &Report, fields: &mut Fields<'_>, root: &Path) -> Self {
        let pipeline::PipelineSection { name, checklists, waivers: file, env_file, max_age } =
            pipeline::read(report, fields);
        let env_file = env_file::read(report, root, env_file.as_ref());
        let vars = fields.names("vars");
        let secrets = secrets::read(report, fields.names("secrets"));
        let cluster = fields.spanned_table("cluster");
        let profiles = profile::read(report, fields.names("profile"), &vars);
        let items = checklist::read(report, root, &checklists);
        let waivers = waivers::read(report, root, file.as_ref(), &items);
        Self { name, vars, secrets, cluster, profiles, items, waivers, env_file, max_age }
    }

    /// Removes the profile `name` from the others; without a name, returns one that changes nothing.
    fn take_profile(&mut self, report: &Report, name: Option<&String>) -> Profile {
        let Some(name) = name else {
            return Profile::default();
        };
        self.profiles.remove(name).unwrap_or_else(|| {
            let help = suggest(name, self.profiles.keys().map(String::as_str))
                .unwrap_or_else(|| "declare profiles as `[profile.NAME]`".into());
            report.add(Diagnostic::error(format!("unknown profile `{name}`")).help(help));
            Profile::default()
        })
    }
}

/// Returns the stages that the selected profile includes, all if it names none. Reports unknown stages of all profiles:
/// `selected` are those that the selected profile names, `others` the other profiles.
fn kept_stages(
    report: &Report,
    stages: &[StageDecl],
    selected: Option<&[syntax::fields::SpannedString]>,
    others: &BTreeMap<String, Profile>,
) -> BTreeSet<StageId> {
    let of_others = others.values().filter_map(|profile| profile.stages.as_deref()).flatten();
    for name in selected.into_iter().flatten().chain(of_others) {
        if !stages.iter().any(|stage| stage.id.as_str() == name.get_ref()) {
            let names = stages.iter().map(|stage| stage.id.as_str());
            report.add(
                Diagnostic::error(format!("unknown stage `{}`", name.get_ref()))
                    .at(report.source(), name.span(), "")
                    .maybe_help(suggest(name.get_ref(), names)),
            );
        }
    }
    let is_kept = |id: &StageId| selected.is_none_or(|names| names.iter().any(|name| name.get_ref() == id.as_str()));
    stages.iter().map(|stage| &stage.id).filter(|id| is_kept(id)).cloned().collect()
}
