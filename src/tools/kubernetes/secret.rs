//! Secrets: read, and applied field by field under the manager of one step.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::client::Kube;
use super::managers::{self, FieldConflict, FieldManager};
use crate::error::{Context, Failure};

/// A Secret to make. Its values stay out of every message.
#[derive(Clone)]
pub struct SecretObject {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its type: `Opaque`.
    pub kind: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its keys with their values.
    pub data: BTreeMap<String, Vec<u8>>,
}

/// A Secret that is there.
#[derive(Clone, Default)]
pub struct SecretState {
    /// Its type.
    pub kind: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its keys with their values.
    pub data: BTreeMap<String, Vec<u8>>,
    managers: Vec<ManagedFieldsEntry>,
    resource_version: String,
}

impl SecretState {
    /// The managers that own the key `key`.
    pub fn owners_of(&self, key: &str) -> impl Iterator<Item = &str> {
        self.managers
            .iter()
            .filter(move |entry| managers::owns_key(entry, key))
            .filter_map(|entry| entry.manager.as_deref())
    }
}

impl fmt::Debug for SecretObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretObject")
            .field("name", &self.name)
            .field("keys", &self.data.keys())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SecretState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretState").field("keys", &self.data.keys()).finish_non_exhaustive()
    }
}

impl SecretObject {
    fn to_json(&self) -> Result<Value, Failure> {
        let data: BTreeMap<&String, ByteString> =
            self.data.iter().map(|(key, value)| (key, ByteString(value.clone()))).collect();
        let data = serde_json::to_value(data).context(|| "serializing a Secret".into())?;
        let mut metadata = json!({"name": self.name});
        // An empty map is a field too, and would conflict with every other manager.
        for (field, map) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            if !map.is_empty() {
                metadata[field] = json!(map);
            }
        }
        Ok(json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": self.kind, "data": data}))
    }
}

impl Kube {
    /// A Secret; `None` when it is not there.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Option<SecretState>, Failure> {
        let api = self.namespaced::<Secret>(namespace);
        let secret = self.read(&format!("reading the Secret `{name}`"), || api.get_opt(name)).await?;
        Ok(secret.map(|secret| SecretState {
            kind: secret.type_.unwrap_or_default(),
            labels: secret.metadata.labels.unwrap_or_default(),
            annotations: secret.metadata.annotations.unwrap_or_default(),
            data: secret.data.unwrap_or_default().into_iter().map(|(key, ByteString(value))| (key, value)).collect(),
            managers: secret.metadata.managed_fields.unwrap_or_default(),
            resource_version: secret.metadata.resource_version.unwrap_or_default(),
        }))
    }

    /// The names of the Secrets of a namespace, with their annotations.
    pub async fn secret_annotations(
        &self,
        namespace: &str,
    ) -> Result<Vec<(String, BTreeMap<String, String>)>, Failure> {
        let api = self.namespaced::<Secret>(namespace);
        let params = ListParams::default();
        let list = self.read(&format!("listing the Secrets of {namespace}"), || api.list_metadata(&params)).await?;
        Ok(list
            .items
            .into_iter()
            .map(|secret| (secret.name_any(), secret.metadata.annotations.unwrap_or_default()))
            .collect())
    }

    /// Makes `manager` the owner of those fields of `secret` that managers for which `is_predecessor` holds have
    /// applied to `found`. No value changes, and what else they applied stays theirs.
    pub async fn succeed_managers(
        &self,
        found: &SecretState,
        secret: &SecretObject,
        manager: &FieldManager,
        is_predecessor: impl Fn(&str) -> bool,
    ) -> Result<(), Failure> {
        let fields = managers::fields_of(&secret.to_json()?);
        let Some(entries) = managers::succeed(&found.managers, manager, &fields, is_predecessor) else {
            return Ok(());
        };
        let patch = Patch::Merge(json!({
            "metadata": {"resourceVersion": found.resource_version, "managedFields": entries},
        }));
        let api = self.namespaced::<Secret>(&secret.namespace);
        let what = format!("taking over the fields of the Secret `{}`", secret.name);
        let params = PatchParams { field_manager: Some(manager.as_str().to_owned()), ..PatchParams::default() };
        self.if_unchanged(&what, async { api.patch_metadata(&secret.name, &params, &patch).await }).await.map(drop)
    }

    /// Creates a Secret, or sets those of its fields that are `manager`'s (server-side apply). Keys that `manager` set
    /// before and that are no longer in `secret` are removed; everybody else's stay. Returns the fields of other
    /// managers that conflict: then nothing has changed. With `force` they are overwritten.
    pub async fn apply_secret(
        &self,
        secret: &SecretObject,
        manager: &FieldManager,
        force: bool,
    ) -> Result<Vec<FieldConflict>, Failure> {
        let object = secret.to_json()?;
        let api = self.namespaced::<Secret>(&secret.namespace);
        let params = PatchParams { force, ..PatchParams::apply(manager.as_str()) };
        self.once(&format!("applying the Secret `{}`", secret.name), async {
            match api.patch_metadata(&secret.name, &params, &Patch::Apply(&object)).await {
                Ok(_) => Ok(Vec::new()),
                Err(kube::Error::Api(status)) => managers::conflicts(&status).ok_or(kube::Error::Api(status)),
                Err(error) => Err(error),
            }
        })
        .await
    }
}
