//! `[vars]`: declared values and their overrides, in increasing priority: profile, `PROVISION_VAR_NAME`, `--set`.

use std::path::Path;

use minijinja::Value;

use crate::config::expr::scope::{Env, Scope, Var, Vars};
use crate::config::expr::template::fill_noting;
use crate::config::syntax::diagnostic::{Diagnostic, Report};
use crate::config::syntax::node::{self, Entry, Node, Table, decimal};
use crate::suggest::{nearest, suggest};

/// Prefix of the environment variables that override variables.
const PREFIX: &str = "PROVISION_VAR_";

/// Whether an environment variable of this name overrides a variable.
pub(crate) fn is_override(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The overrides of declared values.
pub(crate) struct Overrides<'a> {
    /// The `vars` of the selected profile.
    pub(crate) profile: &'a Table,
    pub(crate) env: Env<'a>,
    pub(crate) set: &'a [(String, String)],
}

/// What the pipeline is called, and where its state is.
#[derive(Clone, Copy)]
pub(crate) struct Of<'a> {
    pub(crate) pipeline: &'a str,
    pub(crate) state_dir: &'a Path,
}

/// Returns the values of all declared variables.
pub(crate) fn resolve(report: &Report, of: Of<'_>, declared: &Table, overrides: &Overrides<'_>) -> Vars {
    let mut vars = Vars::new();
    for entry in &declared.0 {
        if !is_name(&entry.key) {
            report.error(entry.key_span.clone(), "", format!("invalid variable name `{}`", entry.key));
        }
        let value = value_of(report, of, entry, overrides, &vars);
        vars.insert(entry.key.clone().into_owned(), value);
    }
    for (name, _) in overrides.set {
        if !vars.contains_key(name) {
            report.add(
                Diagnostic::error(format!("`--set {name}=…`: unknown variable `{name}`")).help(
                    suggest(name, vars.keys().map(String::as_str))
                        .unwrap_or_else(|| "declare variables in `[vars]`".into()),
                ),
            );
        }
    }
    for name in overrides.env.variables.keys() {
        if let Some(suffix) = name.strip_prefix(PREFIX)
            && !vars.keys().any(|var| overrides_var(suffix, var))
        {
            // It may be meant for another pipeline of the same shell; only a typing error is reported.
            if let Some(near) = nearest(&suffix.to_lowercase(), vars.keys().map(String::as_str)) {
                let message = format!("the environment variable `{name}` has no effect: unknown variable");
                report.add(Diagnostic::warning(message).help(format!("did you mean `{near}`?")));
            }
        }
    }
    vars
}

/// Returns the value of one variable. It may use the environment and the variables above it.
fn value_of(report: &Report, of: Of<'_>, entry: &Entry, overrides: &Overrides<'_>, above: &Vars) -> Option<Var> {
    let Of { pipeline, state_dir } = of;
    let scope =
        Scope { env: overrides.env, vars: above, pipeline, state_dir, cluster: None, steps: None, secrets: None };
    let by_profile = overrides.profile.get(&entry.key);
    let given = given(&entry.key, overrides);
    // An overridden value only decides the type: errors in it are not reported.
    let ignored = Report::new(report.source().clone());
    let overridden = by_profile.is_some() || given.is_some();
    let (mut base_outside, mut profile_outside) = (false, false);
    let base = value(if overridden { &ignored } else { report }, entry, &scope, &mut base_outside);
    let by_profile = match by_profile {
        Some(profile) => {
            let value = value(if given.is_some() { &ignored } else { report }, profile, &scope, &mut profile_outside);
            if let (Some(base), Some(value)) = (&base, &value)
                && std::mem::discriminant(base) != std::mem::discriminant(value)
            {
                report.add(mismatch(entry, base).at(report.source(), profile.node.span.clone(), ""));
                return None;
            }
            value
        }
        None => None,
    };
    match given {
        None if by_profile.is_some() || !overridden => {
            let outside = if by_profile.is_some() { profile_outside } else { base_outside };
            by_profile.or(base).map(|value| Var { value: to_expression(&value), outside })
        }
        None => None,
        Some((how, text)) => {
            let kind = by_profile.or(base);
            let parsed = parse(kind.as_ref(), text);
            if parsed.is_none()
                && let Some(kind) = kind
            {
                let mut wrong = mismatch(entry, &kind);
                wrong.message = format!("{how}: {}", wrong.message);
                let span = entry.node.span.clone();
                report.add(wrong.at(report.source(), span, "declared here"));
            }
            parsed.map(|value| Var { value, outside: true })
        }
    }
}

