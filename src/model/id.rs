//! Checked names: [`StageId`], [`StepId`] (`stage.step`), [`ItemId`], [`RunId`].

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;

/// A map by ids, with a fast hash: there are many ids, and they are looked up often.
pub type IdMap<Id, T> = HashMap<Id, T, RandomState>;

/// Why a string is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// It is empty.
    #[error("an id can't be empty")]
    Empty,
    /// It has a character that is not allowed there.
    #[error("invalid id `{0}`: use lower-case letters, digits, `-` and `_`, starting with a letter or digit")]
    Character(String),
    /// It is a step id without a stage.
    #[error("invalid step id `{0}`: it has the form `stage.step`")]
    NotAStep(String),
    /// It is no name of a checklist item.
    #[error("invalid item id `{0}`: it has a control character, or a space at one of its ends")]
    NotAnItem(String),
}

/// Checks for lower-case letters, digits, `-` and `_`, starting with a letter or digit: such names are valid as file
/// names, Kubernetes label values and TOML bare keys.
fn check_name(text: &str) -> Result<(), IdError> {
    let Some(first) = text.bytes().next() else {
        return Err(IdError::Empty);
    };
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if plain(first) && text.bytes().all(|b| plain(b) || b == b'-' || b == b'_') {
        Ok(())
    } else {
        Err(IdError::Character(text.to_owned()))
    }
}

/// The name of a stage.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId(Arc<str>);

impl StageId {
    /// Creates an id after checking `text`.
    pub fn new(text: &str) -> Result<Self, IdError> {
        check_name(text)?;
        Ok(Self(text.into()))
    }

    /// Returns the id as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id of this stage's step `name`.
    pub fn step(&self, name: &str) -> Result<StepId, IdError> {
        check_name(name)?;
        Ok(StepId { text: [self.as_str(), ".", name].concat().into(), dot: self.0.len() })
    }
}

/// The name of a step with its stage: `stage.step`, unique in a pipeline and stable between runs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId {
    text: Arc<str>,
    dot: usize,
}

impl StepId {
    /// Creates an id after checking `text`, which is `stage.step`.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let (stage, step) = text.split_once('.').ok_or_else(|| IdError::NotAStep(text.to_owned()))?;
        check_name(stage)?;
        check_name(step)?;
        Ok(Self { text: text.into(), dot: stage.len() })
    }

    /// Returns `stage.step`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the name of the stage.
    pub fn stage(&self) -> &str {
        &self.text[..self.dot]
    }

    /// Returns the name of the step within its stage.
    pub fn name(&self) -> &str {
        &self.text[self.dot + 1..]
    }
}

/// The name of a checklist item: `T015`, `1.2`, `auth:T015`, or the text of a box that has no id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(Arc<str>);

impl ItemId {
    /// Creates an id after checking `text`: it has no control characters, and no space at its ends.
    pub fn new(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.trim() == text && !text.chars().any(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(IdError::NotAnItem(text.to_owned()))
        }
    }

    /// Returns the id as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a run: its start in UTC, then random digits, so that names sort by time: `20261121-113512-4f2a`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Arc<str>);

impl RunId {
    /// Creates an id after checking `text`, which has to be valid as a folder name.
    pub fn new(text: &str) -> Result<Self, IdError> {
        check_name(text)?;
        Ok(Self(text.into()))
    }

    /// Returns the id as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! shown_as_text {
    ($($id:ty),*) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
shown_as_text!(StageId, StepId, ItemId, RunId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["a", "build", "wait-db", "k8s_1", "1st"] {
            assert_eq!(StageId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "_a", "Build", "a b", "a.b", "ä", "a/b", ".."] {
            assert!(StageId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_step_id_has_two_parts() {
        let id = StepId::new("build.wait-db").unwrap();
        assert_eq!((id.stage(), id.name(), id.as_str()), ("build", "wait-db", "build.wait-db"));
        assert_eq!(StageId::new("build").unwrap().step("wait-db").unwrap(), id);
        for bad in ["build", "build.", ".x", "a.b.c"] {
            assert!(StepId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn item_ids_keep_what_the_file_says() {
        for good in ["T015", "1.2", "auth:T015", "Log in works (été)"] {
            assert_eq!(ItemId::new(good).unwrap().to_string(), good);
        }
        for bad in ["", " T1", "T1 ", "T\n1", "\u{1b}[2J"] {
            assert!(ItemId::new(bad).is_err(), "{bad:?}");
        }
    }
}
