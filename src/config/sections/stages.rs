//! `[[stage]]` and `[[stage.step]]` as they are declared: ids are checked, references are not resolved yet.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::time::Duration;

use crate::action::ActionType;
use crate::config::expr::scope::Scope;
use crate::config::expr::template::fill;
use crate::config::syntax::diagnostic::{Diagnostic, Report};
use crate::config::syntax::fields::{Fields, SpannedString, SpannedTable};
use crate::config::syntax::halves::read_in_halves;
use crate::config::syntax::node::{Node, Table};
use crate::model::{IdMap, StageId, StepId};
use crate::pipeline::Retry;
use crate::suggest::suggest;

/// The keys that every step may have, whatever its action.
pub(crate) const COMMON_KEYS: [&str; 12] =
    ["id", "action", "title", "needs", "covers", "timeout", "retry", "when", "optional", "fallback", "tty", "exercise"];
/// The common keys whose expressions are evaluated while the file is read.
const EVALUATED_KEYS: [&str; 4] = ["title", "timeout", "retry", "optional"];

/// How messages name the table of a step.
const STEP: &str = "a step";

const DEFAULT_JOBS: u32 = 4;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
const DEFAULT_DELAY: Duration = Duration::from_secs(5);

/// A stage of the file.
pub(crate) struct StageDecl {
    pub(crate) id: StageId,
    pub(crate) title: String,
    pub(crate) needs: Option<Vec<SpannedString>>,
    pub(crate) jobs: usize,
    pub(crate) steps: Vec<StepDecl>,
}

/// A step of the file.
pub(crate) struct StepDecl {
    pub(crate) id: StepId,
    /// The place of its id.
    pub(crate) span: Range<usize>,
    pub(crate) title: String,
    pub(crate) needs: Vec<SpannedString>,
    pub(crate) covers: Vec<SpannedString>,
    pub(crate) timeout: Duration,
    pub(crate) retry: Retry,
    pub(crate) when: Option<Node>,
    pub(crate) optional: bool,
    pub(crate) tty: bool,
    /// Whether a later step undoes what it does.
    pub(crate) exercise: bool,
    pub(crate) fallback: Option<SpannedString>,
    /// The action and the place of its name; `None` if it is unknown.
    pub(crate) action: Option<(&'static ActionType, Range<usize>)>,
    /// The action's own settings.
    pub(crate) settings: Table,
}

/// What stands under [`EVALUATED_KEYS`].
#[derive(Default)]
struct Evaluated {
    title: Option<String>,
    timeout: Option<Duration>,
    retry: Option<Retry>,
    optional: Option<bool>,
}

/// Reads stages.
pub(crate) struct Reader<'a> {
    pub(crate) report: &'a Report,
    /// For titles and other common keys: without steps and secrets.
    pub(crate) scope: Scope<'a>,
    pub(crate) actions: &'static [ActionType],
}

