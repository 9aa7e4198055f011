//! The command line, as clap reads it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::files::Verify;
use crate::report::{ColorChoice, OutputChoice};
use crate::tools::deletion::Consent;

/// Turns a repository into a running, verified deployment: executes the stages of pipeline.toml and reports only what it
/// has seen to be true.
#[derive(Debug, Parser)]
#[command(name = "provision", version, max_term_width = 100, disable_help_subcommand = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Args, Debug)]
pub(super) struct Global {
    #[command(flatten)]
    pub(super) place: FileArg,
    /// Go to this folder first
    #[arg(short = 'C', long, global = true, value_name = "FOLDER")]
    pub(super) directory: Option<PathBuf>,
    /// The profile: a named variant of the pipeline
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Set a variable of `[vars]`
    #[arg(long = "set", global = true, value_name = "NAME=VALUE", value_parser = name_value)]
    pub(super) set: Vec<(String, String)>,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,
    /// How closely input files are looked at
    #[arg(long, global = true, value_name = "HOW", default_value = "stat")]
    pub(super) verify: VerifyArg,
    /// Show every line that steps print
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(super) verbose: bool,
    /// Show failures and the end alone
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
}

/// Not a global argument: `logs` has another meaning for `-f`.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct FileArg {
    /// The pipeline's file [default: pipeline.toml here or in a folder above]
    #[arg(short, long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Do everything that is not proven yet, in order; continues where an earlier run ended
    Up(UpArgs),
    /// Do one stage, and of what it needs only what is not proven
    Stage(StageArgs),
    /// Show what `up` would do and why; touches nothing
    Plan(PlanArgs),
    /// Show the last known state of every step; also while a run is on
    Status(FileArg),
    /// Show why a step is fresh or stale, input by input
    Why(WhyArgs),
    /// Show the checklist: every item with its verdict and evidence
    Report(ReportArgs),
    /// Show a step's whole output
    Logs(LogsArgs),
    /// Show the actions that steps can have, or one with its settings
    Actions(ActionsArgs),
}

#[derive(Args, Debug)]
pub(super) struct UpArgs {
    /// Stages or steps (`stage.step`); everything by default
    #[arg(value_name = "SELECT")]
    pub(super) select: Vec<String>,
    /// Leave out everything before this stage or step
    #[arg(long, value_name = "STEP")]
    pub(super) from: Option<String>,
    /// Leave out everything after this stage or step
    #[arg(long, value_name = "STEP")]
    pub(super) until: Option<String>,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Args, Debug)]
pub(super) struct StageArgs {
    /// The stage
    pub(super) id: String,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) place: FileArg,
    /// The selected alone, without what they need
    #[arg(long)]
    pub(super) only: bool,
    /// Run steps even if they are fresh: all that are selected, or those named
    #[arg(long, value_name = "STEP", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) force: Vec<String>,
    /// Most steps at once over all stages
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(super) jobs: usize,
    /// After a failure, still start what does not depend on it
    #[arg(long)]
    pub(super) keep_going: bool,
    #[command(flatten)]
    pub(super) consent: ConsentArgs,
    /// Refuse a damaged journal instead of setting it aside
    #[arg(long)]
    pub(super) strict_state: bool,
    /// How the run is shown
    #[arg(long, value_name = "FORM", default_value = "auto")]
    pub(super) output: Output,
    /// Write the events as JSON lines into this file, beside what is shown
    #[arg(long, value_name = "FILE")]
    pub(super) events: Option<PathBuf>,
}

/// What the user agrees to in advance.
#[derive(Args, Debug)]
pub(super) struct ConsentArgs {
    /// Agree to the loss of data where a repair has to delete something of ours that is not empty
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Args, Debug)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) place: FileArg,
    /// Stages or steps (`stage.step`); everything by default
    #[arg(value_name = "SELECT")]
    pub(super) select: Vec<String>,
    /// Exit with 10 when there is work
    #[arg(long)]
    pub(super) exit_code: bool,
}

#[derive(Args, Debug)]
pub(super) struct WhyArgs {
    #[command(flatten)]
    pub(super) place: FileArg,
    /// The step (`stage.step`)
    pub(super) step: String,
}

#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    pub(super) place: FileArg,
    /// The form of the report
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(super) format: ReportFormat,
    /// Write it into this file
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Exit with 1 when an item is neither done nor proven by a fallback
    #[arg(long)]
    pub(super) check: bool,
}

#[derive(Args, Debug)]
pub(super) struct LogsArgs {
    /// The step (`stage.step`)
    pub(super) step: String,
    /// The pipeline's file
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// Go on while the step runs
    #[arg(short, long)]
    pub(super) follow: bool,
    /// Of an earlier run
    #[arg(long, value_name = "ID")]
    pub(super) run: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct ActionsArgs {
    /// The action
    pub(super) name: Option<String>,
    /// The whole reference as Markdown: what docs/actions.md holds
    #[arg(long, conflicts_with = "name")]
    pub(super) markdown: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

impl From<Color> for ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum VerifyArg {
    /// Files with unchanged size, times and inode are unchanged
    Stat,
    /// Every file is read
    Content,
}

impl From<VerifyArg> for Verify {
    fn from(verify: VerifyArg) -> Self {
        match verify {
            VerifyArg::Stat => Self::Stat,
            VerifyArg::Content => Self::Content,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Output {
    Auto,
    Tty,
    Lines,
    Json,
    Github,
}

impl From<Output> for OutputChoice {
    fn from(output: Output) -> Self {
        match output {
            Output::Auto => Self::Auto,
            Output::Tty => Self::Tty,
            Output::Lines => Self::Lines,
            Output::Json => Self::Json,
            Output::Github => Self::Github,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ReportFormat {
    Text,
    Markdown,
    Json,
}

impl Command {
    /// The pipeline's file as the subcommand names it.
    pub(super) fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::Up(args) => args.run.place.file.as_ref(),
            Self::Stage(args) => args.run.place.file.as_ref(),
            Self::Plan(args) => args.place.file.as_ref(),
            Self::Status(place) => place.file.as_ref(),
            Self::Why(args) => args.place.file.as_ref(),
            Self::Report(args) => args.place.file.as_ref(),
            Self::Logs(args) => args.file.as_ref(),
            Self::Actions(_) => None,
        }
    }
}

impl Command {
    /// Whether the user has agreed to the loss of data.
    pub(super) fn consent(&self) -> Consent {
        match self {
            Self::Up(args) => Consent::from_flag(args.run.consent.yes),
            Self::Stage(args) => Consent::from_flag(args.run.consent.yes),
            _ => Consent::None,
        }
    }
}

fn name_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
