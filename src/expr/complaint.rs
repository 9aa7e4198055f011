//! [`judge`]: why an assertion does not hold, with both sides of what was compared.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::code::{Code, Function, Operator, Quantifier};
use super::eval::Scope;
use super::found::{Found, Trouble};
use super::shown;

/// Most items of a list that a message names.
const MAX_NAMED: usize = 5;

/// Something that is not as it was asserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The line of the document that it is about.
    pub line: Option<usize>,
    /// What was found, and what was expected.
    pub text: String,
}

impl From<Trouble> for Complaint {
    fn from(trouble: Trouble) -> Self {
        Self { line: trouble.line, text: trouble.message }
    }
}

type Complaints = Vec<Complaint>;

/// Returns what keeps `code` from being `wanted`; nothing if it is.
pub(super) fn judge(code: &Code, scope: &Scope<'_, '_>, wanted: bool) -> Complaints {
    match (code, wanted) {
        (Code::Not(of), _) => judge(of, scope, !wanted),
        (Code::And(a, b), true) | (Code::Or(a, b), false) => {
            let first = judge(a, scope, wanted);
            // The first condition often guards the second one.
            if first.is_empty() { judge(b, scope, wanted) } else { first }
        }
        (Code::Or(a, b), true) | (Code::And(a, b), false) => {
            let first = judge(a, scope, wanted);
            if first.is_empty() {
                return first;
            }
            let second = judge(b, scope, wanted);
            if second.is_empty() { second } else { vec![joined(first, second)] }
        }
        (Code::Each(Quantifier::All, list, condition), true) => all(list, condition, scope),
        (Code::Each(Quantifier::Any, list, condition), _) => {
            decide(code, scope, wanted, |scope| any(list, condition, scope, wanted))
        }
        (Code::Comparison(first, rest), _) if rest.len() == 1 => {
            decide(code, scope, wanted, |scope| compared(first, &rest[0], scope, wanted))
        }
        (Code::Defined(of), _) => decide(code, scope, wanted, |scope| defined(of, scope, wanted)),
        (Code::Call(function, arguments, _), _) if arguments.len() == 2 => {
            decide(code, scope, wanted, |scope| called(*function, arguments, scope, wanted))
        }
        _ => decide(code, scope, wanted, |scope| {
            let found = code_found(code, scope)?;
            let text = format!("{} is {}, expected {wanted}", subject(code, &found), found.shown());
            Ok(Complaint { line: found.line(), text })
        }),
    }
}

/// Evaluates `code`, and asks `why` where the result is not `wanted`.
fn decide(
    code: &Code,
    scope: &Scope<'_, '_>,
    wanted: bool,
    why: impl FnOnce(&Scope<'_, '_>) -> Result<Complaint, Trouble>,
) -> Complaints {
    match scope.truth(code) {
        Ok(found) if found == wanted => Vec::new(),
        Ok(_) => vec![why(scope).unwrap_or_else(Complaint::from)],
        Err(trouble) => vec![trouble.into()],
    }
}

fn joined(first: Complaints, second: Complaints) -> Complaint {
    let line = first.first().and_then(|complaint| complaint.line);
    let texts: Vec<String> = first.into_iter().chain(second).map(|complaint| complaint.text).collect();
    Complaint { line, text: texts.join("; and ") }
}

fn all(list: &Code, condition: &Code, scope: &Scope<'_, '_>) -> Complaints {
    let (of, items) = match scope.items(list) {
        Ok(found) => found,
        Err(trouble) => return vec![trouble.into()],
    };
    if items.is_empty() {
        let text = format!("{} is empty: nothing in it shows that `{}`", subject(list, &of), condition.text());
        return vec![Complaint { line: of.line(), text }];
    }
    let mut complaints: Complaints =
        items.into_iter().flat_map(|item| judge(condition, &scope.with(item), true)).collect();
    let more = complaints.len().saturating_sub(MAX_NAMED);
    complaints.truncate(MAX_NAMED);
    if let Some(last) = complaints.last_mut().filter(|_| more > 0) {
        last.text = format!("{}; and {more} more like it", last.text);
    }
    complaints
}

fn any(list: &Code, condition: &Code, scope: &Scope<'_, '_>, wanted: bool) -> Result<Complaint, Trouble> {
    let (of, items) = scope.items(list)?;
    let name = subject(list, &of);
    if !wanted {
        let has = |item: &Found<'_>| scope.with(item.clone()).truth(condition) == Ok(true);
        let item = items.into_iter().find(has).unwrap_or(of);
        let shown = item.place().map_or_else(|| item.shown(), str::to_owned);
        let text = format!("`{shown}` has `{}`, which nothing in {name} may have", condition.text());
        return Ok(Complaint { line: item.line(), text });
    }
    let n = match items.len() {
        0 => "which is empty".to_owned(),
        1 => "of 1 item".to_owned(),
        n => format!("of {n} items"),
    };
    let why = items.into_iter().flat_map(|item| judge(condition, &scope.with(item), true));
    let why: Vec<String> = why.take(MAX_NAMED).map(|complaint| complaint.text).collect();
    let colon = if why.is_empty() { "" } else { ": " };
    let text = format!("nothing in {name}, {n}, has `{}`{colon}{}", condition.text(), why.join("; "));
    Ok(Complaint { line: of.line(), text })
}