impl Reader<'_> {
    /// Reads all stages of the file.
    pub(crate) fn stages(&self, root: &mut Fields<'_>) -> Vec<StageDecl> {
        let tables = root.tables("stage", "a stage");
        if tables.is_empty() && root.is_missing("stage") {
            self.report.add(
                Diagnostic::error("the pipeline has no stages")
                    .at(self.report.source(), 0..0, "")
                    .help("a stage starts with `[[stage]]` and `id = \"…\"`, its steps with `[[stage.step]]`"),
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
        let id = fields.required_string("id");
        let title = self.title(&mut fields);
        let needs = fields.strings("needs");
        let jobs = fields.integer("jobs", 1..=256).unwrap_or(DEFAULT_JOBS);
        let tables = fields.tables("step", STEP);
        let stage = id.and_then(|id| match StageId::new(id.get_ref()) {
            Ok(stage) => {
                if let Some(first) = seen.get(&stage) {
                    self.duplicate("stage", id.get_ref(), id.span(), first.clone());
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
                Diagnostic::error("a stage must have a step")
                    .at(self.report.source(), fields.span(), "no step in this stage")
                    .help("a step starts with `[[stage.step]]` and `id = \"…\"`"),
            );
        }
        fields.finish();
        // The steps of a stage without a valid id are checked all the same.
        let unnamed = StageId::new("unnamed").ok()?;
        let mut places: IdMap<StepId, Range<usize>> = IdMap::default();
        places.reserve(tables.len());
        let stage_or_unnamed = stage.as_ref().unwrap_or(&unnamed);
        let mut steps = self.steps(tables, stage_or_unnamed);
        steps.retain(|step| match places.entry(step.id.clone()) {
            Entry::Occupied(first) => {
                self.duplicate("step", step.id.name(), step.span.clone(), first.get().clone());
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

    fn steps(&self, tables: Vec<Fields<'_>>, stage: &StageId) -> Vec<StepDecl> {
        let (scope, actions) = (self.scope, self.actions);
        let tables = tables.into_iter().map(Fields::into_spanned_table).collect();
        read_in_halves(self.report, tables, |report, tables: Vec<SpannedTable>| {
            let reader = Reader { report, scope, actions };
            let tables = tables.into_iter().take_while(|_| !report.is_full());
            tables.filter_map(|(span, table)| reader.step(Fields::new(report, STEP, span, table), stage)).collect()
        })
    }

    fn duplicate(&self, what: &str, id: &str, span: Range<usize>, first: Range<usize>) {
        self.report.add(
            Diagnostic::error(format!("the {what} `{id}` is defined twice"))
                .at(self.report.source(), span, "defined again here")
                .at(self.report.source(), first, "first defined here"),
        );
    }

    fn title(&self, fields: &mut Fields<'_>) -> Option<String> {
        let mut table = Table::default();
        fields.move_to(&mut table, &["title"]);
        let filled = fill(self.report, &mut table, &self.scope);
        let title = Fields::new(self.report, "a stage", fields.span(), table).string("title");
        title.filter(|_| filled).map(SpannedString::into_inner)
    }

    fn step(&self, mut fields: Fields<'_>, stage: &StageId) -> Option<StepDecl> {
        let report = self.report;
        let Evaluated { title, timeout, retry, optional } = self.evaluated(&mut fields);
        let id = fields.required_string("id");
        let action = fields.required_string("action");
        let needs = fields.strings("needs").unwrap_or_default();
        let covers = fields.strings("covers").unwrap_or_default();
        let when = fields.take("when");
        let fallback = fields.string("fallback");
        let tty = fields.boolean("tty").unwrap_or(false);
        let exercise = fields.boolean("exercise").unwrap_or(false);
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
                timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
                retry: retry.unwrap_or(Retry { attempts: 1, delay: Duration::ZERO }),
                when,
                optional: optional.unwrap_or(false),
                tty,
                exercise,
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

    /// Takes the values of a step whose expressions are evaluated while the file is read.
    fn evaluated(&self, fields: &mut Fields<'_>) -> Evaluated {
        let mut table = Table::default();
        fields.move_to(&mut table, &EVALUATED_KEYS);
        // Errors in the expressions have been reported; the types of these values would be misleading.
        if table.0.is_empty() || !fill(self.report, &mut table, &self.scope) {
            return Evaluated::default();
        }
        let mut fields = Fields::new(self.report, STEP, fields.span(), table);
        Evaluated {
            title: fields.string("title").map(SpannedString::into_inner),
            timeout: fields.duration("timeout", Duration::from_secs(1)),
            retry: fields.table("retry", "`retry`").map(retry),
            optional: fields.boolean("optional"),
        }
    }

    fn action(&self, name: &SpannedString) -> Option<(&'static ActionType, Range<usize>)> {
        let found = self.actions.iter().find(|action| action.name == name.get_ref());
        if found.is_none() {
            let names = self.actions.iter().map(|action| action.name);
            self.report.add(
                Diagnostic::error(format!("unknown action `{}`", name.get_ref()))
                    .at(self.report.source(), name.span(), "")
                    .help(suggest(name.get_ref(), names).unwrap_or_else(|| "`provision actions` lists them".into())),
            );
        }
        found.map(|action| (action, name.span()))
    }
}

fn retry(mut fields: Fields<'_>) -> Retry {
    let attempts = fields.integer("attempts", 1..=100);
    let delay = fields.duration("delay", Duration::ZERO).unwrap_or(DEFAULT_DELAY);
    if attempts.is_none() && fields.is_missing("attempts") {
        fields.missing("attempts");
    }
    fields.finish();
    Retry { attempts: attempts.unwrap_or(1), delay }
}
