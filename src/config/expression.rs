//! [`Expression`]: what stands between `${{` and `}}`, compiled for one place.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, filters, tests};

use super::lexer::{self, MAX_CODE, Mistake, Name};
use super::nearest::suggest;
use super::node;
use super::scope::{Scope, Target};
use crate::model::StepId;
use crate::pipeline::Outputs;

/// Longest text that an expression may make.
const MAX_TEXT: usize = 64 << 10;
/// Longest list that an expression may make.
const MAX_LIST: usize = 1000;
/// Steps of the evaluation; no expression that fits into its length needs as many, unless it means harm.
const FUEL: u64 = 50_000;

/// The filters there are.
const FILTERS: [&str; 12] =
    ["default", "first", "float", "int", "join", "last", "length", "lower", "replace", "split", "trim", "upper"];

/// The expression language: operators, and filters that can't grow anything without bound.
static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut language = Environment::empty();
    language.set_undefined_behavior(UndefinedBehavior::Strict);
    language.set_fuel(Some(FUEL));
    // Errors say where in the expression they are.
    language.set_debug(true);
    language.add_filter("default", filters::default);
    language.add_filter("first", filters::first);
    language.add_filter("float", filters::float);
    language.add_filter("int", filters::int);
    language.add_filter("join", join);
    language.add_filter("last", filters::last);
    language.add_filter("length", filters::length);
    language.add_filter("lower", filters::lower);
    language.add_filter("replace", replace);
    language.add_filter("split", filters::split);
    language.add_filter("trim", filters::trim);
    language.add_filter("upper", filters::upper);
    language.add_test("defined", tests::is_defined);
    language.add_test("undefined", tests::is_undefined);
    language.add_test("startingwith", tests::is_startingwith);
    language.add_test("endingwith", tests::is_endingwith);
    language
});

