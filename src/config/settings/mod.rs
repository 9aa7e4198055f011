//! A step's own settings: expressions are evaluated, then the action's parser checks the result.

mod action_ref;
mod check;
pub(super) mod cluster;
mod condition;
mod explain;
mod parser;
mod provider_ref;
mod values;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::expr::scope::{Scope, SecretUse};
use super::expr::template::{SpannedError, Template, report_all};
use super::sections::stages::StepDecl;
use super::syntax::diagnostic::{Diagnostic, Diagnostics, Report, Source};
use super::syntax::node::{Node, Table, Value};
use crate::action::Action;
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::model::StepId;
use crate::pipeline::{Binding, Outputs};
use crate::tools::secrets::SecretSource;
use crate::tools::shell::{self, script_argument};
use action_ref::ActionRef;
use check::{Checked, check};
use explain::explain;
use parser::SettingsParser;

pub(super) use action_ref::ActionDigests;
pub(super) use condition::condition;
pub(super) use provider_ref::PROVIDER_KEY;

/// The checked settings of a step.
pub(super) struct BoundSettings {
    pub(super) inputs: Inputs,
    pub(super) binding: Binding,
    /// The action as far as it is known when the file is read, with `${{ … }}` in the place of other steps' outputs;
    /// `None` if those decide too much.
    pub(super) known: Option<Arc<dyn Action>>,
}

/// Checks the `settings` of `step`. Returns `None` after reporting an error.
pub(super) fn bind(
    report: &Report,
    step: &StepDecl,
    mut settings: Table,
    scope: &Scope<'_>,
    secrets: &BTreeMap<String, SecretSource>,
    digests: &ActionDigests,
) -> Option<BoundSettings> {
    let (action, place) = step.action.clone()?;
    let mut strings = Strings::default();
    let mut inputs = Inputs::new();
    inputs.digest("action", digests.of(action));
    for entry in &mut settings.0 {
        let secret_use = if action.secret_settings.contains(&&*entry.key) {
            SecretUse::Allowed
        } else {
            SecretUse::OnlyIn(action.secret_settings)
        };
        let scope = Scope { secrets: Some((secrets, &secret_use)), ..*scope };
        let readers = if action.scripts.contains(&&*entry.key) { shell_texts(&entry.node) } else { Vec::new() };
        entry.node.for_each_string(&mut |span, value| {
            let reader = readers.iter().find(|(of, _)| of == span).map(|(_, reader)| *reader);
            if reader == Some(Reader::Shell) {
                warn_of_pipe(report, span, value);
            }
            strings.evaluate(report, span, value, &scope, reader);
        });
        let canonical = |span: &Range<usize>| strings.canonical.get(&span.start).map(String::as_str);
        inputs.text(["settings.", &entry.key].concat(), &entry.node.canonical(&canonical));
    }
    let action = ActionRef { action, place };
    as_text_where_needed(&action, &mut settings, &strings.typed);
    let checked = check(report, &action, &settings, &strings.unknown());
    if !strings.invalid.is_empty() {
        return None;
    }
    let known: Option<Arc<dyn Action>> = match checked {
        Checked::Valid(made) => Some(made),
        Checked::Unknown => None,
        Checked::Invalid => return None,
    };
    if values::check(report, &settings) > 0 {
        return None;
    }
    let binding = if strings.deferred.is_empty() {
        Binding::Now(known.clone()?)
    } else {
        let mut uses: Vec<(StepId, String)> =
            strings.deferred.values().flat_map(|(_, template)| template.uses()).collect();
        uses.sort();
        uses.dedup();
        let deferred = DeferredSettings {
            source: Arc::clone(report.source()),
            step: step.id.clone(),
            action,
            settings,
            templates: strings.deferred,
        };
        Binding::Later { uses, make: Arc::new(move |outputs| deferred.make(outputs)) }
    };
    Some(BoundSettings { inputs, binding, known })
}

/// Says of a script that no shell of this machine may run it, before a run comes to it.
fn warn_of_pipe(report: &Report, span: &Range<usize>, value: &Value) {
    let Value::String(text) = value else { return };
    if let Some((what, help)) = shell::refusal(text) {
        report.add(Diagnostic::warning(what).at(report.source(), span.clone(), "").help(help));
    }
}

/// What reads a string that is a script.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// The shell that the action starts.
    Shell,
    /// One that the program's own arguments name.
    Argument,
}

