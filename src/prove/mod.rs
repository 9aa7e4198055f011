//! Shows that checks can fail: changes copies of the files that they read, and sees which changes no check notices.
//!
//! What a sensible change is depends on the format: `mutants` has the operators, pure functions of a file's text, and
//! drops what means the same as before or can't be read any more. docs/prove.md says how the numbers are counted.

mod copy;
mod explanations;
mod found;
mod mutants;
mod run;
mod select;
mod subjects;
mod trial;

pub use run::{Progress, Work, run};
