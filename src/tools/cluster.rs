//! [`ClusterSpec`]: the one cluster that a pipeline may touch.

use std::path::{Path, PathBuf};

/// What makes the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// A local cluster that minikube makes: we may start, repair and stop it.
    Minikube,
    /// One that is there already, by its kube context: we never start, repair or delete it.
    Context,
}

impl Provider {
    /// All providers with their names in `pipeline.toml`.
    pub const ALL: [(&'static str, Self); 2] = [("minikube", Self::Minikube), ("context", Self::Context)];

    /// Its name in `pipeline.toml`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, provider)| *provider == self).map_or("", |(name, _)| name)
    }
}

/// The `[cluster]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSpec {
    /// What makes it.
    pub provider: Provider,
    /// Its name: minikube's profile, and so also its kube context and its node's container; or the kube context.
    pub name: String,
    /// Processors for a new cluster.
    pub cpus: Option<u32>,
    /// Memory for a new cluster, as minikube takes it: `8g`.
    pub memory: Option<String>,
    /// minikube's driver; its own choice where it is not set.
    pub driver: Option<String>,
    /// The version of Kubernetes for a new cluster.
    pub kubernetes_version: Option<String>,
    /// Further arguments for `minikube start`.
    pub start_args: Vec<String>,
    /// Whether its data may be lost: a cluster that has to be created again is deleted without asking.
    pub ephemeral: bool,
}

impl ClusterSpec {
    /// The kubeconfig that we use: one of our own for a cluster that we make, so that nobody's current context changes;
    /// `None` for the user's own.
    pub fn kubeconfig(&self, state_dir: &Path) -> Option<PathBuf> {
        match self.provider {
            Provider::Minikube => Some(state_dir.join("kubeconfig")),
            Provider::Context => None,
        }
    }

    /// The kube context; always named explicitly, so that the current one never matters.
    pub fn context(&self) -> &str {
        &self.name
    }
}
