//! The commands: they wire everything together. Only they and `report` print.

mod actions;
mod args;
mod complete;
mod completions;
mod diff;
mod doctor;
mod down;
mod environments;
mod explain;
mod follow;
mod gc;
mod given;
mod graph;
mod init;
mod inspect;
mod install;
mod logs;
mod man;
mod open;
mod output;
mod project;
mod prompter;
mod prove;
mod reference;
mod reporters;
mod runtime;
mod schema;
mod secrets;
mod settings;
mod signals;
mod status;
mod tick;
mod trust;
mod up;
mod usage;
mod user_state;
mod watch;
mod why;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::error::Failure;
use crate::threads;
use crate::tools::docker;
use args::{Cli, Command};
use output::Terminal;

/// Returns the command line with all its commands, for what has to know every one of them.
pub fn command_line() -> clap::Command {
    Cli::command()
}

/// Runs the command line. Returns the exit code.
pub fn main() -> ExitCode {
    threads::prepare_heap();
    if let Some(code) = complete::complete() {
        return code;
    }
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(usage::answer(&error)),
    };
    let terminal = Terminal::new(cli.global.color);
    start_debug_log(&terminal);
    match environments::locate(&mut cli).and_then(|()| run(&cli, &terminal)) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            terminal.show_failure(&failure);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn run(cli: &Cli, terminal: &Terminal) -> Result<u8, Failure> {
    match &cli.command {
        Command::Init(args) => init::init(cli, terminal, args),
        Command::Up(args) => up::up(cli, terminal, args),
        Command::Stage(args) => up::stage(cli, terminal, args),
        Command::Plan(args) => inspect::plan(cli, terminal, args),
        Command::Status(args) => status::status(cli, terminal, args),
        Command::Watch(args) => watch::watch(cli, terminal, args),
        Command::Why(args) => why::why(cli, terminal, args),
        Command::Report(args) => inspect::report(cli, terminal, args),
        Command::Logs(args) => logs::logs(cli, terminal, args),
        Command::Open(args) => open::open(cli, terminal, args),
        Command::Prove(args) => prove::prove(cli, terminal, args),
        Command::Trust(args) => trust::trust(cli, terminal, args),
        Command::Doctor(args) => doctor::doctor(cli, terminal, args),
        Command::Down(args) => down::down(cli, terminal, args),
        Command::Ls(args) => environments::ls(terminal, args),
        Command::Gc(args) => gc::gc(cli, terminal, args),
        Command::Graph(args) => graph::graph(cli, terminal, args),
        Command::Explain(args) => explain::explain(cli, terminal, args),
        Command::Actions(args) => actions::actions(terminal, args),
        Command::Schema(args) => schema::schema(terminal, args),
        Command::Completions(args) => completions::completions(terminal, args),
        Command::Man(args) => man::man(terminal, args),
    }
}

/// `PROVISION_LOG` turns on debug messages. Those of the Docker client stay off, whatever it says: they contain whole
/// requests, and with them build arguments.
fn start_debug_log(terminal: &Terminal) {
    use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets};
    use tracing_subscriber::prelude::*;
    let Ok(wanted) = std::env::var("PROVISION_LOG") else { return };
    let wanted: Targets = match wanted.parse() {
        Ok(wanted) => wanted,
        Err(error) => {
            terminal.warn([format!(
                "PROVISION_LOG is ignored: {error}; it may be `debug`, or `provision=trace,kube=debug`"
            )]);
            return;
        }
    };
    let silent = docker::LOG_TARGETS.iter().map(|target| (*target, LevelFilter::WARN));
    let allowed = Targets::new().with_default(LevelFilter::TRACE).with_targets(silent);
    // A response that the cluster's client can't read is shown whole, and may hold a Secret; its requests are not.
    let allowed = allowed.with_target("kube_client::client", LevelFilter::OFF);
    let allowed = allowed.with_target("kube_client::client::builder", LevelFilter::TRACE);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(wanted.and(allowed));
    // It only fails if it is called twice.
    drop(tracing_subscriber::registry().with(layer).try_init());
}
