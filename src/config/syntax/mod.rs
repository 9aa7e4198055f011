//! The file as TOML: text, tables whose keys and values know their place, typed access to them, diagnostics.

pub(crate) mod diagnostic;
pub(crate) mod document;
pub(crate) mod fields;
pub(crate) mod halves;
pub(crate) mod node;
pub(crate) mod position;
