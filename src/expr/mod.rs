//! The expression language: what `${{ }}` in `pipeline.toml` and the assertions of checks are written in.
//!
//! Minijinja parses and evaluates it. An [`Assertion`] is read by the same parser and evaluated part by part, so that
//! it can say which value of a document is not the expected one, and where it stands.

mod assertion;
mod code;
mod complaint;
mod eval;
mod found;
mod functions;
mod language;
mod lower;
mod pattern;
mod quantity;
mod shown;
mod subject;
mod tree;

pub use assertion::Assertion;
pub use complaint::Complaint;
pub use functions::no_object;
pub use language::{ExprError, LANGUAGE, MAX_CODE, MAX_STRING, explain, help_for};
pub use pattern::Pattern;
pub use quantity::is_quantity;
pub use subject::{DocumentFunction, Subject};
pub use tree::{Content, Tree};

#[cfg(test)]
mod tests;
