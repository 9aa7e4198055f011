//! `${{ … }}`: expressions in the strings of the file.

pub(crate) mod expression;
pub(crate) mod lexer;
pub(crate) mod pieces;
pub(crate) mod scope;
pub(crate) mod template;