fn too_long() -> Error {
    Error::new(ErrorKind::InvalidOperation, "the text would be too long")
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of a filter")]
fn replace(text: String, from: String, to: String) -> Result<String, Error> {
    let count = text.matches(&from).count();
    if text.len().saturating_add(count.saturating_mul(to.len())) > MAX_TEXT {
        return Err(too_long());
    }
    Ok(text.replace(&from, &to))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of a filter")]
fn join(list: Value, with: Option<String>) -> Result<String, Error> {
    let mut out = String::new();
    for (n, item) in list.try_iter()?.enumerate() {
        if n > 0 {
            out.push_str(with.as_deref().unwrap_or_default());
        }
        let _ = write!(out, "{item}");
        if out.len() > MAX_TEXT {
            return Err(too_long());
        }
    }
    Ok(out)
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    /// As it stands in the file.
    raw: String,
    /// The same with a plain word for each name.
    code: String,
    names: Vec<(Name, String, Target)>,
}

impl Expression {
    /// Compiles `raw`; all mistakes at once.
    pub(super) fn compile(raw: &str, scope: &Scope<'_>) -> Result<Self, Vec<Mistake>> {
        let whole = |message: String| {
            let start = raw.len() - raw.trim_start().len();
            vec![Mistake { at: start..raw.trim_end().len().max(start), message, help: None }]
        };
        if raw.trim().is_empty() {
            return Err(whole("the expression is empty".into()));
        }
        if raw.len() > MAX_CODE {
            return Err(whole(format!("the expression is longer than {MAX_CODE} bytes")));
        }
        let names = lexer::names(raw).map_err(|mistake| vec![mistake])?;
        let (words, code) = lexer::with_words(raw, &names);
        if let Err(error) = LANGUAGE.compile_expression_owned(code.clone()) {
            let at = error.range().filter(|at| at.end <= raw.len() && !at.is_empty());
            let mut mistakes = whole(explain(&error));
            mistakes[0].at = at.unwrap_or_else(|| mistakes[0].at.clone());
            return Err(mistakes);
        }
        let mut mistakes = Vec::new();
        let mut known = Vec::new();
        for (name, word) in names.into_iter().zip(words) {
            match scope.target(&name) {
                Ok(Target::Secret(_)) if name.at != (whole(String::new())[0].at) => mistakes.push(Mistake {
                    at: name.at,
                    message: "a secret can't be part of a larger expression".into(),
                    help: Some("write `${{ secrets.NAME }}` with nothing else between the braces".into()),
                }),
                Ok(target) => known.push((name, word, target)),
                Err(unknown) => mistakes.push(Mistake { at: name.at, message: unknown.message, help: unknown.help }),
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self { raw: raw.to_owned(), code, names: known })
    }

    /// Each output that it uses.
    pub(super) fn uses(&self) -> impl Iterator<Item = (StepId, String)> {
        self.names.iter().filter_map(|(_, _, target)| match target {
            Target::Output(step, fact) => Some((step.clone(), fact.clone())),
            _ => None,
        })
    }

    /// Whether a value that it uses was reported as wrong already.
    pub(super) fn is_broken(&self) -> bool {
        self.names.iter().any(|(_, _, target)| matches!(target, Target::Broken))
    }

    /// The secret that it is.
    pub(super) fn secret(&self) -> Option<&str> {
        self.names.iter().find_map(|(_, _, target)| match target {
            Target::Secret(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// For a fingerprint: the expression with the values it uses, where its own value is not known yet or is another
    /// one on another machine; else `None`.
    pub(super) fn canonical(&self) -> Option<String> {
        let known = |target: &Target| matches!(target, Target::Value(_) | Target::Unset(_));
        if self.names.iter().all(|(_, _, target)| known(target)) {
            return None;
        }
        let mut text = format!("${{{{ {} }}}}", self.raw.trim());
        for (name, _, target) in &self.names {
            if let Target::Value(value) = target {
                let _ = write!(text, "\0{}={value}", name.parts.join("."));
            }
        }
        Some(text)
    }

    /// Its value, with what the steps before have handed on.
    pub(super) fn eval(&self, outputs: &Outputs) -> Result<Value, Mistake> {
        let mut values = BTreeMap::new();
        let mut unset = Vec::new();
        for (name, word, target) in &self.names {
            match target {
                Target::Value(value) | Target::Host(value) => {
                    values.insert(word.as_str(), value.clone());
                }
                Target::Output(step, fact) => match outputs.get(step).and_then(|output| output.get(fact.as_str())) {
                    Some(value) => {
                        values.insert(word.as_str(), Value::from(value.to_string()));
                    }
                    None => unset.push((name, format!("step `{step}` has handed on no `{fact}`"))),
                },
                Target::Unset(why) => unset.push((name, why.clone())),
                Target::Secret(_) | Target::Broken => {}
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
            return Err(Mistake {
                at: name.at.clone(),
                message: why.clone(),
                help: Some(format!("`{} | default('x')` says what stands in for it", name.parts.join("."))),
            });
        }
        let whole = 0..self.raw.len();
        match result {
            Ok(value) if value.is_undefined() || value.is_none() => {
                Err(Mistake { at: whole, message: "the expression has no value".into(), help: None })
            }
            Ok(value) => Ok(value),
            Err(error) => Err(Mistake {
                at: error.range().filter(|at| at.end <= self.raw.len()).unwrap_or(whole),
                message: explain(&error),
                help: (error.kind() == ErrorKind::UnknownFilter)
                    .then(|| suggest(error.detail()?.split_whitespace().nth(1)?, FILTERS))
                    .flatten(),
            }),
        }
    }
}

/// minijinja's error in our words.
fn explain(error: &Error) -> String {
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::OutOfFuel => "the expression takes too long".into(),
        ErrorKind::UnknownFilter => match detail.split_whitespace().nth(1) {
            Some(name) => format!("there is no filter `{name}`"),
            None => "there is no such filter".into(),
        },
        ErrorKind::UnknownTest | ErrorKind::UnknownMethod | ErrorKind::UnknownFunction => {
            format!("the expression uses what there is not: {detail}")
        }
        _ if detail.is_empty() => format!("the expression can't be worked out: {}", error.kind()),
        ErrorKind::SyntaxError => format!("the expression is not valid: {detail}"),
        _ => format!("the expression can't be worked out: {detail}"),
    }
}

/// `value` as part of a text.
pub(super) fn as_text(value: &Value) -> Result<String, String> {
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => {
            let text = value.to_string();
            if text.len() > MAX_TEXT {
                return Err(format!("the text is longer than {} KiB", MAX_TEXT >> 10));
            }
            Ok(text)
        }
        ValueKind::Seq | ValueKind::Iterable => Err("a list can't be part of a text; `| join(',')` makes one".into()),
        kind => Err(format!("a value of type {kind} can't be part of a text")),
    }
}

/// `value` as a value of the file at `span`.
pub(super) fn as_setting(value: &Value, span: &Range<usize>) -> Result<node::Value, String> {
    match value.kind() {
        ValueKind::Bool => Ok(node::Value::Flag(value.is_true())),
        ValueKind::Number if value.is_integer() => Ok(node::Value::Integer(value.to_string())),
        ValueKind::Number => Ok(node::Value::Float(value.to_string().to_lowercase())),
        ValueKind::Seq | ValueKind::Iterable => {
            if value.len().is_none_or(|len| len > MAX_LIST) {
                return Err(format!("the list has more than {MAX_LIST} items"));
            }
            let items = value.try_iter().map_err(|error| explain(&error))?;
            let items: Result<Vec<_>, _> = items
                .map(|item| as_setting(&item, span).map(|value| node::Node { span: span.clone(), value }))
                .collect();
            items.map(node::Value::List)
        }
        ValueKind::String => as_text(value).map(node::Value::Text),
        kind => Err(format!("a value of type {kind} can't be a setting")),
    }
}
