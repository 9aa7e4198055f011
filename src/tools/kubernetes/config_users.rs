//! Workloads whose pods have to be replaced: those that have read a `ConfigMap` or a Secret at their start, after it
//! was changed back, because a container keeps the variables that it got.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::client::Kube;
use super::manifest::{ManifestObject, ManifestObjects};
use super::objects::ObjectRef;
use crate::error::Failure;

/// The annotation of a pod template that makes its workload replace the pods.
const RESTARTED: &str = "provision.dev/pods-replaced";

impl Kube {
    /// Makes the workloads of `all` replace their pods that take variables from one of `configs`. Returns which.
    pub async fn restart_users(
        &self,
        all: &ManifestObjects,
        configs: &[ManifestObject],
    ) -> Result<Vec<String>, Failure> {
        let mut restarted = Vec::new();
        for object in all.objects.iter().filter(|object| configs.iter().any(|config| uses(object, config))) {
            let reference = &object.reference;
            if !self.replace_pods(reference).await? {
                continue;
            }
            restarted.push(reference.to_string());
        }
        Ok(restarted)
    }

    /// Makes the workload `reference` replace its pods, as its update strategy does it. Returns whether the cluster
    /// knows its kind.
    pub async fn replace_pods(&self, reference: &ObjectRef) -> Result<bool, Failure> {
        let Some(kind) = self.kind_of(&reference.api_version, &reference.kind).await? else { return Ok(false) };
        let annotations = json!({"annotations": {RESTARTED: jiff::Timestamp::now().to_string()}});
        let patch = Patch::Merge(json!({"spec": {"template": {"metadata": annotations}}}));
        let api = self.dynamic(&kind, &reference.namespace);
        let what = format!("replacing the pods of {reference}");
        self.once(&what, async { api.patch(&reference.name, &PatchParams::default(), &patch).await }).await?;
        Ok(true)
    }
}

/// Whether the pods of the workload `object` take variables from `config`.
fn uses(object: &ManifestObject, config: &ManifestObject) -> bool {
    let is_config = matches!(config.reference.kind.as_str(), "ConfigMap" | "Secret");
    let has_template = matches!(object.reference.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet");
    if !is_config || !has_template || object.reference.namespace != config.reference.namespace {
        return false;
    }
    let refs = if config.reference.kind == "Secret" {
        ["secretRef", "secretKeyRef"]
    } else {
        ["configMapRef", "configMapKeyRef"]
    };
    let lists = ["/spec/template/spec/containers", "/spec/template/spec/initContainers"];
    let containers = lists.iter().filter_map(|list| object.content.pointer(list)?.as_array()).flatten();
    let named =
        |value: Option<&Value>| value.and_then(|value| value.get("name")?.as_str()) == Some(&config.reference.name);
    containers.into_iter().any(|container| {
        let items = |name: &str| container.get(name).and_then(Value::as_array).into_iter().flatten();
        items("envFrom").any(|from| named(from.get(refs[0])))
            || items("env").any(|one| named(one.get("valueFrom").and_then(|from| from.get(refs[1]))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_known_by_the_variables_that_it_takes() {
        let read = |text: &str| ManifestObjects::read(text, "apps").objects.remove(0);
        let config =
            |kind: &str, name: &str| read(&format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}"));
        let workload = |kind: &str| {
            read(&format!(
                "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: w}}\nspec: {{template: {{spec: {{containers: [{{name: c, \
                 envFrom: [{{configMapRef: {{name: all}}}}], env: [{{name: A, valueFrom: {{secretKeyRef: {{name: one, key: k}}}}}}]}}]}}}}}}"
            ))
        };
        let cases = [
            ("ConfigMap", "all", true),
            ("Secret", "one", true),
            ("Secret", "all", false),
            ("ConfigMap", "one", false),
        ];
        for (kind, name, expected) in cases {
            assert_eq!(uses(&workload("Deployment"), &config(kind, name)), expected, "{kind} {name}");
        }
        assert!(!uses(&workload("Job"), &config("ConfigMap", "all")));
        assert!(!uses(&workload("Deployment"), &config("Service", "all")));
    }
}
