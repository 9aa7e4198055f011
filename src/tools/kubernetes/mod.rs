//! The Kubernetes API of the one cluster that a pipeline may touch. Nothing else names the `kube` crate.
//!
//! The kube context is always the declared one, never the current one; a cluster that provision starts is also known by
//! its node, because providers such as minikube sign all certificates with one authority and use addresses again.

mod access;
mod apply;
mod behind;
mod bundled;
mod claiming;
mod claims;
mod client;
mod compare;
mod compared;
mod config_users;
mod deletions;
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
#[cfg(test)]
pub(crate) mod fake_objects;
mod forward;
mod hooks;
mod kinds;
mod left_lines;
mod local;
mod managers;
mod manifest;
mod manifest_files;
mod manifest_value;
mod marked;
mod marks;
mod nodes;
mod objects;
mod order;
mod own;
mod owners;
mod pod_proxy;
mod pods;
mod problems;
mod record;
mod refuted;
mod release;
mod release_drift;
mod replaceable;
mod reported;
mod rollout;
mod secret;
mod select;
mod source;
mod steadiness;
mod transport;
mod turns;
mod validate;
mod workload;
mod workload_state;
mod workloads;

pub(crate) use access::KnownCluster;
pub use access::{check_access, server_host};
pub use bundled::Validity;
pub use client::Kube;
pub use compared::Compared;
pub use config_users::note_users;
pub use deletions::Judged;
pub use diagnosis::Diagnosis;
pub use entrance::Entrance;
pub use exercise::Change;
pub use exercise_record::Exerciser;
pub use forward::{Forward, ServicePort};
pub use hooks::Hook;
pub use left_lines::with_left_lines;
pub use managers::{FieldConflict, FieldManager};
pub use manifest::{ManifestObject, ManifestObjects, YamlDocument, yaml_documents};
pub use manifest_files::read_manifests;
pub use marked::LiveObject;
pub use marks::{Marks, Shared};
pub use nodes::NodeInfo;
pub use objects::ObjectRef;
pub use order::{is_definition, order, order_live};
pub use own::OwnKubeconfig;
pub use owners::Owners;
pub use pods::RunningImage;
pub use problems::{Outlook, PodProblem, Remedy, pod_problems};
#[cfg(test)]
pub(crate) use record::tests as record_tests;
pub use release::{Marked, RUN_LABEL, Release, ReleaseStatus, Revision, RollbackNote, record_name};
pub use release_drift::{IsIgnored, ReleaseDrift};
pub use replaceable::PodOfWorkload;
pub use rollout::{Rollout, RolloutState, Target};
pub use secret::{Applied, GENERATED, SecretObject, SecretState};
pub use select::Selection;
pub use source::KubeSource;
pub use steadiness::STEADY;
pub use turns::Purpose;
pub use workload::{Workload, WorkloadKind};

#[cfg(test)]
mod tests;
