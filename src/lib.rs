//! `provision` turns a repository into a running, verified deployment: it executes the stages of a `pipeline.toml` and
//! reports only what it has seen to be true.
//!
//! Modules by layer; each may use those below it, and none beside it (`tests/tidy.rs` holds this):
//!
//! ```text
//! 9 cli                      wires everything; the only printer besides report
//! 8 exec                     the loop that runs a plan
//! 7 config · plan            pipeline.toml → Pipeline · Pipeline + History → Plan
//! 6 actions · pipeline       what steps do · stages and steps with their actions
//! 5 action · journal · report
//! 4 images
//! 3 event · tools
//! 2 files
//! 1 fingerprint · redact
//! 0 model · error · failpoint
//! ```

pub mod action;
pub mod actions;
pub mod cli;
pub mod config;
pub mod error;
pub mod event;
pub mod exec;
pub mod failpoint;
pub mod files;
pub mod fingerprint;
pub mod images;
pub mod journal;
pub mod model;
pub mod pipeline;
pub mod plan;
pub mod redact;
pub mod report;
pub mod tools;