fn mismatch(entry: &Entry, kind: &node::Value) -> Diagnostic {
    let kind = Node { span: 0..0, value: kind.clone() };
    Diagnostic::error(format!("the variable `{}` must be {}", entry.key, kind.kind()))
}

/// Returns a declared or overriding value with its expressions evaluated. Sets `outside` if they use what stands
/// outside of the file.
fn value(report: &Report, entry: &Entry, scope: &Scope<'_>, outside: &mut bool) -> Option<node::Value> {
    let mut table = Table(vec![entry.clone()]);
    if !fill_noting(report, &mut table, scope, outside) {
        return None;
    }
    let node = table.0.pop()?.node;
    if let Some(problem) = unlike_itself(&node.value) {
        let message = format!("the variable `{}` can't be {problem}", entry.key);
        report.add(Diagnostic::error(message).at(report.source(), node.span, "").help("write it as a string"));
        return None;
    }
    match node.value {
        node::Value::String(_) | node::Value::Integer(_) | node::Value::Float(_) | node::Value::Boolean(_) => {
            Some(node.value)
        }
        _ => {
            let message = format!("the variable `{}` can't be {}", entry.key, node.kind());
            report.add(
                Diagnostic::error(message)
                    .at(report.source(), node.span, "")
                    .help("a variable is a string, an integer, a float or a boolean"),
            );
            None
        }
    }
}

/// Returns what is wrong with a number that would arrive as another text: `3.10` is the number 3.1.
fn unlike_itself(value: &node::Value) -> Option<String> {
    match value {
        node::Value::Integer(number) if decimal(number).parse::<i64>().is_err() => {
            Some(format!("`{number}`: the integer has more than 64 bits"))
        }
        node::Value::Float(number) => {
            let parsed = number.replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
            match parsed.map(|number| Value::from(number).to_string()) {
                Some(same) if same == *number => None,
                Some(other) => Some(format!("the number `{number}`, which would arrive as `{other}`")),
                None => Some(format!("the number `{number}`")),
            }
        }
        _ => None,
    }
}

/// Returns the override by the command line or the environment: where it comes from, and its text.
fn given<'a>(name: &str, overrides: &Overrides<'a>) -> Option<(String, &'a str)> {
    if let Some((_, value)) = overrides.set.iter().rev().find(|(set, _)| set == name) {
        return Some((format!("`--set {name}=…`"), value));
    }
    let exact = format!("{PREFIX}{}", name.replace('-', "_"));
    [exact.clone(), exact.to_uppercase()]
        .into_iter()
        .find_map(|variable| Some((format!("`{variable}`"), overrides.env.variables.get(&variable)?.as_str())))
}

fn overrides_var(suffix: &str, var: &str) -> bool {
    let exact = var.replace('-', "_");
    suffix == exact || suffix == exact.to_uppercase()
}

/// Returns whether `text` can be a name in an expression.
pub(crate) fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_') && text.bytes().all(inner)
}

fn to_expression(value: &node::Value) -> Value {
    match value {
        // Numbers that do not parse have been reported.
        node::Value::Integer(number) => decimal(number).parse::<i64>().map_or(Value::UNDEFINED, Value::from),
        node::Value::Float(number) => number.parse::<f64>().map_or(Value::UNDEFINED, Value::from),
        node::Value::Boolean(flag) => (*flag).into(),
        node::Value::String(text) => text.as_str().into(),
        node::Value::Datetime(_) | node::Value::Array(_) | node::Value::Table(_) => Value::UNDEFINED,
    }
}

/// Parses `text` as a value of the same type as `kind`; a string if the type is not known.
fn parse(kind: Option<&node::Value>, text: &str) -> Option<Value> {
    match kind {
        Some(node::Value::Integer(_)) => text.trim().parse::<i64>().ok().map(Value::from),
        Some(node::Value::Float(_)) => text.trim().parse::<f64>().ok().map(Value::from),
        Some(node::Value::Boolean(_)) => text.trim().parse::<bool>().ok().map(Value::from),
        _ => Some(text.into()),
    }
}
