//! The command line, as clap reads it.

mod consent;
mod live;
mod place;
mod support;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use crate::files::Verify;
use crate::report::{ChecklistFormat, ColorChoice, DIFF_FORMATS, DiffFormat, FORMATS, OutputChoice, ProveFormat};
use crate::tools::deletion::Consent;
use crate::tools::kubernetes::Purpose;
pub(super) use consent::ConsentArgs;
pub(super) use live::{LogsArgs, OpenArgs, WatchArgs};
pub(super) use place::FileArg;
use support::at_least_one;
pub(super) use support::{
    ActionsArgs, CompletionsArgs, DoctorArgs, DownArgs, ExplainArgs, GcArgs, GraphArgs, LsArgs, ManArgs, ReadFormat,
    SchemaArgs, StatusArgs, TrustArgs,
};

/// Turns a repository into a running, verified deployment: runs the stages of pipeline.toml, and reports only what it
/// has verified.
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
    /// Change to this folder first
    #[arg(short = 'C', long, global = true, value_name = "FOLDER")]
    pub(super) directory: Option<PathBuf>,
    /// Use this profile, a named variant of the pipeline
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Set a variable of `[vars]`
    #[arg(long = "set", global = true, value_name = "NAME=VALUE", value_parser = name_value)]
    pub(super) set: Vec<(String, String)>,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: ColorChoice,
    /// How to check input files for changes
    #[arg(long, global = true, value_name = "HOW", default_value = "stat")]
    pub(super) verify: VerifyArg,
    /// Show the output of steps
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(super) verbose: bool,
    /// Show only failures and the summary
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a pipeline.toml for what is in the repository
    Init(InitArgs),
    /// Run all steps that are not proven yet, in order; continues where an earlier run ended
    Up(UpArgs),
    /// Run one stage, and those of its dependencies that are not proven yet
    Stage(StageArgs),
    /// Show what `up` would do and why, without changing anything
    Plan(PlanArgs),
    /// Show the last known state of every step, also during a run
    Status(StatusArgs),
    /// Show why a step is fresh or stale, input by input
    Why(WhyArgs),
    /// Show the checklist: every item with its verdict and evidence
    Report(ReportArgs),
    /// Show the output of steps
    Logs(LogsArgs),
    /// Keep the deployed application forwarded to this machine, and print its address
    Open(OpenArgs),
    /// Build, deliver, deploy and verify after every change of a file that a step reads
    Watch(WatchArgs),
    /// Change copies of files that items are proven from; show what no check notices
    Prove(ProveArgs),
    /// Show what the pipeline executes, and trust it as it is now
    Trust(TrustArgs),
    /// Check whether this machine has what the pipeline needs, each problem with its fix
    Doctor(DoctorArgs),
    /// Remove what provision made, and only that: shows it first, and asks
    Down(DownArgs),
    /// List the environments of this machine: what was brought up, from where, and how its last run ended
    Ls(LsArgs),
    /// Remove old logs and images of this project, and journal records that are void
    Gc(GcArgs),
    /// Show what needs what, with the last known state of every step
    Graph(GraphArgs),
    /// Explain an error by its id, or the last failure of a step; list all errors
    Explain(ExplainArgs),
    /// List the actions of steps, or show one with its settings
    Actions(ActionsArgs),
    /// Print the JSON Schema of pipeline.toml, for editors
    Schema(SchemaArgs),
    /// Print the completions for a shell, which know the stages, steps and profiles too
    Completions(CompletionsArgs),
    /// Print the manual page
    Man(ManArgs),
}

