//! [`Access`]: what the user allows of clusters that provision does not start.

use super::cluster::ClusterSpec;

/// What the user allows of clusters that provision does not start.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The kube contexts that may be changed in this run, wherever they lead.
    pub contexts: Vec<String>,
    /// Whether what is met is put on record: a run does, a reader does not.
    pub records: bool,
}

impl Access {
    pub(super) fn allows(&self, cluster: &ClusterSpec) -> bool {
        self.contexts.contains(&cluster.context)
    }
}
