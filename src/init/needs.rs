//! [`Needs`]: what objects refer to and have to find in the cluster, besides Secrets.

use std::collections::BTreeSet;

use serde_json::Value;

/// An object by kind, namespace (`""` where none is named, or it has none) and name.
pub(super) type Named = (&'static str, String, String);

/// What objects refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// What pods do not start without.
    pub(super) wanted: BTreeSet<Named>,
    /// What is among the objects.
    pub(super) made: BTreeSet<Named>,
    /// Labels of the nodes on which pods run, as `KEY=VALUE`.
    pub(super) node_labels: BTreeSet<String>,
    /// The storage classes of volumes.
    pub(super) storage_classes: BTreeSet<String>,
}

const ACCOUNT: &str = "ServiceAccount";
const CONFIG: &str = "ConfigMap";
const CLAIM: &str = "PersistentVolumeClaim";
const PRIORITY: &str = "PriorityClass";
const RUNTIME: &str = "RuntimeClass";
const STORAGE: &str = "StorageClass";

/// The kinds that are looked for.
const KINDS: [&str; 6] = [ACCOUNT, CONFIG, CLAIM, PRIORITY, RUNTIME, STORAGE];

/// What each cluster has.
const ALWAYS: [(&str, &str); 4] = [
    (ACCOUNT, "default"),
    (CONFIG, "kube-root-ca.crt"),
    (PRIORITY, "system-cluster-critical"),
    (PRIORITY, "system-node-critical"),
];

/// Labels that each node has.
const NODE_LABELS: [&str; 2] = ["kubernetes.io/os=linux", "beta.kubernetes.io/os=linux"];

impl Needs {
    /// Reads what an object is, and which volumes it wants.
    pub(super) fn read_object(&mut self, object: &Value, namespace: &str) {
        let (own, name) = (text(object, "/kind"), text(object, "/metadata/name"));
        if let Some(kind) = KINDS.iter().find(|kind| **kind == own) {
            self.made.insert(named(kind, namespace, name));
        }
        let templates = list(object, "/spec/volumeClaimTemplates");
        for claim in templates.chain(std::iter::once(object).filter(|_| own == CLAIM)) {
            let class = text(claim, "/spec/storageClassName");
            self.storage_classes.extend(Some(class.to_owned()).filter(|class| !class.is_empty()));
        }
    }

    /// Reads what a pod refers to.
    pub(super) fn read_pod(&mut self, pod: &Value, namespace: &str) {
        let mut found: Vec<(&'static str, &str)> = vec![
            (ACCOUNT, text(pod, "/serviceAccountName")),
            (PRIORITY, text(pod, "/priorityClassName")),
            (RUNTIME, text(pod, "/runtimeClassName")),
        ];
        let config = |one: &Value| !one.get("optional").and_then(Value::as_bool).unwrap_or_default();
        for container in list(pod, "/initContainers").chain(list(pod, "/containers")) {
            let one_by_one = list(container, "/env").filter_map(|one| one.pointer("/valueFrom/configMapKeyRef"));
            let all = list(container, "/envFrom").filter_map(|one| one.get("configMapRef"));
            found.extend(one_by_one.chain(all).filter(|one| config(one)).map(|one| (CONFIG, text(one, "/name"))));
        }
        for volume in list(pod, "/volumes") {
            let projected = list(volume, "/projected/sources").filter_map(|one| one.get("configMap"));
            let maps = volume.get("configMap").into_iter().chain(projected).filter(|one| config(one));
            found.extend(maps.map(|one| (CONFIG, text(one, "/name"))));
            found.push((CLAIM, text(volume, "/persistentVolumeClaim/claimName")));
        }
        found.retain(|one| !one.1.is_empty() && !ALWAYS.contains(one));
        self.wanted.extend(found.into_iter().map(|(kind, name)| named(kind, namespace, name)));
        let labels = pod.get("nodeSelector").and_then(Value::as_object).into_iter().flatten();
        let labels = labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
        self.node_labels.extend(labels.filter(|label| !NODE_LABELS.contains(&label.as_str())));
    }
}

fn named(kind: &'static str, namespace: &str, name: &str) -> Named {
    let namespace = if matches!(kind, PRIORITY | RUNTIME | STORAGE) { "" } else { namespace };
    (kind, namespace.to_owned(), name.to_owned())
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}
