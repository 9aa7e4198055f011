//! [`Template`]: a string of the file with expressions in it.

use std::ops::Range;
use std::sync::Arc;

use super::expression::{Expression, as_setting, as_string_part};
use super::lexer::ExprError;
use super::pieces::{Piece, pieces};
use super::scope::Scope;
use crate::config::syntax::diagnostic::{Diagnostic, Report, Source};
use crate::config::syntax::node::{Table, Value};
use crate::config::syntax::position::locate;
use crate::model::{StepId, secret_ref};
use crate::pipeline::Outputs;

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
        let template = Self { parts, span };
        if !valid {
            report_all(report, template.known_errors());
            return None;
        }
        Some(template)
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
                Some(Self { parts: vec![Part::Expression(expression, at)], span: span.clone() })
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
        let mut whole = String::new();
        let mut errors = Vec::new();
        for part in &self.parts {
            let (expression, at) = match part {
                Part::Text(text) => {
                    whole.push_str(text);
                    continue;
                }
                Part::Expression(expression, at) => (expression, at),
            };
            if let Some(secret) = expression.secret() {
                // The action fills it in.
                whole.push_str(&secret_ref(secret));
                continue;
            }
            match self.eval_part(expression, at, outputs) {
                Ok(value) if self.parts.len() == 1 => return Ok(value),
                Ok(Value::String(text)) => whole.push_str(&text),
                Ok(_) => {}
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Value::String(whole)) } else { Err(errors) }
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

/// Replaces the expressions of `table`, none of which may use outputs, by their values. Returns whether all are valid.
pub(crate) fn fill(report: &Report, table: &mut Table, scope: &Scope<'_>) -> bool {
    let mut filled = true;
    table.for_each_string(&mut |span, value| {
        let Value::String(text) = &*value else { return };
        if !text.contains("${{") {
            return;
        }
        match Template::compile(report, span, text, scope) {
            Some(template) if !template.is_invalid() => match template.eval(&Outputs::default()) {
                Ok(new) => *value = new,
                Err(errors) => {
                    report_all(report, errors);
                    filled = false;
                }
            },
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
