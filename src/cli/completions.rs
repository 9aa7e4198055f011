//! `provision completions`: the script that makes a shell ask [`super::complete`].

use clap_complete::env::Shells;

use super::args::CompletionsArgs;
use super::complete::{PROGRAM, VARIABLE};
use super::output::Terminal;
use crate::error::{Failure, ids};

pub(super) fn completions(terminal: &Terminal, args: &CompletionsArgs) -> Result<u8, Failure> {
    let shells = Shells::builtins();
    let shell = shells.completer(&args.shell).ok_or_else(|| {
        Failure::of(ids::NAME_UNKNOWN, format!("there are no completions for the shell `{}`", args.shell))
    })?;
    terminal.print(|out| shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, out))?;
    Ok(0)
}
