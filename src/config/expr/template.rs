//! [`Template`]: a string of the file with expressions in it.

use std::ops::Range;
use std::sync::Arc;

use super::expression::{Expression, as_setting, as_string_part};
use super::pieces::{Piece, pieces};
use super::scope::{Scope, SecretUse};
use crate::config::syntax::diagnostic::{Diagnostic, Report, Source};
use crate::config::syntax::node::{Entry, Node, Table, Value};
use crate::config::syntax::position::locate;
use crate::expr::ExprError;
use crate::model::{StepId, escape_secret_refs, secret_ref};
use crate::pipeline::Outputs;
use crate::tools::shell::{Lexer, Place, Script};

/// Maximum length of a string with expressions.
const MAX_STRING: usize = 64 << 10;
/// Maximum number of expressions in a string.
const MAX_EXPRESSIONS: usize = 100;

/// A string with expressions, compiled for one place.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    parts: Vec<Part>,
    /// The place of the string.
    span: Range<usize>,
    form: Form,
}

/// What a string becomes.
#[derive(Clone, Debug)]
enum Form {
    /// Itself, or the value of its only expression.
    Plain,
    /// The same for an action that fills in secrets: what is no reference to one can't become one.
    WithSecrets,
    /// A script: the places of its expressions, whose values are no part of its text.
    Script(Vec<Place>),
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Expression(Expression, Range<usize>),
}

/// An error in an expression, with its place in the file.
#[derive(Debug)]
pub(crate) struct SpannedError {
    pub(crate) span: Range<usize>,
    pub(crate) error: ExprError,
}

impl SpannedError {
    pub(crate) fn diagnostic(self, source: &Arc<Source>) -> Diagnostic {
        Diagnostic::error(self.error.message).at(source, self.span, "").maybe_help(self.error.help)
    }
}

