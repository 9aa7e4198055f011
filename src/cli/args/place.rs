//! [`FileArg`]: where the pipeline is.

use std::path::PathBuf;

use clap::Args;

/// Not a global argument: in `logs`, `-f` has another meaning.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct FileArg {
    /// The pipeline file [default: pipeline.toml in this folder or one above]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) file: Option<PathBuf>,
}
