//! The binary as a user meets it: run in a sandbox, with its own files and with scripted tools on PATH.

#![expect(clippy::unwrap_used, reason = "what helps a test fails as the test does")]

mod actions;
mod agents;
mod assertions;
mod bad_input;
mod canary;
mod cluster;
mod compose;
mod confirm;
mod container_run;
mod context;
mod docker;
mod doctor;
mod documents;
mod down;
mod explain;
mod failure;
mod fake_build;
mod fake_cluster;
mod fake_docker;
mod fake_engine;
mod fake_helm;
mod fixes;
mod freshness;
mod gc;
mod image_check;
mod init;
mod inputs;
mod install;
mod interrupt;
mod login;
mod logs;
mod missing_secrets;
mod open;
mod policy_check;
mod port_check;
mod profile_trace;
mod prove;
mod pulled_kubeconfig;
mod references;
mod releases;
mod report;
mod report_diff;
mod resume;
mod samples;
#[path = "../support/sandbox.rs"]
#[expect(dead_code, reason = "shared with the fault suite and the live tests, which use more of it")]
mod sandbox;
mod schedule;
mod screens;
mod secrets;
mod selection;
mod server;
mod shared_cluster;
mod side_by_side;
mod state_folder;
mod status_watch;
mod streams;
mod support_commands;
mod terminal;
mod together;
mod tools;
mod trust;
mod verdicts;
mod watch;
