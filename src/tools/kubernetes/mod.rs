//! The Kubernetes API of the one cluster that a pipeline may touch. Nothing else names the `kube` crate.
//!
//! The kube context is always the declared one, never the current one; a cluster that provision starts is also known by
//! its node, because providers such as minikube sign all certificates with one authority and use addresses again.

mod access;
mod apply;
mod client;
mod compare;
mod config_users;
mod diagnosis;
mod discovery;
mod drift;
mod entrance;
mod exercise;
mod exercise_record;
#[cfg(test)]
pub(crate) mod fake_api;
#[cfg(test)]
pub(crate) mod fake_apply;
mod forward;
mod hooks;
mod kinds;
mod local;
mod managers;
mod manifest;
mod nodes;
mod objects;
mod pods;
mod problems;
mod record;
mod release;
mod release_drift;
mod replaceable;
mod rollout;
mod secret;
mod source;
mod steadiness;
mod workload;
mod workload_state;
mod workloads;

pub(crate) use access::KnownCluster;
pub use access::check_access;
pub use client::Kube;
pub use diagnosis::Diagnosis;
pub use entrance::Entrance;
pub use exercise::Change;
pub use exercise_record::Exerciser;
pub use forward::{Forward, ServicePort};
pub use hooks::Hook;
pub use managers::{FieldConflict, FieldManager};
pub use manifest::{ManifestObject, ManifestObjects};
pub use nodes::NodeInfo;
pub use objects::ObjectRef;
pub use pods::RunningImage;
pub use problems::{Outlook, PodProblem, Remedy, pod_problems};
#[cfg(test)]
pub(crate) use record::tests as record_tests;
pub use release::{Marked, RUN_LABEL, Release, ReleaseStatus, Revision, record_name};
pub use release_drift::{IsIgnored, ReleaseDrift};
pub use replaceable::PodOfWorkload;
pub use rollout::{Rollout, RolloutState, Target};
pub use secret::{Applied, GENERATED, SecretObject, SecretState};
pub use source::KubeSource;
pub use workload::{Workload, WorkloadKind};

#[cfg(test)]
mod tests;
