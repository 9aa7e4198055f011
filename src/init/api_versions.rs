//! [`trouble_with`]: which versions of the API a cluster without extensions has.

use std::collections::BTreeSet;

/// The groups of Kubernetes itself, with the versions that are served today; `v1` of the core has no group.
const SERVED: &[(&str, &[&str])] = &[
    ("", &["v1"]),
    ("apps", &["v1"]),
    ("batch", &["v1"]),
    ("autoscaling", &["v1", "v2"]),
    ("networking.k8s.io", &["v1"]),
    ("policy", &["v1"]),
    ("rbac.authorization.k8s.io", &["v1"]),
    ("storage.k8s.io", &["v1"]),
    ("scheduling.k8s.io", &["v1"]),
    ("apiextensions.k8s.io", &["v1"]),
    ("admissionregistration.k8s.io", &["v1"]),
    ("coordination.k8s.io", &["v1"]),
    ("discovery.k8s.io", &["v1"]),
    ("certificates.k8s.io", &["v1"]),
    ("apiregistration.k8s.io", &["v1"]),
    ("node.k8s.io", &["v1"]),
    ("flowcontrol.apiserver.k8s.io", &["v1"]),
    ("events.k8s.io", &["v1"]),
];

/// Why a cluster without extensions does not take an object; `None` where it does. `definitions` are the groups that
/// come with the object.
pub(super) fn trouble_with(api_version: &str, kind: &str, definitions: &BTreeSet<&str>) -> Option<String> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    if definitions.contains(group) {
        return None;
    }
    match SERVED.iter().find(|(known, _)| *known == group) {
        Some((_, versions)) if versions.contains(&version) => None,
        Some(_) => Some(format!("`{api_version}` of {kind} is no longer served")),
        None if group == "extensions" => Some(format!("`{api_version}` of {kind} is no longer served")),
        None => Some(format!("{kind} of `{group}` needs an extension of the cluster")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plain_cluster_does_not_have_is_known() {
        let none = BTreeSet::new();
        for (version, kind, part) in [
            ("v1", "Service", None),
            ("apps/v1", "Deployment", None),
            ("extensions/v1beta1", "Ingress", Some("no longer served")),
            ("policy/v1beta1", "PodDisruptionBudget", Some("no longer served")),
            ("cert-manager.io/v1", "Certificate", Some("needs an extension")),
        ] {
            let found = trouble_with(version, kind, &none);
            assert_eq!(found.is_some(), part.is_some(), "{version}");
            assert!(found.unwrap_or_default().contains(part.unwrap_or_default()), "{version}");
        }
        assert_eq!(trouble_with("example.com/v1", "Todo", &BTreeSet::from(["example.com"])), None);
    }
}
