//! [`ClusterSpec`]: the one cluster that a pipeline may touch, whatever provides it.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Decides whether a node belongs to a cluster: by the cluster's name, the node's name, and the node's labels.
pub type OwnsNode = fn(&str, &str, &BTreeMap<String, String>) -> bool;

/// The declared cluster: what every part of the program needs to know of it.
#[derive(Clone, Debug)]
pub struct ClusterSpec {
    /// The provider's name in `pipeline.toml`.
    pub provider: &'static str,
    /// Its name.
    pub name: String,
    /// Its kube context; always named explicitly, so that the current one never matters.
    pub context: String,
    /// The name of the node that images go to, which is also that of the node's container, where it is one.
    pub node: String,
    /// Whether provision starts it. It then has a kubeconfig of its own, so that nobody's current context changes.
    pub managed: bool,
    /// Which nodes are its own. `None` where the credentials alone identify the cluster.
    pub owns_node: Option<OwnsNode>,
    /// Whether the file allows to change one that provision does not start, wherever it is.
    pub allow: bool,
    /// The uid of its `kube-system` namespace, where the file names it: no other cluster is the declared one.
    pub uid: Option<String>,
    implementation: Arc<dyn Any + Send + Sync>,
}

impl ClusterSpec {
    /// The cluster `name` of `provider`: not started by provision, with `name` also for its context and its node.
    pub fn new(provider: &'static str, name: &str) -> Self {
        Self {
            provider,
            name: name.to_owned(),
            context: name.to_owned(),
            node: name.to_owned(),
            managed: false,
            owns_node: None,
            allow: false,
            uid: None,
            implementation: Arc::new(()),
        }
    }

    /// One that provision starts, and whose nodes are recognised by `owns_node`.
    pub fn managed(provider: &'static str, name: &str, owns_node: OwnsNode) -> Self {
        Self { managed: true, owns_node: Some(owns_node), ..Self::new(provider, name) }
    }

    /// With what the file says of a cluster that is there already: see [`Self::allow`] and [`Self::uid`].
    pub fn existing(self, allow: bool, uid: Option<String>) -> Self {
        Self { allow, uid, ..self }
    }

    /// Attaches what the provider's own code needs of the cluster; see [`Self::implementation`].
    pub fn with_implementation<T: Any + Send + Sync>(self, implementation: T) -> Self {
        Self { implementation: Arc::new(implementation), ..self }
    }

    /// Returns what was attached, if it is a `T`.
    pub fn implementation<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.implementation.downcast_ref()
    }

    /// Returns the kubeconfig of a managed cluster; `None` for one in the user's own.
    pub fn kubeconfig(&self, state_dir: &Path) -> Option<PathBuf> {
        self.managed.then(|| state_dir.join("kubeconfig"))
    }
}
