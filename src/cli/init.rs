//! `provision init`: writes a pipeline.toml for the repository, and says what it is not sure of.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::args::{Cli, InitArgs};
use super::output::Terminal;
use super::runtime::runtime;
use crate::error::{Context, Failure, ids};
use crate::init::{Proposal, propose};
use crate::report::{DIM, Theme};

/// The most lines of one kind that are shown; the file has more of them.
const MAX_SHOWN: usize = 12;

/// The most steps of a stage that are shown.
const MAX_STEPS: usize = 40;

/// `provision init`.
pub(super) fn init(cli: &Cli, terminal: &Terminal, args: &InitArgs) -> Result<u8, Failure> {
    let file = file(cli)?;
    if !args.dry_run && file.symlink_metadata().is_ok() {
        return Err(Failure::of(
            ids::PIPELINE_EXISTS,
            format!("`{}` is there already; it stays as it is", file.display()),
        )
        .hint("`provision init --dry-run` prints what would be written for this repository"));
    }
    let root = file.parent().unwrap_or(Path::new("/")).to_owned();
    let elsewhere = (cli.command.file().is_some() && folder(cli)? != root)
        .then(|| format!("only `{}` was searched: paths in the file start at its folder", root.display()));
    let proposal = runtime()?.block_on(propose(&root, &file)).map_err(|failure| match &elsewhere {
        Some(note) => failure.hint(format!("{note}; `provision init` without `-f` searches the current folder")),
        None => failure,
    })?;
    let is_quiet = cli.global.quiet;
    if args.dry_run {
        terminal.print(|out| out.write_all(proposal.text.as_bytes()))?;
    } else {
        write(&file, &proposal.text)?;
        terminal.note([format!("wrote {}", file.display())]);
    }
    if is_quiet {
        return Ok(0);
    }
    terminal.tell(|err| {
        let between = if args.dry_run { "" } else { "\n" };
        write!(err, "{between}")?;
        show(err, terminal.err, &proposal)?;
        if let Some(note) = &elsewhere {
            writeln!(err, "\n{note}")?;
        }
        if args.dry_run {
            return Ok(());
        }
        writeln!(err, "\nnext: `provision plan` shows what would be done, `provision up` does it")
    });
    Ok(0)
}

/// The file to write: that of `-f`, or `pipeline.toml` in the current folder.
fn file(cli: &Cli) -> Result<PathBuf, Failure> {
    let folder = folder(cli)?;
    Ok(match cli.command.file() {
        Some(file) => folder.join(file),
        None => folder.join("pipeline.toml"),
    })
}

/// The folder that the command starts from.
fn folder(cli: &Cli) -> Result<PathBuf, Failure> {
    let current = std::env::current_dir().context(|| "finding the current folder".into())?;
    let folder = cli.global.directory.as_ref().map_or_else(|| current.clone(), |folder| current.join(folder));
    fs_err::canonicalize(&folder).context(|| "finding the repository".into())
}

/// Writes a file that must not be there.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let writing = || format!("writing `{}`", file.display());
    let mut new = fs_err::OpenOptions::new().write(true).create_new(true).open(file).context(writing)?;
    new.write_all(text.as_bytes()).and_then(|()| new.sync_all()).context(writing)
}

/// Shows what the pipeline has, and what its user has to know.
fn show(out: &mut dyn Write, theme: Theme, proposal: &Proposal) -> io::Result<()> {
    let width = proposal.stages.iter().map(|(stage, _)| stage.len()).max().unwrap_or_default();
    for (stage, steps) in &proposal.stages {
        let more = steps.len().saturating_sub(MAX_STEPS);
        let mut shown = steps[..steps.len() - more].join(", ");
        if more > 0 {
            shown = format!("{shown} and {more} more");
        }
        writeln!(out, "  {stage:width$}  {}", theme.paint(DIM, &shown))?;
    }
    let (n_covered, n_items) = proposal.covered;
    if n_items > 0 {
        writeln!(out, "\n{n_covered} of {n_items} items of the checklists are covered; the file lists the others")?;
    }
    if !proposal.variables.is_empty() {
        writeln!(out, "\nto be set in the environment: {}", proposal.variables.join(", "))?;
    }
    list(out, "not certain:", &proposal.doubts)?;
    let left_out: Vec<String> = proposal.left_out.iter().map(|(path, why)| format!("`{path}`: {why}")).collect();
    list(out, "not used:", &left_out)
}

fn list(out: &mut dyn Write, title: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    for line in lines.iter().take(MAX_SHOWN) {
        // What a repository is called must not drive the terminal.
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        writeln!(out, "  - {line}")?;
    }
    match lines.len().saturating_sub(MAX_SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "  - and {more} more, which the file lists"),
    }
}
