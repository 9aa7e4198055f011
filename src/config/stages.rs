//! `[[stage]]` and `[[stage.step]]` as they are declared: ids are checked, what they refer to is not yet.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::time::Duration;

use super::diagnostic::{Diagnostic, Report};
use super::fields::{Fields, Text};
use super::nearest::suggest;
use super::node::{Node, Table};
use super::scope::Scope;
use super::template::fill;
use crate::actions::ActionType;
use crate::model::{IdMap, StageId, StepId};
use crate::pipeline::Retry;

/// The keys that every step may have, whatever its action.
pub(super) const COMMON: [&str; 10] =
    ["id", "action", "title", "needs", "covers", "timeout", "retry", "when", "optional", "fallback"];
/// Those of them in which expressions are filled in right away.
const FILLED: [&str; 4] = ["title", "timeout", "retry", "optional"];

const DEFAULT_JOBS: u32 = 4;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
const DEFAULT_DELAY: Duration = Duration::from_secs(5);

/// A stage of the file.
pub(super) struct StageDecl {
    pub(super) id: StageId,
    pub(super) title: String,
    pub(super) needs: Option<Vec<Text>>,
    pub(super) jobs: usize,
    pub(super) steps: Vec<StepDecl>,
}

/// A step of the file.
pub(super) struct StepDecl {
    pub(super) id: StepId,
    /// The place of its id.
    pub(super) span: Range<usize>,
    pub(super) title: String,
    pub(super) needs: Vec<Text>,
    pub(super) covers: Vec<Text>,
    pub(super) timeout: Duration,
    pub(super) retry: Retry,
    pub(super) when: Option<Node>,
    pub(super) optional: bool,
    pub(super) fallback: Option<Text>,
    /// The action and the place of its name; `None` where there is no such action.
    pub(super) action: Option<(&'static ActionType, Range<usize>)>,
    /// The action's own settings.
    pub(super) settings: Table,
}

/// What reading needs to know.
pub(super) struct Reader<'a> {
    pub(super) report: &'a Report,
    /// For titles and the like: no steps, no secrets.
    pub(super) scope: Scope<'a>,
    pub(super) actions: &'static [ActionType],
}

