//! [`Template`]: a text of the file with expressions in it.

use std::ops::Range;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Report, Source};
use super::expression::{Expression, as_setting, as_text};
use super::lexer::Mistake;
use super::node::{Table, Value};
use super::scope::Scope;
use super::text::{Piece, locate, pieces};
use crate::model::StepId;
use crate::pipeline::Outputs;

/// Longest text with expressions in it.
const MAX_TEXT: usize = 64 << 10;
/// Most expressions in one text.
const MAX_PIECES: usize = 100;

/// A text with expressions, compiled for one place.
#[derive(Clone, Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
    /// Where the text stands in the file.
    span: Range<usize>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Expression(Expression, Range<usize>),
}

/// A mistake with its place in the file.
#[derive(Debug)]
pub(super) struct Misplaced {
    pub(super) span: Range<usize>,
    pub(super) mistake: Mistake,
}

impl Misplaced {
    pub(super) fn diagnostic(self, source: &Arc<Source>) -> Diagnostic {
        Diagnostic::error(self.mistake.message).at(source, self.span, "").maybe_help(self.mistake.help)
    }
}

impl Template {
    /// Compiles the text at `span`. `None` where it has no expressions, and also where they are wrong, which is
    /// reported.
    pub(super) fn compile(report: &Report, span: &Range<usize>, text: &str, scope: &Scope<'_>) -> Option<Self> {
        if !text.contains("${{") {
            return None;
        }
        let many = text.len() > MAX_TEXT || text.matches("${{").count() > MAX_PIECES;
        if many || report.is_full() {
            let message = format!("a text may have {MAX_PIECES} expressions and {} KiB", MAX_TEXT >> 10);
            report.error(span.clone(), "", message);
            return None;
        }
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(mistake) => {
                report_mistake(report, span, text, 0, mistake);
                return None;
            }
        };
        let mut parts = Vec::new();
        let mut right = true;
        for piece in pieces {
            match piece {
                Piece::Text(text) => parts.push(Part::Text(text)),
                Piece::Code(at) => match Expression::compile(&text[at.clone()], scope) {
                    Ok(expression) => {
                        parts.push(Part::Expression(expression, locate(report.source(), span, text, at)));
                    }
                    Err(mistakes) => {
                        right = false;
                        for mistake in mistakes {
                            report_mistake(report, span, text, at.start, mistake);
                        }
                    }
                },
            }
        }
        let span = span.clone();
        let template = Self { parts, span };
        if !right {
            report_all(report, template.mistakes());
            return None;
        }
        Some(template)
    }

    /// Compiles a text that is an expression as a whole, with or without the braces.
    pub(super) fn condition(report: &Report, span: &Range<usize>, text: &str, scope: &Scope<'_>) -> Option<Self> {
        if text.contains("${{") {
            let template = Self::compile(report, span, text, scope)?;
            if !matches!(template.parts.as_slice(), [Part::Expression(..)]) {
                report.error(span.clone(), "", "a condition has to be one expression");
                return None;
            }
            return Some(template);
        }
        match Expression::compile(text, scope) {
            Ok(expression) => {
                let at = locate(report.source(), span, text, 0..text.len());
                Some(Self { parts: vec![Part::Expression(expression, at)], span: span.clone() })
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    report_mistake(report, span, text, 0, mistake);
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

    /// Each output that it uses.
    pub(super) fn uses(&self) -> Vec<(StepId, String)> {
        self.expressions().flat_map(Expression::uses).collect()
    }

    /// Whether a value that it uses was reported as wrong already.
    pub(super) fn is_broken(&self) -> bool {
        self.expressions().any(Expression::is_broken)
    }

    /// What a fingerprint takes for it, where that is not its value.
    pub(super) fn canonical(&self) -> Option<String> {
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

    /// Its value: that of the expression where it is exactly one, else a text. All mistakes where it has none.
    pub(super) fn eval(&self, outputs: &Outputs) -> Result<Value, Vec<Misplaced>> {
        let mut whole = String::new();
        let mut wrong = Vec::new();
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
                whole.push_str("${{ secrets.");
                whole.push_str(secret);
                whole.push_str(" }}");
                continue;
            }
            match self.one(expression, at, outputs) {
                Ok(value) if self.parts.len() == 1 => return Ok(value),
                Ok(Value::Text(text)) => whole.push_str(&text),
                Ok(_) => {}
                Err(misplaced) => wrong.push(misplaced),
            }
        }
        if wrong.is_empty() { Ok(Value::Text(whole)) } else { Err(wrong) }
    }

    /// What is wrong with it whatever the outputs will be.
    pub(super) fn mistakes(&self) -> Vec<Misplaced> {
        let known = |expression: &Expression| {
            !expression.is_broken() && expression.secret().is_none() && expression.uses().next().is_none()
        };
        let parts = self.parts.iter().filter_map(|part| match part {
            Part::Expression(expression, at) if known(expression) => Some((expression, at)),
            _ => None,
        });
        parts.filter_map(|(expression, at)| self.one(expression, at, &Outputs::default()).err()).collect()
    }

    /// The value of one of its expressions: a text unless it is the only part.
    fn one(&self, expression: &Expression, at: &Range<usize>, outputs: &Outputs) -> Result<Value, Misplaced> {
        let value =
            expression.eval(outputs).map_err(|mistake| Misplaced { span: self.within(at, &mistake.at), mistake })?;
        let made =
            if self.parts.len() == 1 { as_setting(&value, &self.span) } else { as_text(&value).map(Value::Text) };
        made.map_err(|message| Misplaced { span: at.clone(), mistake: Mistake { at: 0..0, message, help: None } })
    }

    /// The place of a part of the expression at `at`; all of the text where its parts have no places of their own.
    fn within(&self, at: &Range<usize>, part: &Range<usize>) -> Range<usize> {
        if *at == self.span {
            return at.clone();
        }
        (at.start + part.start).min(at.end)..(at.start + part.end).min(at.end)
    }
}

/// Fills in the expressions of `table`, none of which may need an output. Answers whether all could be.
pub(super) fn fill(report: &Report, table: &mut Table, scope: &Scope<'_>) -> bool {
    let mut filled = true;
    table.each_text(&mut |span, value| {
        let Value::Text(text) = &*value else { return };
        if !text.contains("${{") {
            return;
        }
        match Template::compile(report, span, text, scope).map(|template| (template.is_broken(), template)) {
            Some((false, template)) => match template.eval(&Outputs::default()) {
                Ok(new) => *value = new,
                Err(wrong) => {
                    report_all(report, wrong);
                    filled = false;
                }
            },
            _ => filled = false,
        }
    });
    filled
}

/// Reports all of `wrong`.
pub(super) fn report_all(report: &Report, wrong: Vec<Misplaced>) {
    for misplaced in wrong {
        report.add(misplaced.diagnostic(report.source()));
    }
}

/// Reports a mistake in the expression that begins at `start` of `text`.
fn report_mistake(report: &Report, span: &Range<usize>, text: &str, start: usize, mistake: Mistake) {
    let at = start + mistake.at.start..start + mistake.at.end;
    let span = locate(report.source(), span, text, at);
    report.add(Misplaced { span, mistake }.diagnostic(report.source()));
}
