//! Deployments, stateful sets and daemon sets: how far a rollout is, and which pods are its own.

use std::fmt;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::api::ListParams;

use super::client::Kube;
use crate::error::Failure;

/// What keeps pods running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadKind {
    /// A Deployment.
    Deployment,
    /// A stateful set.
    StatefulSet,
    /// A daemon set.
    DaemonSet,
}

impl WorkloadKind {
    /// The kind that a manifest names.
    pub fn of(kind: &str) -> Option<Self> {
        match kind {
            "Deployment" => Some(Self::Deployment),
            "StatefulSet" => Some(Self::StatefulSet),
            "DaemonSet" => Some(Self::DaemonSet),
            _ => None,
        }
    }

    /// As `kubectl` takes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
        }
    }
}

/// A workload and how far its rollout is.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// What it is.
    pub kind: WorkloadKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How many pods of the newest kind are available.
    pub ready: u64,
    /// How many there have to be.
    pub wanted: u64,
    /// Whether the rollout is complete: the controller has seen the newest state, all pods are of it and available, and
    /// none of an older kind is left.
    pub complete: bool,
    /// What is still missing, in words; empty when it is complete.
    pub waits_for: String,
    /// What the controller itself complains of: reason and message.
    pub complaint: Option<(String, String)>,
    /// The label selector of its pods, of every revision.
    pub(super) selector: String,
    uid: String,
    /// What marks pods of the newest revision, where the workload itself knows it: label and value.
    newest: Option<(&'static str, String)>,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.word(), self.name)
    }
}

impl Workload {
    /// Returns what is still missing, with the workload's name.
    pub fn missing(&self) -> String {
        format!("{self} waits for {}", self.waits_for)
    }
}

impl Kube {
    /// A workload; `None` when it is not there.
    pub async fn workload(&self, kind: WorkloadKind, namespace: &str, name: &str) -> Result<Option<Workload>, Failure> {
        let what = format!("reading {}/{name}", kind.word());
        Ok(match kind {
            WorkloadKind::Deployment => {
                let api = self.namespaced::<Deployment>(namespace);
                self.read(&what, || api.get_opt(name)).await?.as_ref().map(of_deployment)
            }
            WorkloadKind::StatefulSet => {
                let api = self.namespaced::<StatefulSet>(namespace);
                self.read(&what, || api.get_opt(name)).await?.as_ref().map(of_stateful_set)
            }
            WorkloadKind::DaemonSet => {
                let api = self.namespaced::<DaemonSet>(namespace);
                self.read(&what, || api.get_opt(name)).await?.as_ref().map(of_daemon_set)
            }
        })
    }

    /// All workloads that a label selector names; an empty one names all of the namespace.
    pub async fn workloads(&self, namespace: &str, selector: &str) -> Result<Vec<Workload>, Failure> {
        let params = ListParams::default().labels(selector);
        let what = format!("listing the workloads of {namespace}");
        let deployments = self.namespaced::<Deployment>(namespace);
        let stateful_sets = self.namespaced::<StatefulSet>(namespace);
        let daemon_sets = self.namespaced::<DaemonSet>(namespace);
        let (deployments, stateful_sets, daemon_sets) = tokio::try_join!(
            self.read(&what, || deployments.list(&params)),
            self.read(&what, || stateful_sets.list(&params)),
            self.read(&what, || daemon_sets.list(&params)),
        )?;
        let mut all: Vec<Workload> = deployments.items.iter().map(of_deployment).collect();
        all.extend(stateful_sets.items.iter().map(of_stateful_set));
        all.extend(daemon_sets.items.iter().map(of_daemon_set));
        Ok(all)
    }

    /// The pods of a workload's newest revision that are not on their way out.
    pub(super) async fn newest_pods(&self, workload: &Workload) -> Result<Vec<Pod>, Failure> {
        let pods = self.pods(&workload.namespace, &workload.selector).await?;
        let newest = match &workload.newest {
            Some(newest) => Some(newest.clone()),
            None => self.newest_replica_set(workload).await?,
        };
        Ok(pods
            .into_iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .filter(|pod| newest.as_ref().is_none_or(|(label, value)| label_of(&pod.metadata, label) == Some(value)))
            .collect())
    }

