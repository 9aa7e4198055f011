//! [`ConsentArgs`]: what the user agrees to in advance, for every command that runs steps.

use clap::Args;

/// What the user agrees to in advance.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct ConsentArgs {
    /// Trust the pipeline as it is now, and remember that
    #[arg(long)]
    pub(in crate::cli) trust: bool,
    /// Allow to change the cluster of this kube context, wherever it is, and accept the one that it leads to now
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) allow_context: Vec<String>,
    /// Agree to the loss of data where a repair has to delete something of ours that is not empty
    #[arg(long)]
    pub(in crate::cli) yes: bool,
}
