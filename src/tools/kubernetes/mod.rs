//! The Kubernetes API of the one cluster that a pipeline may touch. Nothing else names the `kube` crate.
//!
//! The kube context is always the declared one, never the current one; a cluster that provision starts is also known by
//! its node, because providers such as minikube sign all certificates with one authority and use addresses again.

mod apply;
mod client;
mod diagnosis;
mod discovery;
#[cfg(test)]
pub(crate) mod fake_api;
#[cfg(test)]
pub(crate) mod fake_apply;
mod forward;
mod kinds;
mod managers;
mod nodes;
mod objects;
mod pods;
mod problems;
mod record;
mod release;
mod rollout;
mod secret;
mod source;
mod workloads;

pub use client::Kube;
pub use diagnosis::Diagnosis;
pub use forward::{Forward, ServicePort};
pub use managers::{FieldConflict, FieldManager};
pub use nodes::NodeInfo;
pub use objects::ObjectRef;
pub use problems::{Outlook, PodProblem, Remedy, pod_problems};
#[cfg(test)]
pub(crate) use record::tests as record_tests;
pub use release::{ManifestObjects, Marked, RUN_LABEL, Release, ReleaseStatus, Revision, record_name};
pub use rollout::{Rollout, RolloutState, Target};
pub use secret::{Applied, GENERATED, SecretObject, SecretState};
pub use source::KubeSource;
pub use workloads::{Workload, WorkloadKind};

#[cfg(test)]
mod tests;