    async fn newest_replica_set(&self, workload: &Workload) -> Result<Option<(&'static str, String)>, Failure> {
        if workload.kind != WorkloadKind::Deployment {
            return Ok(None);
        }
        let api = self.namespaced::<ReplicaSet>(&workload.namespace);
        let params = ListParams::default().labels(&workload.selector);
        let sets = self.read(&format!("listing the replica sets of {workload}"), || api.list_metadata(&params)).await?;
        Ok(sets
            .items
            .iter()
            .map(|set| &set.metadata)
            .filter(|meta| {
                let owners = meta.owner_references.iter().flatten();
                owners.into_iter().any(|owner| owner.uid == workload.uid)
            })
            .max_by_key(|meta| revision(meta))
            .and_then(|meta| label_of(meta, HASH).cloned())
            .map(|hash| (HASH, hash)))
    }
}

const HASH: &str = "pod-template-hash";

fn label_of<'a>(meta: &'a ObjectMeta, label: &str) -> Option<&'a String> {
    meta.labels.as_ref()?.get(label)
}

fn revision(meta: &ObjectMeta) -> u64 {
    meta.annotations
        .as_ref()
        .and_then(|annotations| annotations.get("deployment.kubernetes.io/revision")?.parse().ok())
        .unwrap_or(0)
}

fn count(n: Option<i32>) -> u64 {
    u64::try_from(n.unwrap_or(0)).unwrap_or(0)
}

/// A label selector as the API takes it in a query.
pub(super) fn selector_text(selector: &LabelSelector) -> String {
    let equal = selector.match_labels.iter().flatten().map(|(k, v)| format!("{k}={v}"));
    let expressions = selector.match_expressions.iter().flatten().map(|expression| {
        let values = expression.values.clone().unwrap_or_default().join(",");
        match expression.operator.as_str() {
            "In" => format!("{} in ({values})", expression.key),
            "NotIn" => format!("{} notin ({values})", expression.key),
            "DoesNotExist" => format!("!{}", expression.key),
            _ => expression.key.clone(),
        }
    });
    equal.chain(expressions).collect::<Vec<_>>().join(",")
}

/// The counts that decide whether a rollout is complete; each controller has the same ones under other names.
struct Counts {
    seen: bool,
    wanted: u64,
    /// Of the newest revision.
    updated: u64,
    /// Of any revision.
    current: u64,
    /// Of the newest revision, available.
    available: u64,
}

impl Counts {
    fn waits_for(&self) -> String {
        if !self.seen {
            "the controller to see the change".into()
        } else if self.updated < self.wanted {
            format!("{} of {} pods to be made", self.wanted - self.updated, self.wanted)
        } else if self.current > self.updated {
            format!("{} old pods to go", self.current - self.updated)
        } else if self.available < self.wanted {
            format!("{} of {} pods to be ready", self.wanted - self.available, self.wanted)
        } else {
            String::new()
        }
    }
}

