//! Against a real Docker daemon and a real cluster: what no stand-in can prove. `./scripts/test` brings both.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what helps a test fails as the test does, and shows what it measured"
)]

mod bench;
mod cluster;
mod docker;
mod main_job;
mod node;
mod registry;
mod releases;
mod repair;
#[path = "../it/sandbox.rs"]
#[expect(dead_code, reason = "the tests of the binary alone use more of it")]
mod sandbox;
mod workbench;
