//! The arguments of the commands that stay: they follow what happens until they are stopped.

use std::path::PathBuf;

use clap::Args;

use super::consent::ConsentArgs;
use super::place::FileArg;
use super::support::{ReadFormat, at_least_one};
use crate::report::OutputChoice;

#[derive(Args, Debug)]
pub(in crate::cli) struct LogsArgs {
    /// Steps (`stage.step`) or stages; unless it is one step, each line begins with the step that has printed it. By
    /// default all steps that ran in the last run
    #[arg(value_name = "SELECT")]
    pub(in crate::cli) select: Vec<String>,
    /// The pipeline file
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) file: Option<PathBuf>,
    /// Follow the output while the step runs, or once the run that is on comes to it; of several, until that run ends
    #[arg(short, long)]
    pub(in crate::cli) follow: bool,
    /// Show every byte as it is, also control sequences that drive the terminal
    #[arg(long)]
    pub(in crate::cli) raw: bool,
    /// How to show it; of JSON each line is an object
    #[arg(long, value_name = "FORM", default_value = "text", conflicts_with = "raw")]
    pub(in crate::cli) format: ReadFormat,
    /// Show the log of run ID
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) run: Option<String>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct OpenArgs {
    #[command(flatten)]
    pub(in crate::cli) place: FileArg,
    /// A step that deploys or checks it, or a Service: `NAME`, `NAME:PORT` or `NAMESPACE/NAME`; by default the one that
    /// the last check of a page in the pipeline asks
    #[arg(value_name = "STEP|SERVICE")]
    pub(in crate::cli) what: Option<String>,
    /// The port of this machine; by default one that is always the same for this Service in this folder
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) port: Option<u16>,
    /// Also open it in the browser
    #[arg(long)]
    pub(in crate::cli) browser: bool,
    /// How to print the address
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(in crate::cli) format: ReadFormat,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct WatchArgs {
    #[command(flatten)]
    pub(in crate::cli) place: FileArg,
    /// Stages or steps (`stage.step`); all by default
    #[arg(value_name = "SELECT")]
    pub(in crate::cli) select: Vec<String>,
    /// Skip everything after this stage or step
    #[arg(long, value_name = "STEP")]
    pub(in crate::cli) until: Option<String>,
    /// Maximum number of steps that run at once, in all stages together
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one)]
    pub(in crate::cli) jobs: usize,
    #[command(flatten)]
    pub(in crate::cli) consent: ConsentArgs,
    /// How to show the runs
    #[arg(long, value_name = "FORM", default_value = "auto")]
    pub(in crate::cli) output: OutputChoice,
    /// Look for changes every two seconds, where the system does not report them: of folders on another machine
    #[arg(long)]
    pub(in crate::cli) poll: bool,
}