impl Template {
    /// Compiles the string at `span`. Returns `None` if it has no expressions, and also if they are invalid, which is
    /// reported.
    pub(crate) fn compile(report: &Report, span: &Range<usize>, text: &str, scope: &Scope<'_>) -> Option<Self> {
        if !text.contains("${{") {
            return None;
        }
        let too_much = text.len() > MAX_STRING || text.matches("${{").count() > MAX_EXPRESSIONS;
        if report.is_full() {
            return None;
        }
        if too_much {
            let message =
                format!("a string may have at most {MAX_EXPRESSIONS} expressions and {} KiB", MAX_STRING >> 10);
            report.error(span.clone(), "", message);
            return None;
        }
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(error) => {
                report_error(report, span, text, 0, error);
                return None;
            }
        };
        let mut parts = Vec::new();
        let mut valid = true;
        for piece in pieces {
            match piece {
                Piece::Text(text) => parts.push(Part::Text(text)),
                Piece::Code(at) => match Expression::compile(&text[at.clone()], scope) {
                    Ok(expression) => {
                        parts.push(Part::Expression(expression, locate(report.source(), span, text, at)));
                    }
                    Err(errors) => {
                        valid = false;
                        for error in errors {
                            report_error(report, span, text, at.start, error);
                        }
                    }
                },
            }
        }
        let span = span.clone();
        let form = match scope.secrets {
            Some((_, SecretUse::Allowed)) => Form::WithSecrets,
            _ => Form::Plain,
        };
        let template = Self { parts, span, form };
        if !valid {
            report_all(report, template.known_errors());
            return None;
        }
        Some(template)
    }

    /// Compiles a script. What its author wrote, directly or in a variable of the file, is its text; every other value
    /// is data of the script and never read as a part of it.
    pub(crate) fn script(report: &Report, span: &Range<usize>, text: &str, scope: &Scope<'_>) -> Option<Self> {
        let mut template = Self::compile(report, span, text, scope)?;
        let mut lexer = Lexer::default();
        let mut places = Vec::new();
        let mut valid = true;
        for part in &mut template.parts {
            if let Part::Expression(expression, _) = part
                && expression.is_authors()
                && let Ok(value) = expression.eval(&Outputs::default())
                && let Ok(text) = as_string_part(&value)
            {
                *part = Part::Text(text);
            }
            match part {
                Part::Text(text) => lexer.text(text),
                Part::Expression(_, at) => match lexer.value() {
                    Ok(place) => places.push(place),
                    Err(refusal) => {
                        valid = false;
                        report.add(
                            Diagnostic::error(refusal.message).at(report.source(), at.clone(), "").help(refusal.help),
                        );
                    }
                },
            }
        }
        if !places.is_empty() {
            template.form = Form::Script(places);
        }
        valid.then_some(template)
    }

    /// Returns whether it uses what stands outside of the file.
    pub(crate) fn is_from_outside(&self) -> bool {
        self.expressions().any(|expression| !expression.is_authors())
    }

    /// Compiles a string that is one expression, with or without the braces.
    pub(crate) fn condition(report: &Report, span: &Range<usize>, text: &str, scope: &Scope<'_>) -> Option<Self> {
        if text.contains("${{") {
            let template = Self::compile(report, span, text, scope)?;
            if !matches!(template.parts.as_slice(), [Part::Expression(..)]) {
                report.error(span.clone(), "", "a condition must be a single expression");
                return None;
            }
            return Some(template);
        }
        match Expression::compile(text, scope) {
            Ok(expression) => {
                let at = locate(report.source(), span, text, 0..text.len());
                let parts = vec![Part::Expression(expression, at)];
                Some(Self { parts, span: span.clone(), form: Form::Plain })
            }
            Err(errors) => {
                for error in errors {
                    report_error(report, span, text, 0, error);
                }
                None
            }
        }
    }

    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression(expression, _) => Some(expression),
            Part::Text(_) => None,
        })
    }

    /// Returns the outputs that it uses.
    pub(crate) fn uses(&self) -> Vec<(StepId, String)> {
        self.expressions().flat_map(Expression::uses).collect()
    }

    /// Returns whether it uses a value that was reported as invalid.
    pub(crate) fn is_invalid(&self) -> bool {
        self.expressions().any(Expression::is_invalid)
    }

    /// Returns its canonical form for a fingerprint, unless that is its value.
    pub(crate) fn canonical(&self) -> Option<String> {
        if self.expressions().all(|expression| expression.canonical().is_none()) {
            return None;
        }
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Expression(expression, _) => text.push_str(&match expression.canonical() {
                    Some(canonical) => canonical,
                    None => {
                        expression.eval(&Outputs::default()).map_or_else(|_| String::new(), |value| value.to_string())
                    }
                }),
            }
        }
        Some(text)
    }

    /// Evaluates it: to the value of the expression if it is exactly one, else to a string. Returns all errors at once.
    pub(crate) fn eval(&self, outputs: &Outputs) -> Result<Value, Vec<SpannedError>> {
        let mut built = Built::new(&self.form);
        let mut errors = Vec::new();
        for part in &self.parts {
            let (expression, at) = match part {
                Part::Text(text) => {
                    built.text(text);
                    continue;
                }
                Part::Expression(expression, at) => (expression, at),
            };
            if let Some(secret) = expression.secret() {
                built.secret(secret);
                continue;
            }
            match self.eval_part(expression, at, outputs) {
                Ok(Value::String(text)) => built.value(&text),
                Ok(value) if self.parts.len() == 1 => return Ok(value),
                Ok(_) => {}
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(built.finish(&self.span)) } else { Err(errors) }
    }

    /// Returns the errors that do not depend on outputs.
    pub(crate) fn known_errors(&self) -> Vec<SpannedError> {
        let known = |expression: &Expression| {
            !expression.is_invalid() && expression.secret().is_none() && expression.uses().next().is_none()
        };
        let parts = self.parts.iter().filter_map(|part| match part {
            Part::Expression(expression, at) if known(expression) => Some((expression, at)),
            _ => None,
        });
        parts.filter_map(|(expression, at)| self.eval_part(expression, at, &Outputs::default()).err()).collect()
    }

    /// Evaluates one of its expressions: to a string unless it is the only part.
    fn eval_part(&self, expression: &Expression, at: &Range<usize>, outputs: &Outputs) -> Result<Value, SpannedError> {
        let value =
            expression.eval(outputs).map_err(|error| SpannedError { span: self.within(at, &error.at), error })?;
        let converted = if self.parts.len() == 1 {
            as_setting(&value, &self.span)
        } else {
            as_string_part(&value).map(Value::String)
        };
        converted
            .map_err(|message| SpannedError { span: at.clone(), error: ExprError { at: 0..0, message, help: None } })
    }

    /// Returns the place of a part of the expression at `at`; the whole string if its parts can't be located.
    fn within(&self, at: &Range<usize>, part: &Range<usize>) -> Range<usize> {
        if *at == self.span {
            return at.clone();
        }
        (at.start + part.start).min(at.end)..(at.start + part.end).min(at.end)
    }
}

