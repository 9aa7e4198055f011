//! The order in which objects of manifests are applied, and deleted in reverse: what others need comes first.

use super::manifest::ManifestObject;
use super::marked::LiveObject;

/// Kinds in the order in which they are applied; those of one group in the order of the files.
const GROUPS: &[&[&str]] = &[
    &["Namespace"],
    &[DEFINITION],
    // What pods, claims and their controllers are refused without, or run without unnoticed.
    &[
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "CSIDriver",
        "IngressClass",
        "LimitRange",
        "ResourceQuota",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "ServiceAccount",
    ],
    // What pods wait for. The token of a service account goes at once if that is not there.
    &["Secret", "ConfigMap", "PersistentVolume"],
    &["PersistentVolumeClaim"],
    &["ClusterRole", "Role"],
    // Refused for a role that is not there.
    &["ClusterRoleBinding", "RoleBinding"],
    // A pod gets the addresses of those that are there when it starts.
    &["Service"],
    // Here is everything else, and so what makes pods.
    &[],
    // What refers to a workload or a Service: until that is there, it reports that it has none.
    &["HorizontalPodAutoscaler", "Ingress"],
    // What asks a server that other objects start: earlier, it would keep those from being made.
    &["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService"],
];

/// The kind that defines kinds.
const DEFINITION: &str = "CustomResourceDefinition";

/// Sorts objects as they are applied. Among equals the order of the files stays.
pub fn order(objects: &mut [ManifestObject]) {
    objects.sort_by_key(|object| rank(&object.reference.kind));
}

/// Sorts what is in the cluster as it would be applied. Among equals the order stays.
pub fn order_live(objects: &mut [LiveObject]) {
    objects.sort_by_key(|object| rank(&object.reference.kind));
}

/// Whether the object defines a kind.
pub fn is_definition(object: &ManifestObject) -> bool {
    object.reference.kind == DEFINITION
}

fn rank(kind: &str) -> Option<usize> {
    let of = |kind: &str| GROUPS.iter().position(|group| group.contains(&kind));
    of(kind).or_else(|| GROUPS.iter().position(|group| group.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::super::manifest::read_manifest;
    use super::*;

    fn ordered(kinds: &str) -> String {
        let documents: Vec<String> =
            kinds.split(' ').map(|kind| format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\n")).collect();
        let mut objects = read_manifest("a", &documents.join("---\n"), "n").unwrap();
        order(&mut objects);
        let sorted: Vec<&str> = objects.iter().map(|object| object.reference.kind.as_str()).collect();
        sorted.join(" ")
    }

    #[test]
    fn what_others_need_comes_first_and_equals_keep_their_order() {
        let kinds = "APIService Ingress HorizontalPodAutoscaler Deployment Gadget Job Service RoleBinding Role \
            PersistentVolumeClaim ConfigMap Secret PersistentVolume ServiceAccount StorageClass \
            CustomResourceDefinition Namespace";
        let expected = "Namespace CustomResourceDefinition ServiceAccount StorageClass ConfigMap Secret \
            PersistentVolume PersistentVolumeClaim Role RoleBinding Service Deployment Gadget Job Ingress HorizontalPodAutoscaler \
            APIService";
        assert_eq!(ordered(kinds), expected);
    }

    #[test]
    fn whatever_makes_pods_comes_after_all_that_pods_need() {
        let needed =
            ["Namespace", "PriorityClass", "LimitRange", "ResourceQuota", "NetworkPolicy", "ServiceAccount", "Secret"];
        let needed =
            needed.iter().chain(&["ConfigMap", "PersistentVolume", "PersistentVolumeClaim", "ClusterRole", "Role"]);
        let needed: Vec<&str> = needed.chain(&["ClusterRoleBinding", "RoleBinding", "Service"]).copied().collect();
        for maker in ["Pod", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Unknown"] {
            for kind in &needed {
                assert_eq!(ordered(&format!("{maker} {kind}")), format!("{kind} {maker}"));
            }
        }
    }
}
