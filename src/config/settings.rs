//! A step's own settings: expressions are filled in, the action's parser says what is wrong with the rest.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;

use super::diagnostic::{Diagnostic, Diagnostics, Report, Source};
use super::explain::{explain, missing, missing_name, required};
use super::nearest::nearest;
use super::node::{Table, Value};
use super::scope::{Scope, SecretPlace};
use super::stages::StepDecl;
use super::template::{Misplaced, Template, report_all};
use crate::action::{Action, ActionType};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::model::StepId;
use crate::pipeline::{Binding, Condition, Outputs};
use crate::tools::secrets::SecretSource;

/// More errors than these in one step are not looked for.
const MAX_ERRORS: usize = 20;

/// A step's settings, checked.
pub(super) struct Bound {
    pub(super) inputs: Inputs,
    pub(super) binding: Binding,
}

/// Checks the `settings` of `step`. `None` where something is wrong, which has been reported.
pub(super) fn bind(
    report: &Report,
    step: &StepDecl,
    mut settings: Table,
    scope: &Scope<'_>,
    secrets: &BTreeMap<String, SecretSource>,
) -> Option<Bound> {
    let (action, place) = step.action.clone()?;
    let mut texts = Texts::default();
    let mut inputs = Inputs::new();
    inputs.digest("action", action.digest());
    for entry in &mut settings.0 {
        let secret_place = if action.secret_settings.contains(&entry.key.as_str()) {
            SecretPlace::Here
        } else {
            SecretPlace::OnlyIn(action.secret_settings)
        };
        let scope = Scope { secrets: Some((secrets, &secret_place)), ..*scope };
        entry.node.each_text(&mut |span, value| texts.fill(report, span, value, &scope));
        let canonical = |span: &Range<usize>, text: &str| {
            let known = texts.canonical.get(&span.start);
            known.map_or_else(|| text.to_owned(), Clone::clone)
        };
        inputs.text(["settings.", &entry.key].concat(), &entry.node.canonical(&canonical));
    }
    let whole = Whole { action, place };
    let unknown: Vec<Range<usize>> =
        texts.wrong.iter().chain(texts.late.values().map(|(span, _)| span)).cloned().collect();
    let made = whole.check(report, &settings, &unknown)?;
    if texts.late.is_empty() {
        let binding = Binding::Now(Arc::from(made?));
        return texts.wrong.is_empty().then_some(Bound { inputs, binding });
    }
    if !texts.wrong.is_empty() {
        return None;
    }
    let mut uses: Vec<(StepId, String)> = texts.late.values().flat_map(|(_, template)| template.uses()).collect();
    uses.sort();
    uses.dedup();
    let late =
        Late { source: Arc::clone(report.source()), step: step.id.clone(), whole, settings, templates: texts.late };
    let binding = Binding::Later { uses, make: Arc::new(move |outputs| late.make(outputs)) };
    Some(Bound { inputs, binding })
}

/// Makes a step's `when`, and says which outputs it uses.
pub(super) fn condition(
    report: &Report,
    step: &StepDecl,
    scope: &Scope<'_>,
) -> Option<(Condition, Vec<(StepId, String)>)> {
    let node = step.when.as_ref()?;
    let text = match &node.value {
        Value::Text(text) => text,
        Value::Flag(flag) => {
            let flag = *flag;
            return Some((Condition(Arc::new(move |_| Ok(flag))), Vec::new()));
        }
        _ => {
            let message = format!("`when` has to be an expression, not {}", node.kind());
            report.error(node.span.clone(), "", message);
            return None;
        }
    };
    let template = Template::condition(report, &node.span, text, scope)?;
    if template.is_broken() {
        return None;
    }
    let uses = template.uses();
    let source = Arc::clone(report.source());
    let span = node.span.clone();
    let decide = move |outputs: &Outputs| match template.eval(outputs) {
        Ok(Value::Flag(flag)) => Ok(flag),
        Ok(other) => {
            let other = super::node::Node { span: span.clone(), value: other };
            let wrong = Diagnostic::error(format!("`when` has to be `true` or `false`, not {}", other.kind()));
            Err(vec![wrong.at(&source, span.clone(), "").help("compare it: `env.CI == 'true'`")])
        }
        Err(wrong) => Err(diagnostics(&source, wrong)),
    };
    if uses.is_empty() {
        return match decide(&Outputs::default()) {
            Ok(flag) => Some((Condition(Arc::new(move |_| Ok(flag))), uses)),
            Err(wrong) => {
                for one in wrong {
                    report.add(one);
                }
                None
            }
        };
    }
    let id = step.id.clone();
    let decide = move |outputs: &Outputs| {
        decide(outputs).map_err(|wrong| {
            Failure::from(Diagnostics::new(wrong)).while_doing(format!("whether `{id}` applies can't be told"))
        })
    };
    Some((Condition(Arc::new(decide)), uses))
}

fn diagnostics(source: &Arc<Source>, wrong: Vec<Misplaced>) -> Vec<Diagnostic> {
    wrong.into_iter().map(|one| one.diagnostic(source)).collect()
}

