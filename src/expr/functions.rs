//! The functions that assertions may call.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::code::{Code, Function};
use super::found::{Found, Origin, Trouble};
use super::pattern::Pattern;
use super::quantity::{Quantity, Version};
use super::subject::Subject;
use super::tree::Tree;
use crate::suggest::nearest;

/// Calls `function` with `found`, which is what its `arguments` are; `written` is the regular expression among them.
pub(super) fn call<'a>(
    function: Function,
    arguments: &[Code],
    written: Option<&Pattern>,
    found: &[Found<'a>],
    subject: &Subject<'a>,
) -> Result<Found<'a>, Trouble> {
    let values: Vec<Value> = found.iter().map(Found::to_value).collect();
    let first = found.first();
    let line = first.and_then(Found::line);
    let origin = Origin::of(found);
    let wrong = |what: &str| {
        let shown = first.map(Found::shown).unwrap_or_default();
        Trouble::new(line, format!("{shown} is not {what}, which `{}` needs", function.name()))
    };
    let text = |n: usize| {
        let value = values.get(n).filter(|value| value.kind() == ValueKind::String);
        value.and_then(|value| value.as_str()).ok_or_else(|| wrong("a string"))
    };
    let plain = |what: &str| {
        let value = values.first().filter(|value| matches!(value.kind(), ValueKind::String | ValueKind::Number));
        value.map(Value::to_string).ok_or_else(|| wrong(what))
    };
    let made = |value: Value| Ok(Found::Made(value, origin));
    let truth = |value: bool| Ok(Found::Made(value.into(), Origin { is_hidden: false, ..origin }));
    match function {
        Function::Len => {
            let len = values.first().and_then(length).ok_or_else(|| wrong("a list, a table or a string"))?;
            Ok(Found::Made(len.into(), Origin { is_hidden: false, ..origin }))
        }
        Function::Contains => {
            let has = contains(&values[0], &values[1]).ok_or_else(|| wrong("a list, a table or a string"))?;
            Ok(Found::Made(has.into(), Origin { is_hidden: false, ..origin }))
        }
        Function::StartsWith => truth(text(0)?.starts_with(text(1)?)),
        Function::EndsWith => truth(text(0)?.ends_with(text(1)?)),
        Function::Matches => {
            let text = (text(0)?, text(1)?);
            let is_match = match written {
                Some(pattern) => pattern.is_match(text.0),
                None => Pattern::parse(text.1).and_then(|pattern| pattern.is_match(text.0)),
            };
            truth(is_match.map_err(|why| Trouble::new(None, why))?)
        }
        Function::Quantity => {
            let quantity = Quantity::parse(&plain("a quantity")?).ok_or_else(|| wrong("a quantity"))?;
            made(Value::from_object(quantity))
        }
        Function::Version => {
            let version = Version::parse(&plain("a version")?).ok_or_else(|| wrong("a version"))?;
            made(Value::from_object(version))
        }
        Function::Satisfies => {
            let version = Version::parse(&plain("a version")?).ok_or_else(|| wrong("a version"))?;
            let range = text(1)?;
            let range = semver::VersionReq::parse(range)
                .map_err(|error| Trouble::new(None, format!("`{range}` is not a range of versions: {error}")))?;
            truth(range.matches(&version.version))
        }
        Function::Named => named(&arguments[0], &found[0], text(1)?),
        Function::Object => object(subject, text(0)?, text(1)?),
        Function::Ignores => {
            let function = subject.functions.iter().find(|(name, _)| *name == function.name());
            let (_, function) =
                function.ok_or_else(|| Trouble::new(None, "only a `.dockerignore` has the function `ignores`"))?;
            let answer = function(text(0)?).map_err(|why| Trouble::new(None, why))?;
            Ok(Found::Made(answer.into(), Origin::default()))
        }
    }
}

/// Characters of a string, items of a list, keys of a table.
fn length(value: &Value) -> Option<usize> {
    match value.kind() {
        ValueKind::String => value.as_str().map(|text| text.chars().count()),
        ValueKind::Seq | ValueKind::Map => value.len(),
        _ => None,
    }
}