impl Reader<'_> {
    /// All stages of the file.
    pub(super) fn stages(&self, root: &mut Fields<'_>) -> Vec<StageDecl> {
        let tables = root.tables("stage", "a stage");
        if tables.is_empty() && root.is_missing("stage") {
            self.report.add(
                Diagnostic::error("the pipeline has no stages")
                    .at(self.report.source(), 0..0, "")
                    .help("a stage begins with `[[stage]]` and `id = \"…\"`, its steps with `[[stage.step]]`"),
            );
        }
        let mut stages: Vec<StageDecl> = Vec::new();
        let mut seen = BTreeMap::new();
        for table in tables {
            if self.report.is_full() {
                break;
            }
            if let Some(stage) = self.stage(table, &mut seen) {
                stages.push(stage);
            }
        }
        stages
    }

    fn stage(&self, mut fields: Fields<'_>, seen: &mut BTreeMap<StageId, Range<usize>>) -> Option<StageDecl> {
        let id = fields.required_text("id");
        let title = self.title(&mut fields);
        let needs = fields.texts("needs");
        let jobs = fields.whole("jobs", 1..=256).unwrap_or(DEFAULT_JOBS);
        let tables = fields.tables("step", "a step");
        let stage = id.and_then(|id| match StageId::new(id.get_ref()) {
            Ok(stage) => {
                if let Some(first) = seen.get(&stage) {
                    self.twice("stage", id.get_ref(), id.span(), first.clone());
                    return None;
                }
                seen.insert(stage.clone(), id.span());
                Some(stage)
            }
            Err(error) => {
                self.report.error(id.span(), "", error.to_string());
                None
            }
        });
        if tables.is_empty() && fields.is_missing("step") {
            self.report.add(
                Diagnostic::error("a stage needs steps")
                    .at(self.report.source(), fields.span(), "no step in this stage")
                    .help("a step begins with `[[stage.step]]` and `id = \"…\"`"),
            );
        }
        fields.finish();
        // The steps of a stage without a proper id are still looked at.
        let unnamed = StageId::new("unnamed").ok()?;
        let mut places: IdMap<StepId, Range<usize>> = IdMap::default();
        places.reserve(tables.len());
        let mut steps: Vec<StepDecl> =
            tables
                .into_iter()
                .filter_map(|table| {
                    if self.report.is_full() { None } else { self.step(table, stage.as_ref().unwrap_or(&unnamed)) }
                })
                .collect();
        steps.retain(|step| match places.entry(step.id.clone()) {
            Entry::Occupied(first) => {
                self.twice("step", step.id.name(), step.span.clone(), first.get().clone());
                false
            }
            Entry::Vacant(place) => {
                place.insert(step.span.clone());
                true
            }
        });
        let id = stage?;
        Some(StageDecl {
            title: title.unwrap_or_else(|| id.as_str().to_owned()),
            id,
            needs,
            jobs: jobs as usize,
            steps,
        })
    }

    fn twice(&self, what: &str, id: &str, span: Range<usize>, first: Range<usize>) {
        self.report.add(
            Diagnostic::error(format!("the {what} `{id}` is there twice")).at(self.report.source(), span, "again").at(
                self.report.source(),
                first,
                "first",
            ),
        );
    }

    fn title(&self, fields: &mut Fields<'_>) -> Option<String> {
        let mut table = Table::default();
        fields.move_to(&mut table, &["title"]);
        let filled = fill(self.report, &mut table, &self.scope);
        let title = Fields::new(self.report, "a stage", fields.span(), table).text("title");
        title.filter(|_| filled).map(Text::into_inner)
    }

    fn step(&self, mut fields: Fields<'_>, stage: &StageId) -> Option<StepDecl> {
        let report = self.report;
        let mut table = Table::default();
        fields.move_to(&mut table, &FILLED);
        // What could not be filled in has been reported; its type says nothing then.
        if !fill(report, &mut table, &self.scope) {
            table = Table::default();
        }
        let mut filled = Fields::new(report, "a step", fields.span(), table);
        let title = filled.text("title").map(Text::into_inner);
        let timeout = filled.time("timeout", Duration::from_secs(1)).unwrap_or(DEFAULT_TIMEOUT);
        let retry = filled.table("retry", "`retry`").map(retry);
        let optional = filled.flag("optional").unwrap_or(false);

        let id = fields.required_text("id");
        let action = fields.required_text("action");
        let needs = fields.texts("needs").unwrap_or_default();
        let covers = fields.texts("covers").unwrap_or_default();
        let when = fields.take("when");
        let fallback = fields.text("fallback");
        let action = action.and_then(|name| self.action(&name));
        let id = id?;
        let span = id.span();
        match stage.step(id.get_ref()) {
            Ok(id) => Some(StepDecl {
                title: title.unwrap_or_else(|| id.name().to_owned()),
                id,
                span,
                needs,
                covers,
                timeout,
                retry: retry.unwrap_or(Retry { attempts: 1, delay: Duration::ZERO }),
                when,
                optional,
                fallback,
                action,
                settings: fields.rest(),
            }),
            Err(error) => {
                report.error(span, "", error.to_string());
                None
            }
        }
    }

    fn action(&self, name: &Text) -> Option<(&'static ActionType, Range<usize>)> {
        let found = self.actions.iter().find(|action| action.name == name.get_ref());
        if found.is_none() {
            let names = self.actions.iter().map(|action| action.name);
            self.report.add(
                Diagnostic::error(format!("there is no action `{}`", name.get_ref()))
                    .at(self.report.source(), name.span(), "")
                    .help(suggest(name.get_ref(), names).unwrap_or_else(|| "`provision actions` lists them".into())),
            );
        }
        found.map(|action| (action, name.span()))
    }
}

fn retry(mut fields: Fields<'_>) -> Retry {
    let attempts = fields.whole("attempts", 1..=100);
    let delay = fields.time("delay", Duration::ZERO).unwrap_or(DEFAULT_DELAY);
    if attempts.is_none() && fields.is_missing("attempts") {
        fields.missing("attempts");
    }
    fields.finish();
    Retry { attempts: attempts.unwrap_or(1), delay }
}