/// The texts with expressions in a step's settings.
#[derive(Default)]
struct Texts {
    /// Those that need outputs, by where they begin.
    late: BTreeMap<usize, (Range<usize>, Template)>,
    /// Those that can't be filled in.
    wrong: Vec<Range<usize>>,
    /// What stands for a text in the fingerprint, where that is not its value.
    canonical: BTreeMap<usize, String>,
}

impl Texts {
    fn fill(&mut self, report: &Report, span: &Range<usize>, value: &mut Value, scope: &Scope<'_>) {
        let Value::Text(text) = &*value else { return };
        if !text.contains("${{") {
            return;
        }
        let template = match Template::compile(report, span, text, scope) {
            Some(template) if !template.is_broken() => template,
            _ => return self.wrong.push(span.clone()),
        };
        if let Some(canonical) = template.canonical() {
            self.canonical.insert(span.start, canonical);
        }
        if !template.uses().is_empty() {
            let mistakes = template.mistakes();
            if !mistakes.is_empty() {
                report_all(report, mistakes);
                return self.wrong.push(span.clone());
            }
            self.late.insert(span.start, (span.clone(), template));
            return;
        }
        match template.eval(&Outputs::default()) {
            Ok(new) => *value = new,
            Err(wrong) => {
                report_all(report, wrong);
                self.wrong.push(span.clone());
            }
        }
    }
}

/// An action as a step of the file names it.
struct Whole {
    action: &'static ActionType,
    /// The place of its name.
    place: Range<usize>,
}

impl Whole {
    fn parse(&self, settings: &Table) -> Result<Box<dyn Action>, toml::de::Error> {
        (self.action.parse)(Spanned::new(self.place.clone(), settings.to_toml()))
    }

    /// Reports everything that is wrong with `settings`; what depends on the texts at `unknown` can't be told yet.
    /// `None` where there was something; `Some(None)` where the action can't be made yet.
    #[expect(clippy::option_option, reason = "wrong, not yet, made: three answers of one call")]
    fn check(&self, report: &Report, settings: &Table, unknown: &[Range<usize>]) -> Option<Option<Box<dyn Action>>> {
        if let Ok(action) = self.parse(settings) {
            return Some(Some(action));
        }
        let mut settings = settings.clone();
        let mut right = true;
        // Keys that were taken out to find what else is wrong: what follows from that is no error.
        let mut gone: Vec<String> = Vec::new();
        let follows = |name: &str, gone: &[String]| {
            let near = |key: &String| key == name || nearest(key, [name]).is_some();
            gone.iter().any(near)
        };
        for _ in 0..MAX_ERRORS {
            let error = match self.parse(&settings) {
                Ok(action) => return right.then_some(gone.is_empty().then_some(action)),
                Err(error) => error,
            };
            let Some(span) = error.span() else {
                // What the action finds itself: it knows no places, and may have seen texts that are not filled in.
                if right && gone.is_empty() && unknown.is_empty() {
                    report.add(explain(self.action, &self.place, &settings, &error, report.source()));
                    right = false;
                }
                break;
            };
            if span == self.place && missing_name(&error).is_some() {
                // serde names the first one only.
                for name in required(self.action) {
                    if settings.get(&name).is_none() && !follows(&name, &gone) {
                        report.add(missing(self.action, &self.place, &name, report.source()));
                        right = false;
                    }
                }
                break;
            }
            let is_unknown = unknown.iter().any(|text| span.start <= text.start && text.end <= span.end);
            let is_effect = missing_name(&error).is_some_and(|name| follows(name, &gone));
            if !is_unknown && !is_effect {
                report.add(explain(self.action, &self.place, &settings, &error, report.source()));
                right = false;
            }
            match settings.remove_at(&span) {
                Some(key) => gone.push(key),
                None => break,
            }
        }
        right.then_some(None)
    }
}

/// Settings that wait for outputs.
struct Late {
    source: Arc<Source>,
    step: StepId,
    whole: Whole,
    settings: Table,
    templates: BTreeMap<usize, (Range<usize>, Template)>,
}

impl Late {
    fn make(&self, outputs: &Outputs) -> Result<Arc<dyn Action>, Failure> {
        let mut settings = self.settings.clone();
        let mut wrong = Vec::new();
        settings.each_text(&mut |span, value| {
            if let Some((_, template)) = self.templates.get(&span.start) {
                match template.eval(outputs) {
                    Ok(new) => *value = new,
                    Err(all) => wrong.extend(diagnostics(&self.source, all)),
                }
            }
        });
        if wrong.is_empty() {
            match self.whole.parse(&settings) {
                Ok(action) => return Ok(Arc::from(action)),
                Err(error) => {
                    let Whole { action, place } = &self.whole;
                    wrong.push(explain(action, place, &settings, &error, &self.source));
                }
            }
        }
        Err(Failure::from(Diagnostics::new(wrong))
            .while_doing(format!("the settings of `{}` can't be used", self.step)))
    }
}
