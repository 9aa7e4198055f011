//! [`Access`]: what the user allows of clusters that provision does not start.

use super::cluster::ClusterSpec;
use super::process::shell_quoted;
use crate::error::{Failure, FailureKind};

/// What the user allows of clusters that provision does not start.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The kube contexts that may be changed in this run, wherever they lead.
    pub contexts: Vec<String>,
    /// Whether what is met is put on record: a run does, a reader does not.
    pub records: bool,
    /// The command with which the user allows a context, up to its name.
    pub command: String,
}

impl Access {
    pub(super) fn allows(&self, cluster: &ClusterSpec) -> bool {
        self.contexts.contains(&cluster.context)
    }

    /// Returns the command with which the user allows `context`.
    pub(super) fn allowing(&self, context: &str) -> String {
        format!("{} {}", self.command, shell_quoted(context))
    }

    /// Fails if a context is allowed that the pipeline, whose cluster is `cluster`, does not have.
    pub(super) fn check(&self, cluster: Option<&ClusterSpec>) -> Result<(), Failure> {
        let context = cluster.map(|cluster| cluster.context.as_str());
        let Some(other) = self.contexts.iter().find(|allowed| Some(allowed.as_str()) != context) else {
            return Ok(());
        };
        let declared = context.map_or("declares no cluster".to_owned(), |context| format!("has `{context}`"));
        Err(Failure::new(FailureKind::Usage, format!("the pipeline does not use the kube context `{other}`"))
            .cause(format!("its [cluster] {declared}"))
            .hint("correct `--allow-context`"))
    }
}
