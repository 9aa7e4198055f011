//! Workloads whose pods have to be replaced: those that have read a `ConfigMap` or a Secret at their start, after it
//! was changed, because a container keeps the variables that it got.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::client::Kube;
use super::managers::FieldManager;
use super::manifest::ManifestObject;
use super::marked::LiveObject;
use super::objects::ObjectRef;
use crate::error::Failure;

/// The annotation of a pod template that makes its workload replace the pods.
const RESTARTED: &str = "provision.dev/pods-replaced";

/// The annotation of a `ConfigMap` or Secret that was changed, until the pods with variables from it are replaced.
const PODS_TO_REPLACE: &str = "provision.dev/pods-to-replace";

/// Notes in `object`, which is about to be applied, that it changes variables of pods of `all`. Returns whether it
/// does, or whether an earlier run has noted that and was killed. `found` is the object as it is; `ignores` says of a
/// field, such as `data.KEY`, whether it is somebody else's to set.
///
/// The note comes with the change, in one request: no kill can come between.
pub fn note_users(
    object: &mut ManifestObject,
    found: Option<&LiveObject>,
    all: &[ManifestObject],
    ignores: &dyn Fn(&str) -> bool,
) -> bool {
    let is_used = || all.iter().any(|one| uses(one, object));
    let Some(found) = found.filter(|_| is_used()) else { return false };
    let is_noted = found.meta.annotations.as_ref().is_some_and(|all| all.contains_key(PODS_TO_REPLACE));
    if is_noted || has_other_variables(object, found, ignores) {
        object.set_metadata("annotations", PODS_TO_REPLACE, "true");
        return true;
    }
    false
}

/// Whether `object` sets a key otherwise than it is, or no longer sets one that a step has set.
fn has_other_variables(object: &ManifestObject, found: &LiveObject, ignores: &dyn Fn(&str) -> bool) -> bool {
    ["data", "binaryData"].iter().any(|field| {
        let (wanted, there) = (&object.content[*field], &found.content[*field]);
        let is_ignored = |key: &str| ignores(&format!("{field}.{key}"));
        let is_other = |(key, value): (&String, &Value)| there.get(key) != Some(value) && !is_ignored(key);
        wanted.as_object().is_some_and(|wanted| wanted.iter().any(is_other))
            || there.as_object().is_some_and(|there| {
                there.keys().any(|key| wanted.get(key).is_none() && is_of_a_step(found, field, key) && !is_ignored(key))
            })
    })
}

/// Whether a step has set the key `key` of `found`.
fn is_of_a_step(found: &LiveObject, field: &str, key: &str) -> bool {
    let entries = found.meta.managed_fields.iter().flatten();
    let of_steps = entries.filter(|entry| entry.manager.as_deref().is_some_and(FieldManager::is_of_a_step));
    let mut fields = of_steps.filter_map(|entry| entry.fields_v1.as_ref());
    fields.any(|fields| fields.0[format!("f:{field}")].get(format!("f:{key}")).is_some())
}

impl Kube {
    /// Makes the workloads of `all` replace their pods that take variables from one of `configs`. Returns which.
    pub async fn restart_users(
        &self,
        all: &[ManifestObject],
        configs: &[ManifestObject],
    ) -> Result<Vec<String>, Failure> {
        let mut restarted = Vec::new();
        for object in all.iter().filter(|object| configs.iter().any(|config| uses(object, config))) {
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

    /// Takes the note off `config` that pods have to be replaced.
    pub async fn forget_users(&self, config: &ManifestObject) -> Result<(), Failure> {
        let reference = &config.reference;
        let Some(kind) = self.kind_of(&reference.api_version, &reference.kind).await? else { return Ok(()) };
        let patch = json!({"metadata": {"annotations": {PODS_TO_REPLACE: null}}});
        let api = self.dynamic(&kind, &reference.namespace);
        let what = format!("noting that the pods with variables of {reference} are replaced");
        self.note(&what, &api, &reference.name, &patch).await
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
    use super::super::manifest::ManifestObjects;
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