/// A string as it is put together from its parts.
enum Built<'a> {
    Plain(String),
    /// With what has been written, and what follows the last secret.
    WithSecrets(String, String),
    Script(Script, std::slice::Iter<'a, Place>),
}

impl<'a> Built<'a> {
    fn new(form: &'a Form) -> Self {
        match form {
            Form::Plain => Self::Plain(String::new()),
            Form::WithSecrets => Self::WithSecrets(String::new(), String::new()),
            Form::Script(places) => Self::Script(Script::default(), places.iter()),
        }
    }

    fn text(&mut self, text: &str) {
        match self {
            Self::Plain(whole) | Self::WithSecrets(_, whole) => whole.push_str(text),
            Self::Script(script, _) => script.push_text(text),
        }
    }

    fn value(&mut self, value: &str) {
        match self {
            Self::Script(script, places) => {
                if let Some(place) = places.next() {
                    script.push_value(*place, value);
                }
            }
            _ => self.text(value),
        }
    }

    /// Adds a secret, which the action fills in.
    fn secret(&mut self, name: &str) {
        match self {
            Self::WithSecrets(done, open) => {
                done.push_str(&escape_secret_refs(&std::mem::take(open)));
                done.push_str(&secret_ref(name));
            }
            _ => self.text(&secret_ref(name)),
        }
    }

    fn finish(self, span: &Range<usize>) -> Value {
        match self {
            Self::Plain(whole) => Value::String(whole),
            Self::WithSecrets(done, open) => Value::String(done + &escape_secret_refs(&open)),
            Self::Script(script, _) => script_value(script, span),
        }
    }
}

/// The form in which a script with values reaches its action.
fn script_value(script: Script, span: &Range<usize>) -> Value {
    let string = |text: String| Node { span: span.clone(), value: Value::String(text) };
    let parts = script.into_parts().into_iter().map(string).collect();
    let node = Node { span: span.clone(), value: Value::Array(parts) };
    Value::Table(Table(vec![Entry { key: Script::PARTS.into(), key_span: span.clone(), node }]))
}

/// Replaces the expressions of `table`, none of which may use outputs, by their values. Returns whether all are valid.
pub(crate) fn fill(report: &Report, table: &mut Table, scope: &Scope<'_>) -> bool {
    fill_noting(report, table, scope, &mut false)
}

/// The same as [`fill`]; sets `outside` if they use what stands outside of the file.
pub(crate) fn fill_noting(report: &Report, table: &mut Table, scope: &Scope<'_>, outside: &mut bool) -> bool {
    let mut filled = true;
    table.for_each_string(&mut |span, value| {
        let Value::String(text) = &*value else { return };
        if !text.contains("${{") {
            return;
        }
        match Template::compile(report, span, text, scope) {
            Some(template) if !template.is_invalid() => {
                *outside |= template.is_from_outside();
                match template.eval(&Outputs::default()) {
                    Ok(new) => *value = new,
                    Err(errors) => {
                        report_all(report, errors);
                        filled = false;
                    }
                }
            }
            _ => filled = false,
        }
    });
    filled
}

/// Reports all of `errors`.
pub(crate) fn report_all(report: &Report, errors: Vec<SpannedError>) {
    for error in errors {
        report.add(error.diagnostic(report.source()));
    }
}

/// Reports an error in the expression that starts at `start` of `text`.
fn report_error(report: &Report, span: &Range<usize>, text: &str, start: usize, error: ExprError) {
    let at = start + error.at.start..start + error.at.end;
    let span = locate(report.source(), span, text, at);
    report.add(SpannedError { span, error }.diagnostic(report.source()));
}
