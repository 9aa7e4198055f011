//! [`Assertion`]: a condition on a document, checked when `pipeline.toml` is read.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use minijinja::machinery::parse_expr;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::code::Code;
use super::complaint::{Complaint, judge};
use super::eval::Scope;
use super::language::{ExprError, MAX_CODE, explain};
use super::lower::lower;
use super::subject::Subject;

/// A condition on a document: `spec.replicas == 2`.
#[derive(Clone)]
pub struct Assertion {
    text: String,
    code: Arc<Code>,
}

impl Assertion {
    /// Reads an assertion.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let error = |message: String, help| ExprError { at: 0..text.len(), message, help };
        if text.trim().is_empty() {
            return Err(error("the assertion is empty".into(), None));
        }
        if text.len() > MAX_CODE {
            return Err(error(format!("the assertion is longer than {MAX_CODE} bytes"), None));
        }
        let parsed = parse_expr(text).map_err(|syntax| {
            let at = syntax.range().filter(|at| at.end <= text.len() && !at.is_empty()).unwrap_or(0..text.len());
            let rest = &text[at.start..];
            let is_single = rest.starts_with('=') && !rest.starts_with("==");
            let help = is_single.then(|| "values are compared with `==`".to_owned());
            ExprError { at, message: explain(&syntax), help }
        })?;
        let code = lower(&parsed)?;
        if !code.names_something() {
            return Err(error("this says nothing about the document".into(), None));
        }
        Ok(Self { text: text.trim().to_owned(), code: Arc::new(code) })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns why it does not hold; nothing if it does.
    pub fn check(&self, subject: &Subject<'_>) -> Vec<Complaint> {
        judge(&self.code, &Scope::new(subject), true)
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Assertion").field(&self.text).finish()
    }
}

impl<'de> Deserialize<'de> for Assertion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(AssertionVisitor)
    }
}

/// Reads an assertion inside of the deserializer, which then adds the place of the string to an error.
struct AssertionVisitor;

impl de::Visitor<'_> for AssertionVisitor {
    type Value = Assertion;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Assertion, E> {
        Assertion::parse(text).map_err(|error| {
            let part = text.get(error.at.clone()).filter(|part| !part.is_empty() && part.len() < text.len());
            let place = part.map(|part| format!(" at `{}`", part.lines().next().unwrap_or_default()));
            let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
            E::custom(format!("{}{}{help}", error.message, place.unwrap_or_default()))
        })
    }
}

impl JsonSchema for Assertion {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Assertion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "examples": ["spec.replicas == 2"]})
    }
}
