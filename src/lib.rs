//! `provision` turns a repository into a running, verified deployment: it executes the stages of a `pipeline.toml` and
//! reports only what it has verified.
//!
//! The modules stand in layers: ARCHITECTURE.md has the table, and `tests/tidy.rs` checks it.

pub mod action;
pub mod actions;
pub mod cli;
pub mod cluster;
mod config;
pub mod documents;
pub mod error;
pub mod event;
pub mod exec;
pub mod expr;
pub mod failpoint;
pub mod files;
pub mod fingerprint;
pub mod images;
mod init;
pub mod journal;
pub mod leaks;
pub mod model;
pub mod pipeline;
pub mod plan;
pub mod policy;
pub mod prove;
pub mod redact;
mod report;
mod suggest;
mod threads;
pub mod tools;
