//! The `provision` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // An internal error has an exit code of its own; the message has been printed already.
    std::panic::catch_unwind(provision::cli::main).unwrap_or(ExitCode::from(70))
}
