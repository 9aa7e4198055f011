//! The commands: they wire everything together, and are the only place besides `report` that prints.

mod actions;
mod args;
mod inspect;
mod logs;
mod output;
mod project;
mod up;
mod why;

use std::process::ExitCode;

use clap::Parser;

use crate::error::Failure;
use crate::tools::docker;
use args::{Cli, Command};
use output::Terminal;

/// Reads the command line, does what it says, and answers the exit code of the contract.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and are no errors.
            let code = if error.use_stderr() { 2 } else { 0 };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let terminal = Terminal::new(cli.global.color.into());
    start_debug_log();
    match run(&cli, &terminal) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            terminal.show_failure(&failure);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn run(cli: &Cli, terminal: &Terminal) -> Result<u8, Failure> {
    match &cli.command {
        Command::Up(args) => up::up(cli, terminal, args),
        Command::Stage(args) => up::stage(cli, terminal, args),
        Command::Plan(args) => inspect::plan(cli, terminal, args),
        Command::Status(_) => inspect::status(cli, terminal),
        Command::Why(args) => why::why(cli, terminal, args),
        Command::Report(args) => inspect::report(cli, terminal, args),
        Command::Logs(args) => logs::logs(cli, terminal, args),
        Command::Actions(args) => actions::actions(terminal, args),
    }
}

/// `PROVISION_LOG` turns on debug messages of our own. Those of the Docker client stay off whatever it says: they hold
/// whole requests, and with them build arguments.
fn start_debug_log() {
    use tracing_subscriber::EnvFilter;
    use tracing_subscriber::prelude::*;
    let Ok(wanted) = std::env::var("PROVISION_LOG") else { return };
    let filter = EnvFilter::new(format!("{wanted},{}", docker::LOG_FILTER));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(filter);
    // Only a second start could fail.
    drop(tracing_subscriber::registry().with(layer).try_init());
}

/// The runtime that everything asynchronous runs on: one thread, as hardly any of it computes. What does, and what reads
/// many files, has threads of its own.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::bug("can't start the runtime").source(&error))
}
