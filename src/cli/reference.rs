//! The reference of all commands as Markdown, from the same source as `--help` and the manual pages: docs/cli.md.

use std::io::{self, Write};

use clap::{Arg, ArgAction, Command};

use super::settings::cell;

/// What stands at the top of the page.
const HEAD: &str = "# Commands

All commands with their arguments and options. This page is the output of `provision man --markdown`; a test checks that.
What the exit codes mean, and which files a command reads and writes, is in [reference.md](reference.md).
";

/// Writes the page about the program `cli`, which has been built.
pub(super) fn write(out: &mut dyn Write, cli: &Command) -> io::Result<()> {
    writeln!(out, "{HEAD}\n| command | |\n|---|---|")?;
    for command in commands(cli) {
        writeln!(out, "| [`{0}`](#provision-{0}) | {1} |", command.get_name(), about(command))?;
    }
    writeln!(out, "\n## Options of every command\n")?;
    table(out, cli.get_arguments().filter(|arg| arg.is_global_set() || is_help(arg)))?;
    for command in commands(cli) {
        write_command(out, command, "provision", 2)?;
    }
    Ok(())
}

/// Writes a command and the commands below it.
fn write_command(out: &mut dyn Write, command: &Command, parent: &str, depth: usize) -> io::Result<()> {
    let name = format!("{parent} {}", command.get_name());
    writeln!(out, "\n{} {name}\n\n{}.\n", "#".repeat(depth), about(command))?;
    let usage = command.clone().render_usage().to_string();
    writeln!(out, "```\n{}\n```", usage.trim_start_matches("Usage: ").trim())?;
    let own = || command.get_arguments().filter(|arg| !arg.is_global_set() && !is_help(arg));
    if own().next().is_some() {
        writeln!(out)?;
        table(out, own())?;
    }
    for below in commands(command) {
        write_command(out, below, &name, depth + 1)?;
    }
    Ok(())
}

fn commands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|one| !one.is_hide_set())
}

fn is_help(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version)
}

fn about(command: &Command) -> String {
    command.get_about().map(|about| cell(&about.to_string())).unwrap_or_default()
}

/// Writes a table of arguments.
fn table<'a>(out: &mut dyn Write, arguments: impl Iterator<Item = &'a Arg>) -> io::Result<()> {
    writeln!(out, "| argument | |\n|---|---|")?;
    for arg in arguments.filter(|arg| !arg.is_hide_set()) {
        let text = arg.get_long_help().or(arg.get_help()).map(|help| cell(&help.to_string())).unwrap_or_default();
        writeln!(out, "| `{}` | {text}{} |", cell(&form(arg)), further(arg))?;
    }
    Ok(())
}

/// Returns an argument as it is written: `-f, --file FILE`.
fn form(arg: &Arg) -> String {
    let names: Vec<String> = arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let value = names.join(" ");
    if arg.is_positional() {
        let many = if arg.get_num_args().is_some_and(|n| n.max_values() > 1) { "…" } else { "" };
        return if arg.is_required_set() { format!("{value}{many}") } else { format!("[{value}{many}]") };
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    if !arg.get_action().takes_values() {
        names
    } else if arg.get_num_args().is_some_and(|n| n.min_values() == 0) {
        format!("{names}[={value}]")
    } else {
        format!("{names} {value}")
    }
}

/// Returns the values that an argument takes, and the one that it has by default, as further sentences.
fn further(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let values = arg.get_possible_values();
    let described = values.iter().filter(|value| !value.is_hide_set()).map(|value| {
        let about = value.get_help().map(|help| format!(" ({})", cell(&help.to_string()))).unwrap_or_default();
        format!("`{}`{about}", value.get_name())
    });
    let described: Vec<String> = described.collect();
    let defaults: Vec<String> = arg.get_default_values().iter().map(|value| value.display().to_string()).collect();
    let values = (!described.is_empty()).then(|| format!(". One of {}", described.join(", ")));
    let default = (!defaults.is_empty()).then(|| format!(". By default `{}`", defaults.join(" ")));
    values.into_iter().chain(default).collect()
}
