//! The faults of docs/reliability.md that need neither Docker nor a cluster, each as a test named by its id. The world
//! is a folder: `world` has a line for each time that an effect happened, `made/` a file for each thing that is there
//! now.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps a test fails as the test does")]

mod clock_and_disk;
mod daemon;
mod edits;
mod images;
mod journal;
mod kills;
mod locks;
mod model;
mod output;
mod processes;
#[path = "../support/sandbox.rs"]
#[expect(dead_code, reason = "shared with the other tests of the binary")]
mod sandbox;
mod signals;
mod state_folder;
