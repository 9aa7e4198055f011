//! [`LANGUAGE`]: operators, and filters with bounded results.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::LazyLock;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, filters, tests};

use crate::suggest::suggest;

/// Maximum length of an expression; also keeps the number of names below a thousand, so that every word is unique.
pub const MAX_CODE: usize = 4096;
/// Maximum length of a string that an expression returns.
pub const MAX_STRING: usize = 64 << 10;
/// Maximum number of evaluation steps: more than any reasonable expression of the maximum length needs.
const FUEL: u64 = 50_000;

/// All filters.
pub(super) const FILTERS: [&str; 12] =
    ["default", "first", "float", "int", "join", "last", "length", "lower", "replace", "split", "trim", "upper"];

/// All tests: `x is defined`.
pub(super) const TESTS: [&str; 4] = ["defined", "undefined", "startingwith", "endingwith"];

/// An error in an expression, and where in it.
#[derive(Debug, PartialEq, Eq)]
pub struct ExprError {
    /// The bytes of the expression that are wrong.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// The expression language.
pub static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut language = Environment::empty();
    language.set_undefined_behavior(UndefinedBehavior::Strict);
    language.set_fuel(Some(FUEL));
    // Errors have a range in the expression.
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
    Error::new(ErrorKind::InvalidOperation, "the string would be too long")
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of a filter")]
fn replace(text: String, from: String, to: String) -> Result<String, Error> {
    let count = text.matches(&from).count();
    if text.len().saturating_add(count.saturating_mul(to.len())) > MAX_STRING {
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
        if out.len() > MAX_STRING {
            return Err(too_long());
        }
    }
    Ok(out)
}

/// Returns the message for an error of minijinja.
pub fn explain(error: &Error) -> String {
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::OutOfFuel => "the expression takes too many steps to evaluate".into(),
        ErrorKind::UnknownFilter => match detail.split_whitespace().nth(1) {
            Some(name) => format!("unknown filter `{name}`"),
            None => "unknown filter".into(),
        },
        ErrorKind::UnknownTest | ErrorKind::UnknownMethod | ErrorKind::UnknownFunction => {
            format!("unknown function or test: {detail}")
        }
        _ if detail.is_empty() => format!("can't evaluate the expression: {}", error.kind()),
        ErrorKind::SyntaxError => format!("invalid expression: {detail}"),
        _ => format!("can't evaluate the expression: {detail}"),
    }
}

/// Returns what to do about an error of minijinja.
pub fn help_for(error: &Error) -> Option<String> {
    let unknown = error.detail().filter(|_| error.kind() == ErrorKind::UnknownFilter)?;
    suggest(unknown.split_whitespace().nth(1)?, FILTERS)
}
