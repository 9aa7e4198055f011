//! Tests against a real Docker daemon and a real cluster. `cargo test` leaves them out (`test = false` in Cargo.toml);
//! `./scripts/test` sets both up and runs `cargo test --test live`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what helps a test fails as the test does, and shows what it measured"
)]

mod by_hand;
mod cluster;
mod containers;
mod docker;
mod exercises;
mod explain;
mod image_check;
mod long;
mod main_job;
mod node;
mod ports;
mod prove;
mod registry;
mod releases;
mod repair;
mod rollbacks;
mod samples;
#[path = "../support/sandbox.rs"]
#[expect(dead_code, reason = "the tests of the binary alone use more of it")]
mod sandbox;
mod takeover;
mod watch;
#[path = "../support/workbench.rs"]
mod workbench;