fn workload(
    kind: WorkloadKind,
    meta: &ObjectMeta,
    selector: Option<&LabelSelector>,
    counts: &Counts,
    complaint: Option<(String, String)>,
    newest: Option<(&'static str, String)>,
) -> Workload {
    let waits_for = counts.waits_for();
    Workload {
        kind,
        namespace: meta.namespace.clone().unwrap_or_default(),
        name: meta.name.clone().unwrap_or_default(),
        ready: counts.available.min(counts.updated).min(counts.wanted),
        wanted: counts.wanted,
        complete: waits_for.is_empty(),
        waits_for,
        complaint,
        selector: selector.map(selector_text).unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        newest,
    }
}

fn of_deployment(deployment: &Deployment) -> Workload {
    let meta = &deployment.metadata;
    let spec = deployment.spec.clone().unwrap_or_default();
    let status = deployment.status.clone().unwrap_or_default();
    let counts = Counts {
        seen: status.observed_generation >= meta.generation,
        wanted: count(spec.replicas.or(Some(1))),
        updated: count(status.updated_replicas),
        current: count(status.replicas),
        available: count(status.available_replicas),
    };
    let complaint = status.conditions.unwrap_or_default().into_iter().find_map(|condition| {
        let bad = match condition.type_.as_str() {
            "Progressing" => {
                condition.status == "False" && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
            }
            "ReplicaFailure" => condition.status == "True",
            _ => false,
        };
        bad.then(|| (condition.reason.unwrap_or(condition.type_), condition.message.unwrap_or_default()))
    });
    // A complaint of an older state says nothing about this one.
    let complaint = complaint.filter(|_| counts.seen);
    workload(WorkloadKind::Deployment, meta, Some(&spec.selector), &counts, complaint, None)
}

fn of_stateful_set(set: &StatefulSet) -> Workload {
    let meta = &set.metadata;
    let spec = set.spec.clone().unwrap_or_default();
    let status = set.status.clone().unwrap_or_default();
    let wanted = count(spec.replicas.or(Some(1)));
    let rolling = status.update_revision != status.current_revision;
    let on_delete = spec.update_strategy.as_ref().is_some_and(|strategy| strategy.type_.as_deref() == Some("OnDelete"));
    let counts = Counts {
        seen: status.observed_generation >= meta.generation,
        wanted,
        updated: if rolling && !on_delete { count(status.updated_replicas) } else { count(Some(status.replicas)) },
        current: count(Some(status.replicas)),
        available: count(status.available_replicas.or(status.ready_replicas)),
    };
    workload(WorkloadKind::StatefulSet, meta, Some(&spec.selector), &counts, None, None)
}

fn of_daemon_set(set: &DaemonSet) -> Workload {
    let meta = &set.metadata;
    let status = set.status.clone().unwrap_or_default();
    let counts = Counts {
        seen: status.observed_generation >= meta.generation,
        wanted: count(Some(status.desired_number_scheduled)),
        updated: count(status.updated_number_scheduled),
        current: count(status.updated_number_scheduled),
        available: count(status.number_available),
    };
    let selector = set.spec.as_ref().map(|spec| &spec.selector);
    workload(WorkloadKind::DaemonSet, meta, selector, &counts, None, None)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn deployment(status: &Value) -> Workload {
        let object = json!({
            "metadata": {"name": "api", "namespace": "apps", "generation": 4, "uid": "u"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "api"}}, "template": {}},
            "status": status,
        });
        of_deployment(&serde_json::from_value(object).unwrap())
    }

    #[test]
    fn a_deployment_is_complete_only_when_every_old_pod_is_gone() {
        let cases = [
            (json!({"observedGeneration": 3}), "the controller to see the change"),
            (
                json!({"observedGeneration": 4, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 2}),
                "1 of 2 pods to be made",
            ),
            (
                json!({"observedGeneration": 4, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 3}),
                "1 old pods to go",
            ),
            (
                json!({"observedGeneration": 4, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}),
                "1 of 2 pods to be ready",
            ),
            (json!({"observedGeneration": 4, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}), ""),
        ];
        for (status, waits_for) in cases {
            let workload = deployment(&status);
            assert_eq!(workload.waits_for, waits_for);
            assert_eq!(workload.complete, waits_for.is_empty());
        }
    }

    #[test]
    fn a_controllers_complaint_counts_once_it_has_seen_the_newest_state() {
        let conditions = json!([
            {"type": "Available", "status": "False"},
            {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"},
        ]);
        let status = |seen: i64| json!({"observedGeneration": seen, "conditions": conditions});
        assert_eq!(deployment(&status(3)).complaint, None);
        assert_eq!(deployment(&status(4)).complaint, Some(("FailedCreate".into(), "exceeded quota".into())));
    }

    #[test]
    fn a_stateful_set_that_rolls_counts_its_updated_pods() {
        let set = |current: &str, updated: i64| {
            let object = json!({
                "metadata": {"name": "db", "namespace": "apps", "generation": 1},
                "spec": {"replicas": 1, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": {}},
                "status": {"observedGeneration": 1, "replicas": 1, "availableReplicas": 1, "readyReplicas": 1,
                    "updatedReplicas": updated, "currentRevision": current, "updateRevision": "b"},
            });
            of_stateful_set(&serde_json::from_value(object).unwrap())
        };
        assert!(!set("a", 0).complete);
        assert!(set("a", 1).complete);
        assert!(set("b", 0).complete);
    }

    #[test]
    fn selectors_are_written_as_the_api_takes_them() {
        let selector = json!({"matchLabels": {"a": "b"}, "matchExpressions": [
            {"key": "c", "operator": "In", "values": ["d", "e"]}, {"key": "f", "operator": "DoesNotExist"}]});
        let selector: LabelSelector = serde_json::from_value(selector).unwrap();
        assert_eq!(selector_text(&selector), "a=b,c in (d,e),!f");
    }
}