/// Returns the places of the strings in `node`, a script or a program with its arguments, that a shell reads.
fn shell_texts(node: &Node) -> Vec<(Range<usize>, Reader)> {
    match &node.value {
        Value::String(_) => vec![(node.span.clone(), Reader::Shell)],
        Value::Array(items) => {
            let argv: Vec<&str> = items
                .iter()
                .map(|item| match &item.value {
                    Value::String(text) => text.as_str(),
                    _ => "",
                })
                .collect();
            let script = script_argument(&argv).and_then(|n| items.get(n));
            script.map(|item| (item.span.clone(), Reader::Argument)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The strings with expressions in the settings of a step.
#[derive(Default)]
struct Strings {
    /// Those that use outputs, by where they start.
    deferred: BTreeMap<usize, (Range<usize>, Template)>,
    /// The places of those with errors, which have been reported.
    invalid: Vec<Range<usize>>,
    /// The places of those whose values are numbers or booleans.
    typed: Vec<Range<usize>>,
    /// The canonical forms for the fingerprint that differ from the values, by where the strings start.
    canonical: BTreeMap<usize, String>,
}

impl Strings {
    /// Replaces a string with expressions by its value, unless that is not known yet.
    fn evaluate(
        &mut self,
        report: &Report,
        span: &Range<usize>,
        value: &mut Value,
        scope: &Scope<'_>,
        reader: Option<Reader>,
    ) {
        let Value::String(text) = &*value else { return };
        if !text.contains("${{") {
            return;
        }
        let compiled = match reader {
            Some(Reader::Shell) => Template::script(report, span, text, scope),
            _ => Template::compile(report, span, text, scope),
        };
        let template = match compiled {
            Some(template) if !template.is_invalid() => template,
            _ => return self.invalid.push(span.clone()),
        };
        if reader == Some(Reader::Argument) && template.is_from_outside() {
            report.add(
                Diagnostic::error("a shell would read this value as a part of a script")
                    .at(report.source(), span.clone(), "")
                    .help(
                        "write the script as a string, or pass the value as an argument: \
                         `[\"sh\", \"-c\", 'echo \"$1\"', \"sh\", \"${{ … }}\"]`",
                    ),
            );
            return self.invalid.push(span.clone());
        }
        if let Some(canonical) = template.canonical() {
            self.canonical.insert(span.start, canonical);
        }
        let errors = if template.uses().is_empty() {
            match template.eval(&Outputs::default()) {
                Ok(evaluated) => {
                    if !matches!(evaluated, Value::String(_)) {
                        self.typed.push(span.clone());
                    }
                    *value = evaluated;
                    return;
                }
                Err(errors) => errors,
            }
        } else {
            template.known_errors()
        };
        if errors.is_empty() {
            self.deferred.insert(span.start, (span.clone(), template));
        } else {
            report_all(report, errors);
            self.invalid.push(span.clone());
        }
    }

    /// Returns the places of the strings whose values are not known.
    fn unknown(&self) -> Vec<Range<usize>> {
        self.invalid.iter().chain(self.deferred.values().map(|(span, _)| span)).cloned().collect()
    }
}

/// Makes numbers and booleans that expressions returned at `typed` to text where the parser wants text: a variable that
/// is a number is a word of a command, too.
fn as_text_where_needed(action: &ActionRef, settings: &mut Table, typed: &[Range<usize>]) {
    // Each round changes at least one value.
    for _ in typed {
        let Some(wrong) = action.parse(settings).err().and_then(|error| error.span()) else { return };
        let mut changed = false;
        settings.for_each_scalar(&mut |span, value| {
            let is_meant = wrong.start <= span.start && span.end <= wrong.end && typed.contains(span);
            if let Some(text) = value.number_text().filter(|_| is_meant) {
                *value = Value::String(text);
                changed = true;
            }
        });
        if !changed {
            return;
        }
    }
}

/// Settings that use the outputs of other steps.
struct DeferredSettings {
    source: Arc<Source>,
    step: StepId,
    action: ActionRef,
    settings: Table,
    templates: BTreeMap<usize, (Range<usize>, Template)>,
}

impl DeferredSettings {
    fn make(&self, outputs: &Outputs) -> Result<Arc<dyn Action>, Failure> {
        let mut settings = self.settings.clone();
        let mut errors = Vec::new();
        let mut typed = Vec::new();
        settings.for_each_string(&mut |span, value| {
            if let Some((_, template)) = self.templates.get(&span.start) {
                match template.eval(outputs) {
                    Ok(evaluated) => {
                        if !matches!(evaluated, Value::String(_)) {
                            typed.push(span.clone());
                        }
                        *value = evaluated;
                    }
                    Err(all) => errors.extend(diagnostics(&self.source, all)),
                }
            }
        });
        if errors.is_empty() {
            as_text_where_needed(&self.action, &mut settings, &typed);
            match self.action.parse(&settings) {
                Ok(action) => return Ok(action),
                Err(error) => errors.push(explain(&self.action, &settings, &error, &self.source)),
            }
        }
        Err(Failure::from(Diagnostics::new(errors)).while_doing(format!("invalid settings of step `{}`", self.step)))
    }
}

fn diagnostics(source: &Arc<Source>, errors: Vec<SpannedError>) -> Vec<Diagnostic> {
    errors.into_iter().map(|error| error.diagnostic(source)).collect()
}