#[derive(Args, Debug)]
pub(super) struct InitArgs {
    #[command(flatten)]
    pub(super) place: FileArg,
    /// Print the file instead of writing it
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Args, Debug)]
pub(super) struct UpArgs {
    /// Stages or steps (`stage.step`); all by default
    #[arg(value_name = "SELECT")]
    pub(super) select: Vec<String>,
    /// Skip everything before this stage or step
    #[arg(long, value_name = "STEP")]
    pub(super) from: Option<String>,
    /// Skip everything after this stage or step
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
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) place: FileArg,
    /// Run only the selected steps, not their dependencies
    #[arg(long)]
    pub(super) only: bool,
    /// Run steps even if they are fresh: all selected ones, or the named one
    #[arg(long, value_name = "STEP", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) force: Vec<String>,
    /// Maximum number of steps that run at once, in all stages together
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one)]
    pub(super) jobs: usize,
    /// After a failure, continue with steps that do not depend on it
    #[arg(long)]
    pub(super) keep_going: bool,
    #[command(flatten)]
    pub(super) consent: ConsentArgs,
    /// Fail if the journal is damaged instead of setting it aside
    #[arg(long)]
    pub(super) strict_state: bool,
    /// How to show the run
    #[arg(long, value_name = "FORM", default_value = "auto")]
    pub(super) output: OutputChoice,
    /// Ring the terminal's bell at the end of a run that took this long
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "30s",
        value_parser = time)]
    pub(super) bell: Option<Duration>,
    /// Also write the events as JSON lines to this file
    #[arg(long, value_name = "FILE")]
    pub(super) events: Option<PathBuf>,
    /// Write where the time went to this file at the end: a profile that Perfetto shows
    #[arg(long, value_name = "FILE")]
    pub(super) profile_trace: Option<PathBuf>,
    /// Before the run, install programs that are missing or too old, in the ways that their `tool-check` steps declare;
    /// asks first, or `--yes`
    #[arg(long)]
    pub(super) install: bool,
}

#[derive(Args, Debug)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) place: FileArg,
    /// Stages or steps (`stage.step`); all by default
    #[arg(value_name = "SELECT")]
    pub(super) select: Vec<String>,
    /// Exit with code 10 if there is work to do
    #[arg(long)]
    pub(super) exit_code: bool,
    /// How to show it
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(super) format: ReadFormat,
}

