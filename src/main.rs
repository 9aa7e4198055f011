//! The `provision` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A mistake of ours has an exit code of its own; the message is on standard error already.
    std::panic::catch_unwind(provision::cli::main).unwrap_or(ExitCode::from(70))
}
