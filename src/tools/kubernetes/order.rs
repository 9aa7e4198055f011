//! The order in which objects of manifests are applied: what others are refused without comes first.

use super::manifest::ManifestObject;

/// What pods and their controllers are refused without, or run without unnoticed.
const BEFORE_PODS: &[&str] =
    &["ServiceAccount", "PriorityClass", "RuntimeClass", "LimitRange", "ResourceQuota", "StorageClass", "IngressClass"];

/// What asks a server that other objects start: earlier, it would keep those from being made.
const LAST: &[&str] = &["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService"];

/// Sorts objects: namespaces, definitions of kinds, what pods are refused without, everything else, and what asks
/// servers of its own. Among equals the order of the files stays.
pub fn order(objects: &mut [ManifestObject]) {
    objects.sort_by_key(rank);
}

/// Whether the object defines a kind.
pub fn is_definition(object: &ManifestObject) -> bool {
    object.reference.kind == "CustomResourceDefinition"
}

fn rank(object: &ManifestObject) -> u8 {
    match object.reference.kind.as_str() {
        "Namespace" => 0,
        _ if is_definition(object) => 1,
        kind if BEFORE_PODS.contains(&kind) => 2,
        kind if LAST.contains(&kind) => 4,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::read_manifest;
    use super::*;

    #[test]
    fn what_others_are_refused_without_comes_first_and_equals_keep_their_order() {
        let kinds = "Deployment APIService Service ServiceAccount Gadget CustomResourceDefinition Namespace ConfigMap";
        let documents: Vec<String> =
            kinds.split(' ').map(|kind| format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\n")).collect();
        let mut objects = read_manifest("a", &documents.join("---\n"), "n").unwrap();
        order(&mut objects);
        let sorted: Vec<&str> = objects.iter().map(|object| object.reference.kind.as_str()).collect();
        let expected =
            "Namespace CustomResourceDefinition ServiceAccount Deployment Service Gadget ConfigMap APIService";
        assert_eq!(sorted.join(" "), expected);
    }
}