fn code_found<'a>(code: &Code, scope: &Scope<'a, '_>) -> Result<Found<'a>, Trouble> {
    scope.eval(code)?.present()
}

/// How a message names what `code` is: by its place in the document, or as it is written.
fn subject(code: &Code, found: &Found<'_>) -> String {
    match found.place() {
        Some(place) if !place.is_empty() => format!("`{place}`"),
        _ => format!("`{}`", code.text()),
    }
}

fn compared(
    left: &Code,
    (operator, right): &(Operator, Code),
    scope: &Scope<'_, '_>,
    wanted: bool,
) -> Result<Complaint, Trouble> {
    let mut operator = if wanted { *operator } else { operator.opposite() };
    let (mut left, mut right) = (left, right);
    // The side that comes from the document is the one that the message is about.
    if matches!(left, Code::Constant(_))
        && let Some(turned) = operator.turned()
    {
        (left, right, operator) = (right, left, turned);
    }
    let (found, expected) = (code_found(left, scope)?, code_found(right, scope)?);
    let other = match right {
        code if !code.names_something() => expected.shown(),
        _ => format!("{} ({})", expected.shown(), subject(right, &expected)),
    };
    if matches!(operator, Operator::In | Operator::NotIn) && !matches!(right, Code::Constant(_)) {
        let word = if operator == Operator::In { "does not have" } else { "has" };
        let text = format!("{} is {}, which {word} {}", subject(right, &expected), expected.shown(), found.shown());
        return Ok(Complaint { line: expected.line().or_else(|| found.line()), text });
    }
    let expectation = match operator {
        Operator::Equal => format!("expected {other}"),
        Operator::NotEqual => "which it must not be".to_owned(),
        Operator::Less => format!("expected less than {other}"),
        Operator::AtMost => format!("expected at most {other}"),
        Operator::More => format!("expected more than {other}"),
        Operator::AtLeast => format!("expected at least {other}"),
        Operator::In => format!("expected one of {other}"),
        Operator::NotIn => format!("expected none of {other}"),
    };
    let kinds = kinds(&found.to_value(), &expected.to_value()).filter(|_| operator == Operator::Equal);
    let kinds = kinds.map(|kind| format!(" ({kind})")).unwrap_or_default();
    let text = format!("{} is {}{kinds}, {expectation}", subject(left, &found), found.shown());
    Ok(Complaint { line: found.line().or_else(|| expected.line()), text })
}

/// The type of `found`, where only the types of two values differ.
fn kinds(found: &Value, expected: &Value) -> Option<&'static str> {
    let is_plain = |value: &Value| matches!(value.kind(), ValueKind::String | ValueKind::Number | ValueKind::Bool);
    let differ = is_plain(found) && is_plain(expected) && found.kind() != expected.kind();
    (differ && found.to_string() == expected.to_string()).then(|| shown::kind(found))
}

fn defined(of: &Code, scope: &Scope<'_, '_>, wanted: bool) -> Result<Complaint, Trouble> {
    let found = scope.eval(of)?;
    match found {
        Found::Missing(trouble) => Ok(trouble.into()),
        found => {
            let wish = if wanted { "be there" } else { "not be there" };
            let text = format!("{} is {}, and should {wish}", subject(of, &found), found.shown());
            Ok(Complaint { line: found.line(), text })
        }
    }
}

fn called(function: Function, arguments: &[Code], scope: &Scope<'_, '_>, wanted: bool) -> Result<Complaint, Trouble> {
    let (found, other) = (code_found(&arguments[0], scope)?, code_found(&arguments[1], scope)?);
    let verb = match function {
        Function::Contains if wanted => "does not contain",
        Function::Contains => "contains",
        Function::StartsWith if wanted => "does not start with",
        Function::StartsWith => "starts with",
        Function::EndsWith if wanted => "does not end with",
        Function::EndsWith => "ends with",
        Function::Matches if wanted => "does not match",
        Function::Matches => "matches",
        Function::Satisfies if wanted => "does not satisfy",
        _ => "satisfies",
    };
    let (name, shown) = (subject(&arguments[0], &found), found.shown());
    // The beginning of a long text says nothing of the rest.
    let is_cut = shown.ends_with('…');
    let text = if is_cut {
        format!("{name} {verb} {}", other.shown())
    } else {
        format!("{name} is {shown}, which {verb} {}", other.shown())
    };
    Ok(Complaint { line: found.line(), text })
}
