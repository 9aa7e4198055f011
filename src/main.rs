//! The `provision` program; everything is in the library.

use std::process::ExitCode;

/// A static program has musl's allocator otherwise, which lets one thread allocate at a time. It must not ask for huge
/// pages: the example would take three times the memory.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // An internal error has an exit code of its own; the message has been printed already.
    std::panic::catch_unwind(provision::cli::main).unwrap_or(ExitCode::from(70))
}
