//! Rules that a project's files and Kubernetes objects have to keep: one entry each in [`RULES`]. Knows no action, so
//! that every command that checks a project can use them.
//!
//! A rule checks one kind of thing, files or objects, and says of each what is wrong with it. What it has checked is
//! counted: a rule without anything to check has proven nothing.

mod breaches;
mod exceptions;
mod leftovers;
mod objects;
mod page;
mod pods;
mod report;
mod rule;
mod rules;
mod services;
mod source;
mod split;
mod tree_secrets;
mod yaml_indent;

pub use breaches::breach;
pub use exceptions::Exception;
pub use objects::{Object, read_manifest};
pub use page::page;
pub use report::{Finding, Report};
pub use rule::{Check, Rule, Spot};
pub use rules::{RULES, RuleName, rule};
pub use source::SourceFile;
