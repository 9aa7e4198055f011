//! `provision man`: the manual page of the program, or of one command.

use clap::CommandFactory;
use clap_mangen::Man;

use super::args::{Cli, ManArgs};
use super::output::Terminal;
use super::reference;
use crate::error::{Failure, ids};
use crate::suggest::suggest;

pub(super) fn man(terminal: &Terminal, args: &ManArgs) -> Result<u8, Failure> {
    let mut cli = Cli::command();
    cli.build();
    if args.markdown {
        terminal.print(|out| reference::write(out, &cli))?;
        return Ok(0);
    }
    let described = match &args.command {
        None => cli,
        Some(name) => cli.find_subcommand(name).cloned().ok_or_else(|| {
            let names: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
            let failure = Failure::of(ids::NAME_UNKNOWN, format!("there is no command `{name}`"));
            match suggest(name, names.iter().copied()) {
                Some(near) => failure.hint(near),
                None => failure.hint("provision --help"),
            }
        })?,
    };
    let page = Man::new(described).source(concat!("provision ", env!("CARGO_PKG_VERSION")));
    terminal.print(|out| page.render(out))?;
    Ok(0)
}
