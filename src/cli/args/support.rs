//! The arguments of the commands that are about this machine, this project as a whole, or the program itself.

use bytesize::ByteSize;
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use super::place::FileArg;
use crate::report::GraphFormat;

/// How a command that only reads shows what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ReadFormat {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct StatusArgs {
    #[command(flatten)]
    pub(in crate::cli) place: FileArg,
    /// Follow the run that is on until it ends, and end with exit code 0 only if it has succeeded
    #[arg(long)]
    pub(in crate::cli) watch: bool,
    /// How to show it; with `--watch` each change is a JSON document on a line of its own
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(in crate::cli) format: ReadFormat,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct TrustArgs {
    #[command(flatten)]
    pub(in crate::cli) place: FileArg,
    /// Only show it
    #[arg(long)]
    pub(in crate::cli) show: bool,
    /// Do not trust it any more
    #[arg(long, conflicts_with = "show")]
    pub(in crate::cli) forget: bool,
    /// How to show it; with `--show`
    #[arg(long, value_name = "FORM", default_value = "text", requires = "show")]
    pub(in crate::cli) format: ReadFormat,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct DoctorArgs {
    #[command(flatten)]
    pub(in crate::cli) place: FileArg,
    /// How to show what was found
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(in crate::cli) format: ReadFormat,
    /// Install programs that are missing or too old, in the ways that their `tool-check` steps declare; asks first
    #[arg(long)]
    pub(in crate::cli) install: bool,
    /// Do not ask
    #[arg(long, requires = "install")]
    pub(in crate::cli) yes: bool,
    /// Trust the pipeline as it is now, and remember that
    #[arg(long, requires = "install")]
    pub(in crate::cli) trust: bool,
}

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(in crate::cli) struct DownArgs {
    #[command(flatten)]
    pub(in crate::cli) place: FileArg,
    /// Take down this environment of `provision ls`, wherever its checkout is
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) env: Option<String>,
    /// Remove the cluster too, with everything in it
    #[arg(long)]
    pub(in crate::cli) cluster: bool,
    /// Only show what would be removed
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// How to show it; with `--dry-run`
    #[arg(long, value_name = "FORM", default_value = "text", requires = "dry_run")]
    pub(in crate::cli) format: ReadFormat,
    /// Remove it without asking, with the data in it
    #[arg(long)]
    pub(in crate::cli) yes: bool,
    /// Trust the pipeline as it is now, and remember that
    #[arg(long)]
    pub(in crate::cli) trust: bool,
    /// Allow to change the cluster of this kube context, wherever it is
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) allow_context: Vec<String>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct ExplainArgs {
    #[command(flatten)]
    pub(in crate::cli) place: FileArg,
    /// The id of an error, or a step (`stage.step`) that has failed; without it all ids are listed
    #[arg(value_name = "ID")]
    pub(in crate::cli) error: Option<String>,
    /// How to show it
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(in crate::cli) format: ReadFormat,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct LsArgs {
    /// How to show them
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(in crate::cli) format: ReadFormat,
    /// Forget the environments whose checkouts are gone; nothing of them is taken down
    #[arg(long)]
    pub(in crate::cli) prune: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct GcArgs {
    #[command(flatten)]
    pub(in crate::cli) place: FileArg,
    /// How many runs keep their logs, besides those that the report shows
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(in crate::cli) runs: usize,
    /// What all logs may take together, such as `200MB`; without it only the number of runs counts
    #[arg(long, value_name = "SIZE")]
    pub(in crate::cli) size: Option<ByteSize>,
    /// How many images of each name stay, besides the current one
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(in crate::cli) images: usize,
    /// What all images that the steps have built may take together, such as `5GB`; without it only their number counts
    #[arg(long, value_name = "SIZE")]
    pub(in crate::cli) images_size: Option<ByteSize>,
    /// Only show what would be removed
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// How to show it; with `--dry-run`
    #[arg(long, value_name = "FORM", default_value = "text", requires = "dry_run")]
    pub(in crate::cli) format: ReadFormat,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct GraphArgs {
    #[command(flatten)]
    pub(in crate::cli) place: FileArg,
    /// The language of the graph
    #[arg(long, value_name = "FORM", default_value = "mermaid")]
    pub(in crate::cli) format: GraphFormat,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct ActionsArgs {
    /// The action to show
    pub(in crate::cli) name: Option<String>,
    /// Print the reference as Markdown, for docs/actions.md
    #[arg(long, conflicts_with = "name")]
    pub(in crate::cli) markdown: bool,
    /// How to show it
    #[arg(long, value_name = "FORM", default_value = "text", conflicts_with = "markdown")]
    pub(in crate::cli) format: ReadFormat,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    #[arg(value_parser = PossibleValuesParser::new(SHELLS))]
    pub(in crate::cli) shell: String,
}

/// The shells that there are completions for.
const SHELLS: [&str; 5] = ["bash", "zsh", "fish", "elvish", "powershell"];

#[derive(Args, Debug)]
pub(in crate::cli) struct ManArgs {
    /// The command to describe; the whole program by default
    pub(in crate::cli) command: Option<String>,
    /// Print the reference of all commands as Markdown, for docs/cli.md
    #[arg(long, exclusive = true)]
    pub(in crate::cli) markdown: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct SchemaArgs {
    /// Print tables of all keys as Markdown, for docs/settings.md
    #[arg(long)]
    pub(in crate::cli) markdown: bool,
}

/// Reads how many of something there are to be.
pub(in crate::cli) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("it has to be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}