#[derive(Args, Debug)]
pub(super) struct WhyArgs {
    #[command(flatten)]
    pub(super) place: FileArg,
    /// The step (`stage.step`)
    pub(super) step: String,
    /// How to show it
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(super) format: ReadFormat,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct ReportArgs {
    #[command(subcommand)]
    pub(super) command: Option<ReportCommand>,
    #[command(flatten)]
    pub(super) place: FileArg,
    /// The format of the report
    #[arg(long, value_name = "FORM", default_value = FORMATS[0].name, value_parser = report_format())]
    pub(super) format: &'static ChecklistFormat,
    /// Write it to this file
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Tick the boxes of the checklists by what the report says: `[x]` for what is proven, `[ ]` for all else
    #[arg(long)]
    pub(super) tick: bool,
    /// How old a proof may be that can't be seen again without changing something; `24h` by default
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) max_age: Option<Duration>,
    /// Exit with code 1 if an item is neither proven (by a step, a fallback, a person) nor waived, or there is no item
    #[arg(long)]
    pub(super) check: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum ReportCommand {
    /// Show the items whose verdict or evidence has changed between two runs, by the journal alone
    Diff(DiffArgs),
}

#[derive(Args, Debug)]
pub(super) struct DiffArgs {
    #[command(flatten)]
    pub(super) place: FileArg,
    /// The first run: the beginning of its id, `latest` or `previous`
    #[arg(value_name = "RUN", default_value = "previous")]
    pub(super) from: String,
    /// The second run
    #[arg(value_name = "RUN", default_value = "latest")]
    pub(super) to: String,
    /// The format
    #[arg(long, value_name = "FORM", default_value = DIFF_FORMATS[0].name, value_parser = diff_format())]
    pub(super) format: &'static DiffFormat,
    /// Write it to this file
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Exit with code 10 if an item has changed
    #[arg(long)]
    pub(super) exit_code: bool,
}

#[derive(Args, Debug)]
pub(super) struct ProveArgs {
    #[command(flatten)]
    pub(super) place: FileArg,
    /// Items of the checklists; all that are proven from files by default
    #[arg(value_name = "ITEM")]
    pub(super) items: Vec<String>,
    /// The format of the report
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(super) format: ProveFormat,
    /// Most mutants of each file that are tried, the same ones each time; 0 for all
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub(super) mutants: usize,
    /// Trust the pipeline as it is now, and remember that
    #[arg(long)]
    pub(super) trust: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum VerifyArg {
    /// Files with the same size, times and inode are unchanged
    Stat,
    /// Read every file
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

/// Parses the name of a format of the report.
fn report_format() -> impl TypedValueParser<Value = &'static ChecklistFormat> {
    PossibleValuesParser::new(FORMATS.iter().map(|format| format.name))
        .map(|name| FORMATS.iter().find(|format| format.name == name).unwrap_or(&FORMATS[0]))
}

/// Parses the name of a format of the diff.
fn diff_format() -> impl TypedValueParser<Value = &'static DiffFormat> {
    PossibleValuesParser::new(DIFF_FORMATS.iter().map(|format| format.name))
        .map(|name| DIFF_FORMATS.iter().find(|format| format.name == name).unwrap_or(&DIFF_FORMATS[0]))
}

impl Command {
    /// Returns the pipeline file that the subcommand names.
    pub(super) fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::Init(args) => args.place.file.as_ref(),
            Self::Up(args) => args.run.place.file.as_ref(),
            Self::Stage(args) => args.run.place.file.as_ref(),
            Self::Plan(args) => args.place.file.as_ref(),
            Self::Status(args) => args.place.file.as_ref(),
            Self::Why(args) => args.place.file.as_ref(),
            Self::Report(args) => match &args.command {
                Some(ReportCommand::Diff(args)) => args.place.file.as_ref(),
                None => args.place.file.as_ref(),
            },
            Self::Logs(args) => args.file.as_ref(),
            Self::Open(args) => args.place.file.as_ref(),
            Self::Watch(args) => args.place.file.as_ref(),
            Self::Prove(args) => args.place.file.as_ref(),
            Self::Trust(args) => args.place.file.as_ref(),
            Self::Doctor(args) => args.place.file.as_ref(),
            Self::Down(args) => args.place.file.as_ref(),
            Self::Gc(args) => args.place.file.as_ref(),
            Self::Graph(args) => args.place.file.as_ref(),
            Self::Explain(args) => args.place.file.as_ref(),
            Self::Ls(_) | Self::Actions(_) | Self::Schema(_) | Self::Completions(_) | Self::Man(_) => None,
        }
    }
}

impl Command {
    /// Whether the user has agreed to the loss of data.
    pub(super) fn consent(&self) -> Consent {
        match self {
            Self::Up(args) => Consent::from_flag(args.run.consent.yes),
            Self::Stage(args) => Consent::from_flag(args.run.consent.yes),
            Self::Watch(args) => Consent::from_flag(args.consent.yes),
            _ => Consent::None,
        }
    }
}

impl Command {
    /// The kube contexts whose clusters the user allows to change; `None` if the command has no such option.
    pub(super) fn allowed_contexts(&self) -> Option<&[String]> {
        match self {
            Self::Up(args) => Some(&args.run.consent.allow_context),
            Self::Stage(args) => Some(&args.run.consent.allow_context),
            Self::Watch(args) => Some(&args.consent.allow_context),
            Self::Down(args) => Some(&args.allow_context),
            _ => None,
        }
    }

    /// Whether it puts on record which clusters it meets.
    pub(super) fn records_clusters(&self) -> bool {
        let is_trial = matches!(self, Self::Down(args) if args.dry_run);
        self.allowed_contexts().is_some() && !is_trial
    }

    /// What its requests to the cluster are for.
    pub(super) fn purpose(&self) -> Purpose {
        match self {
            Self::Plan(_) | Self::Report(_) | Self::Why(_) => Purpose::Inspect,
            _ => Purpose::Change,
        }
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(SignedDuration::from_secs);
    let time = seconds.or_else(|| text.parse().ok()).and_then(|time| Duration::try_from(time).ok());
    time.ok_or_else(|| "expected a length of time such as `90s`, `10m` or `1h 30m`".to_owned())
}

fn name_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
