//! The cluster of a pipeline: how it is brought up and checked. What only one provider does is in that provider's module.

mod existing;
mod minikube;
mod provider;
mod session;

use crate::tools::cluster::{ClusterSpec, Provider as Kind};

pub use provider::Provider;
pub use session::{Ready, Session};

/// Returns what makes and checks the cluster of `spec`.
pub fn provider(spec: &ClusterSpec) -> &'static dyn Provider {
    match spec.provider {
        Kind::Minikube => &minikube::Minikube,
        Kind::Context => &existing::Existing,
    }
}
