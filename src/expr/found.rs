//! [`Found`]: what a part of an assertion is, and where it comes from.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::code::Code;
use super::shown;
use super::tree::{Content, Tree};
use crate::suggest::nearest;

/// Why a part of an assertion has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) line: Option<usize>,
    pub(super) message: String,
    /// Whether a key is not there, and nothing else is wrong.
    pub(super) is_absence: bool,
}

impl Trouble {
    pub(super) fn new(line: Option<usize>, message: impl Into<String>) -> Self {
        Self { line, message: message.into(), is_absence: false }
    }

    fn absent(line: Option<usize>, message: String) -> Self {
        Self { line, message, is_absence: true }
    }
}

/// Where a calculated value comes from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Origin {
    /// The line of the first value of the document that it was calculated from.
    pub(super) line: Option<usize>,
    /// Whether one of them must not be shown.
    pub(super) is_hidden: bool,
}

impl Origin {
    /// That of what is calculated from all of `found`.
    pub(super) fn of(found: &[Found<'_>]) -> Self {
        Self { line: found.iter().find_map(Found::line), is_hidden: found.iter().any(Found::is_hidden) }
    }
}

/// What a part of an assertion is.
#[derive(Clone, Debug)]
pub(super) enum Found<'a> {
    /// A value of the document, at its place: `spec.containers[0]`.
    At(String, &'a Tree),
    /// Several of them.
    Several(Vec<Self>),
    /// A value that was calculated.
    Made(Value, Origin),
    /// Nothing: there is no such key.
    Missing(Trouble),
}

impl Found<'_> {
    /// Fails if there is nothing.
    pub(super) fn present(self) -> Result<Self, Trouble> {
        match self {
            Self::Missing(trouble) => Err(trouble),
            found => Ok(found),
        }
    }

    pub(super) fn place(&self) -> Option<&str> {
        match self {
            Self::At(place, _) => Some(place),
            _ => None,
        }
    }

    pub(super) fn line(&self) -> Option<usize> {
        match self {
            Self::At(_, tree) => tree.line,
            Self::Several(items) => items.iter().find_map(Self::line),
            Self::Made(_, origin) => origin.line,
            Self::Missing(trouble) => trouble.line,
        }
    }

    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::At(_, tree) => tree.to_value(),
            Self::Several(items) => items.iter().map(Self::to_value).collect(),
            Self::Made(value, _) => value.clone(),
            Self::Missing(_) => Value::UNDEFINED,
        }
    }

    pub(super) fn is_hidden(&self) -> bool {
        match self {
            Self::At(_, tree) => tree.hides_something(),
            Self::Several(items) => items.iter().any(Self::is_hidden),
            Self::Made(_, origin) => origin.is_hidden,
            Self::Missing(_) => false,
        }
    }

    /// The value as a message shows it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::At(_, tree) => shown::tree(tree),
            found if found.is_hidden() => shown::HIDDEN.into(),
            found => shown::value(&found.to_value()),
        }
    }

    /// Its name in a message, where `code` stands for it.
    pub(super) fn name(&self, code: &Code) -> String {
        self.place().filter(|place| !place.is_empty()).map_or_else(|| code.text(), str::to_owned)
    }

    /// The value at `key`; `code` stands for this one.
    pub(super) fn key(&self, key: &str, code: &Code) -> Self {
        match self {
            Self::Missing(_) => self.clone(),
            Self::At(place, tree) if matches!(tree.content, Content::Table(_)) => match tree.get(key) {
                Some(value) => Self::At(below(place, key), value),
                None => Self::Missing(absence(&below(place, key), nearest(key, tree.keys()), tree.line)),
            },
            found => {
                let value = found.to_value();
                match value.get_attr(key) {
                    Ok(inner) if value.kind() == ValueKind::Map && !inner.is_undefined() => {
                        Self::Made(inner, Origin::of(std::slice::from_ref(found)))
                    }
                    Ok(_) if value.kind() == ValueKind::Map => {
                        Self::Missing(absence(&below(&found.name(code), key), None, found.line()))
                    }
                    _ => {
                        let message = format!("`{}` is {} and has no `{key}`", found.name(code), found.shown());
                        Self::Missing(Trouble::absent(found.line(), message))
                    }
                }
            }
        }
    }

    /// The item at `index`, or the value at a key; `code` stands for this one.
    pub(super) fn index(&self, index: &Value, code: &Code) -> Self {
        if let (Some(key), Self::At(_, Tree { content: Content::Table(_), .. })) = (index.as_str(), self) {
            return self.key(key, code);
        }
        let items = match self {
            Self::Missing(_) => return self.clone(),
            Self::At(..) | Self::Several(_) => self.items(code).ok(),
            Self::Made(..) => None,
        };
        let Some(items) = items else {
            let value = self.to_value().get_item(index).unwrap_or(Value::UNDEFINED);
            if value.is_undefined() {
                let name = format!("{}[{}]", self.name(code), shown::value(index));
                return Self::Missing(absence(&name, None, self.line()));
            }
            return Self::Made(value, Origin::of(std::slice::from_ref(self)));
        };
        let n = items.len();
        let from_end = i64::try_from(n).unwrap_or(i64::MAX);
        let at = i64::try_from(index.clone()).ok().map(|at| if at < 0 { at + from_end } else { at });
        let item = at.and_then(|at| usize::try_from(at).ok()).and_then(|at| items.into_iter().nth(at));
        item.unwrap_or_else(|| {
            let name = self.name(code);
            let has = if n == 1 { "1 item".to_owned() } else { format!("{n} items") };
            let message = format!("`{name}[{}]` is not there: `{name}` has {has}", shown::value(index));
            Self::Missing(Trouble::absent(self.line(), message))
        })
    }

    /// The items of a list.
    pub(super) fn items(&self, code: &Code) -> Result<Vec<Self>, Trouble> {
        let no_list = || Trouble::new(self.line(), format!("`{}` is {}, not a list", self.name(code), self.shown()));
        match self {
            Self::At(place, Tree { content: Content::List(items), .. }) => {
                let name = if place.is_empty() { "doc" } else { place };
                Ok(items.iter().enumerate().map(|(n, item)| Self::At(format!("{name}[{n}]"), item)).collect())
            }
            Self::Several(items) => Ok(items.clone()),
            Self::Made(value, origin) if value.kind() == ValueKind::Seq => {
                let items = value.try_iter().map_err(|_| no_list())?;
                Ok(items.map(|item| Self::Made(item, *origin)).collect())
            }
            Self::Missing(trouble) => Err(trouble.clone()),
            _ => Err(no_list()),
        }
    }
}

/// The place of `key` in the table at `place`.
pub(super) fn below(place: &str, key: &str) -> String {
    let is_plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !key.starts_with(|c: char| c.is_ascii_digit());
    match (is_plain && !key.is_empty(), place) {
        (true, "") => key.to_owned(),
        (true, place) => format!("{place}.{key}"),
        (false, "") => format!("doc['{key}']"),
        (false, place) => format!("{place}['{key}']"),
    }
}

/// That the value `name` is not there.
pub(super) fn absence(name: &str, near: Option<&str>, line: Option<usize>) -> Trouble {
    let help = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Trouble::absent(line, format!("`{name}` is not there{help}"))
}
