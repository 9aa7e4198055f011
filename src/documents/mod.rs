//! Files that assertions are made on, each read by what it means: [`Document::read`].
//!
//! A format is one file here with a function that returns the document; docs/assertions.md shows their forms.

mod dockerfile;
mod dockerignore;
mod document;
mod env_file;
mod format;
mod json;
mod lines;
mod markdown;
mod object;
mod read;
mod rendered;
mod text;
mod toml;
mod yaml;

pub use document::{Document, Source};
pub use format::Format;
pub use object::{ObjectName, named_objects};
pub use rendered::Rendered;
