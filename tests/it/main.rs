//! The binary as a user meets it: run in a sandbox, with its own files and with scripted tools on PATH.

#![expect(clippy::unwrap_used, reason = "what helps a test fails as the test does")]

mod actions;
mod bad_input;
mod cluster;
mod docker;
mod failure;
mod freshness;
mod interrupt;
mod report;
mod resume;
mod sandbox;
mod schedule;
mod secrets;
mod selection;
mod tools;
