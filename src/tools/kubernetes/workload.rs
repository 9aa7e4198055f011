//! [`Workload`]: what keeps pods running or runs them once, and how far its rollout is.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// What waiting does not help against: a word of Kubernetes', and what it means for this workload.
pub(super) type Verdict = (String, String);

/// What keeps pods running, runs them once, or is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadKind {
    /// A Deployment.
    Deployment,
    /// A stateful set.
    StatefulSet,
    /// A daemon set.
    DaemonSet,
    /// A replica set that no Deployment has made.
    ReplicaSet,
    /// A job.
    Job,
    /// What starts jobs by a schedule.
    CronJob,
    /// A pod that nothing replaces.
    Pod,
}

impl WorkloadKind {
    const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::Deployment, "apps/v1", "Deployment"),
        (Self::StatefulSet, "apps/v1", "StatefulSet"),
        (Self::DaemonSet, "apps/v1", "DaemonSet"),
        (Self::ReplicaSet, "apps/v1", "ReplicaSet"),
        (Self::Job, "batch/v1", "Job"),
        (Self::CronJob, "batch/v1", "CronJob"),
        (Self::Pod, "v1", "Pod"),
    ];

    /// The kind that a manifest names.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(_, version, name)| *version == api_version && *name == kind);
        found.map(|(found, ..)| found)
    }

    /// As `kubectl` takes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::ReplicaSet => "replicaset",
            Self::Job => "job",
            Self::CronJob => "cronjob",
            Self::Pod => "pod",
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
    /// Why waiting does not help: reason and message.
    pub(super) never: Option<Verdict>,
    /// What one should know of it although it is complete.
    pub(super) remark: Option<String>,
    /// Whether the cluster removes it some time after its end.
    pub(super) removed_when_done: bool,
    /// The label selector of its pods, of every revision.
    pub(super) selector: String,
    pub(super) uid: String,
    /// What marks pods of the newest revision, where the workload itself knows it: label and value.
    pub(super) newest: Option<(&'static str, String)>,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_are_written_as_the_api_takes_them() {
        let selector = json!({"matchLabels": {"a": "b"}, "matchExpressions": [
            {"key": "c", "operator": "In", "values": ["d", "e"]}, {"key": "f", "operator": "DoesNotExist"}]});
        let selector: LabelSelector = serde_json::from_value(selector).unwrap();
        assert_eq!(selector_text(&selector), "a=b,c in (d,e),!f");
    }
}
