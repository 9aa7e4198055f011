//! [`Expression`]: the code between `${{` and `}}`, compiled for one place.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use minijinja::value::ValueKind;
use minijinja::{ErrorKind, Value};

use super::lexer::{self, Name};
use super::scope::{Scope, Target};
use crate::config::syntax::node;
use crate::expr::{ExprError, LANGUAGE, MAX_CODE, MAX_STRING, explain, help_for};
use crate::model::StepId;
use crate::pipeline::Outputs;

/// Maximum length of an array that an expression returns.
const MAX_ARRAY: usize = 1000;

/// A compiled expression.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    /// As it is written in the file.
    raw: String,
    /// The same with each name replaced by a plain word.
    code: String,
    names: Vec<(Name, String, Target)>,
}

impl Expression {
    /// Compiles `raw`; returns all errors at once.
    pub(crate) fn compile(raw: &str, scope: &Scope<'_>) -> Result<Self, Vec<ExprError>> {
        let start = raw.len() - raw.trim_start().len();
        let trimmed = start..raw.trim_end().len().max(start);
        let error = |at: Range<usize>, message: String| vec![ExprError { at, message, help: None }];
        if trimmed.is_empty() {
            return Err(error(trimmed, "the expression is empty".into()));
        }
        if raw.len() > MAX_CODE {
            return Err(error(trimmed, format!("the expression is longer than {MAX_CODE} bytes")));
        }
        let names = lexer::names(raw).map_err(|error| vec![error])?;
        let (words, code) = lexer::with_words(raw, &names);
        if let Err(syntax) = LANGUAGE.compile_expression_owned(code.clone()) {
            let at = syntax.range().filter(|at| at.end <= raw.len() && !at.is_empty());
            return Err(error(at.unwrap_or(trimmed), explain(&syntax)));
        }
        let mut errors = Vec::new();
        let mut known = Vec::new();
        for (name, word) in names.into_iter().zip(words) {
            match scope.resolve(&name) {
                Ok(Target::Secret(_)) if name.at != trimmed => errors.push(ExprError {
                    at: name.at,
                    message: "a secret can't be part of a larger expression".into(),
                    help: Some("write `${{ secrets.NAME }}` with nothing else between the braces".into()),
                }),
                Ok(target) => known.push((name, word, target)),
                Err(unknown) => errors.push(ExprError { at: name.at, message: unknown.message, help: unknown.help }),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self { raw: raw.to_owned(), code, names: known })
    }

    /// Returns the outputs that it uses.
    pub(crate) fn uses(&self) -> impl Iterator<Item = (StepId, String)> {
        self.names.iter().filter_map(|(_, _, target)| match target {
            Target::Output(step, fact) => Some((step.clone(), fact.clone())),
            _ => None,
        })
    }

    /// Returns whether it uses a value that was reported as invalid.
    pub(crate) fn is_invalid(&self) -> bool {
        self.names.iter().any(|(_, _, target)| matches!(target, Target::Invalid))
    }

    /// Returns whether all of it stands in the file: no part of its value comes from outside.
    pub(crate) fn is_authors(&self) -> bool {
        self.names.iter().all(|(_, _, target)| matches!(target, Target::Value(_) | Target::Unset(_)))
    }

    /// Returns the secret that it consists of.
    pub(crate) fn secret(&self) -> Option<&str> {
        self.names.iter().find_map(|(_, _, target)| match target {
            Target::Secret(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Returns its canonical form for a fingerprint, the expression with the values it uses, if its own value is not
    /// known yet or differs between machines; else `None`.
    pub(crate) fn canonical(&self) -> Option<String> {
        let known = |target: &Target| matches!(target, Target::Value(_) | Target::Outside(_) | Target::Unset(_));
        if self.names.iter().all(|(_, _, target)| known(target)) {
            return None;
        }
        let mut text = format!("${{{{ {} }}}}", self.raw.trim());
        for (name, _, target) in &self.names {
            if let Target::Value(value) | Target::Outside(value) = target {
                let _ = write!(text, "\0{}={value}", name.parts.join("."));
            }
        }
        Some(text)
    }

    /// Evaluates it with the outputs of earlier steps.
    pub(crate) fn eval(&self, outputs: &Outputs) -> Result<Value, ExprError> {
        let mut values = BTreeMap::new();
        let mut unset = Vec::new();
        for (name, word, target) in &self.names {
            match target {
                Target::Value(value) | Target::Outside(value) | Target::Host(value) => {
                    values.insert(word.as_str(), value.clone());
                }
                Target::Output(step, fact) => match outputs.get(step).and_then(|output| output.get(fact.as_str())) {
                    Some(value) => {
                        values.insert(word.as_str(), Value::from(value.to_string()));
                    }
                    None => unset.push((name, format!("step `{step}` has no output `{fact}`"))),
                },
                Target::Unset(why) => unset.push((name, why.clone())),
                Target::Secret(_) | Target::Invalid => {}
            }
        }
        let result = LANGUAGE
            .compile_expression_owned(self.code.clone())
            .and_then(|expression| expression.eval(Value::from_pairs(values)));
        let undefined = match &result {
            Ok(value) => value.is_undefined(),
            Err(error) => error.kind() == ErrorKind::UndefinedError,
        };
        if let Some((name, why)) = unset.first().filter(|_| undefined) {
            return Err(ExprError {
                at: name.at.clone(),
                message: why.clone(),
                help: Some(format!("write a default: `{} | default('x')`", name.parts.join("."))),
            });
        }
        let whole = 0..self.raw.len();
        match result {
            Ok(value) if value.is_undefined() || value.is_none() => {
                Err(ExprError { at: whole, message: "the expression has no value".into(), help: None })
            }
            Ok(value) => Ok(value),
            Err(error) => Err(ExprError {
                at: error.range().filter(|at| at.end <= self.raw.len()).unwrap_or(whole),
                message: explain(&error),
                help: help_for(&error),
            }),
        }
    }
}

/// Converts `value` to a part of a string.
pub(crate) fn as_string_part(value: &Value) -> Result<String, String> {
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => {
            let text = value.to_string();
            if text.len() > MAX_STRING {
                return Err(format!("the string is longer than {} KiB", MAX_STRING >> 10));
            }
            Ok(text)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            Err("an array can't be part of a string; join it: `| join(',')`".into())
        }
        kind => Err(format!("a value of type {kind} can't be part of a string")),
    }
}

/// Converts `value` to a value of the file at `span`.
pub(crate) fn as_setting(value: &Value, span: &Range<usize>) -> Result<node::Value, String> {
    match value.kind() {
        ValueKind::Bool => Ok(node::Value::Boolean(value.is_true())),
        ValueKind::Number if value.is_integer() => Ok(node::Value::Integer(value.to_string())),
        ValueKind::Number => Ok(node::Value::Float(value.to_string().to_lowercase())),
        ValueKind::Seq | ValueKind::Iterable => {
            if value.len().is_none_or(|len| len > MAX_ARRAY) {
                return Err(format!("the array has more than {MAX_ARRAY} items"));
            }
            let items = value.try_iter().map_err(|error| explain(&error))?;
            let items: Result<Vec<_>, _> = items
                .map(|item| as_setting(&item, span).map(|value| node::Node { span: span.clone(), value }))
                .collect();
            items.map(node::Value::Array)
        }
        ValueKind::String => as_string_part(value).map(node::Value::String),
        kind => Err(format!("a value of type {kind} can't be a setting")),
    }
}
