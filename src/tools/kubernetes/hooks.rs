//! The objects that a release's hooks have made and that are meant to stay.

use serde::Deserialize;

use super::manifest::{ManifestObject, ManifestObjects};

/// A hook of a revision, as Helm's record has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Hook {
    manifest: String,
    events: Vec<String>,
    delete_policies: Option<Vec<String>>,
    last_run: LastRun,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct LastRun {
    phase: String,
}

impl Hook {
    /// Its manifest.
    pub(super) fn manifest(&self) -> &str {
        &self.manifest
    }

    /// Whether it was run for this revision, and succeeded.
    pub(super) fn has_run(&self) -> bool {
        self.last_run.phase == "Succeeded"
    }

    /// Whether it is run by the first installation, and never by an upgrade.
    pub(super) fn is_of_installation(&self) -> bool {
        let any = |suffix: &str| self.events.iter().any(|event| event.ends_with(suffix));
        any("-install") && !any("-upgrade")
    }

    /// Its objects that are there for as long as the release is. What runs once, such as a Job, has no content that
    /// stays; what is for a test or for the end of the release is not there before.
    pub(super) fn staying(&self, namespace: &str) -> ManifestObjects {
        let suffixes = ["-install", "-upgrade", "-rollback"];
        let is_of_deployment = self.events.iter().any(|event| suffixes.iter().any(|suffix| event.ends_with(suffix)));
        let is_removed = self.delete_policies.iter().flatten().any(|policy| policy == "hook-succeeded");
        if !is_of_deployment || is_removed {
            return ManifestObjects::default();
        }
        let mut found = ManifestObjects::read(&self.manifest, namespace);
        found.objects.retain(|object: &ManifestObject| !matches!(object.reference.kind.as_str(), "Job" | "Pod"));
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_a_hook_leaves_for_good_is_looked_for() {
        let hook = |kind: &str, events: &[&str], policies: &[&str], phase: &str| -> Hook {
            let manifest = format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: x}}\n");
            let policies = (!policies.is_empty()).then_some(policies);
            serde_json::from_value(json!({"name": "x", "kind": kind, "manifest": manifest, "events": events,
                "delete_policies": policies, "last_run": {"phase": phase, "started_at": ""}}))
            .unwrap()
        };
        let cases: [(&str, &[&str], &[&str], usize); 7] = [
            ("ConfigMap", &["pre-install"], &[], 1),
            ("ConfigMap", &["post-upgrade", "post-install"], &["before-hook-creation"], 1),
            ("ConfigMap", &["pre-install"], &["before-hook-creation", "hook-succeeded"], 0),
            ("Job", &["pre-install"], &[], 0),
            ("Pod", &["post-upgrade"], &[], 0),
            ("ConfigMap", &["test"], &[], 0),
            ("ConfigMap", &["pre-delete"], &[], 0),
        ];
        for (kind, events, policies, expected) in cases {
            let hook = hook(kind, events, policies, "Succeeded");
            assert_eq!(hook.staying("apps").objects.len(), expected, "{hook:?}");
            assert!(hook.has_run());
        }
        assert!(hook("ConfigMap", &["pre-install"], &[], "").is_of_installation());
        assert!(!hook("ConfigMap", &["pre-install", "pre-upgrade"], &[], "").is_of_installation());
        assert!(!hook("ConfigMap", &["pre-install"], &[], "").has_run());
    }
}
