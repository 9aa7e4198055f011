//! `provision` turns a repository into a running, verified deployment: it executes the stages of a `pipeline.toml` and
//! reports only what it has seen to be true.
//!
//! Modules by layer; each may use those below it, and none beside it (`tests/tidy.rs` holds this):
//!
//! ```text
//! 7 cli                      wires everything; the only printer besides report
//! 6 exec                     the loop that runs a plan
//! 5 config · plan            pipeline.toml → Pipeline · Pipeline + History → Plan
//! 4 actions · pipeline       what steps do · stages and steps with their actions
//! 3 action · journal · report
//! 2 event · tools
//! 1 fingerprint · redact
//! 0 model · error · failpoint · suggest
//! ```

pub mod action;
pub mod actions;
pub mod cli;
mod config;
pub mod error;
pub mod event;
pub mod exec;
pub mod failpoint;
pub mod files;
pub mod fingerprint;
pub mod journal;
pub mod model;
pub mod pipeline;
pub mod plan;
pub mod redact;
mod report;
mod suggest;
pub mod tools;