/// Whether a string has a part, a list an item, a table a key.
pub(super) fn contains(value: &Value, part: &Value) -> Option<bool> {
    match value.kind() {
        ValueKind::String => Some(value.as_str()?.contains(part.as_str()?)),
        ValueKind::Seq => Some(value.try_iter().ok()?.any(|item| item == *part)),
        ValueKind::Map => Some(value.try_iter().ok()?.any(|key| key == *part)),
        _ => None,
    }
}

/// The item of a list that has a name.
fn named<'a>(code: &Code, list: &Found<'a>, name: &str) -> Result<Found<'a>, Trouble> {
    let items = list.items(code)?;
    let name_of = |item: &Found<'a>| match item {
        Found::At(_, tree) => tree.get("name").and_then(Tree::text).map(str::to_owned),
        item => item.to_value().get_attr("name").ok().filter(|name| !name.is_undefined()).map(|name| name.to_string()),
    };
    let names: Vec<String> = items.iter().filter_map(name_of).collect();
    if let Some(item) = items.into_iter().find(|item| name_of(item).as_deref() == Some(name)) {
        return Ok(item);
    }
    let of = list.place().map_or_else(|| code.text(), str::to_owned);
    Ok(missing(&format!("`{of}` has nothing with the name '{name}'"), name, &names, list.line()))
}

/// The object of a kind with a name among the documents.
fn object<'a>(subject: &Subject<'a>, kind: &str, name: &str) -> Result<Found<'a>, Trouble> {
    let Some((_, documents)) = subject.extras.iter().find(|(name, _)| matches!(*name, "documents" | "objects")) else {
        return Err(Trouble::new(None, "only YAML files and rendered charts have the function `object`"));
    };
    let wanted = format!("{kind}/{name}");
    let objects = documents.items().iter().map(|tree| (object_name(tree), tree));
    let names: Vec<String> = objects.clone().map(|(name, _)| name).collect();
    let found = objects.into_iter().find(|(name, _)| *name == wanted);
    Ok(match found {
        Some((name, tree)) => Found::At(name, tree),
        None => Found::Missing(Trouble { line: None, message: no_object(&wanted, &names), is_absence: true }),
    })
}

/// `Deployment/web`, by which an object of Kubernetes is known in its namespace.
fn object_name(tree: &Tree) -> String {
    let text = |tree: Option<&Tree>| tree.and_then(Tree::text).unwrap_or_default().to_owned();
    let name = tree.get("metadata").and_then(|metadata| metadata.get("name"));
    format!("{}/{}", text(tree.get("kind")), text(name))
}

fn missing<'a>(message: &str, wanted: &str, names: &[String], line: Option<usize>) -> Found<'a> {
    let message = format!("{message}{}", near_help(nearest(wanted, names.iter().map(String::as_str)), names));
    Found::Missing(Trouble { line, message, is_absence: true })
}

fn near_help(near: Option<&str>, names: &[String]) -> String {
    match near {
        Some(near) => format!("; did you mean `{near}`?"),
        None if names.is_empty() => String::new(),
        None => format!(": there are {}", names.join(", ")),
    }
}

/// Says that there is no object `wanted`, a kind and a name, among `names`.
pub fn no_object(wanted: &str, names: &[String]) -> String {
    let parts = |text: &str| text.split_once('/').map(|(kind, name)| (kind.to_owned(), name.to_owned()));
    let near = names.iter().map(String::as_str).find(|other| match (parts(wanted), parts(other)) {
        // Two objects of one kind are no misspelling of each other by that alone.
        (Some((kind, name)), Some((other_kind, other_name))) => {
            (kind == other_kind && nearest(&name, [other_name.as_str()]).is_some())
                || (name == other_name && nearest(&kind, [other_kind.as_str()]).is_some())
        }
        _ => nearest(wanted, [*other]).is_some(),
    });
    format!("there is no {wanted}{}", near_help(near, names))
}
