//! Secrets: read, and applied field by field under the manager of one step.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::ResourceExt;
use kube::api::{ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::client::Kube;
use super::managers::{self, FieldConflict, FieldManager};
use super::marks::Marks;
use crate::error::{Context, Failure};

/// The annotation that says which key holds a generated secret, so that it is found again; the secret's name follows.
pub const GENERATED: &str = "provision.generated/";

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

/// What became of an attempt to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was applied.
    Done,
    /// Nothing was changed: other managers own these fields with other values.
    Conflicts(Vec<FieldConflict>),
    /// Nothing was changed: somebody has changed the object since it was read.
    Changed,
}

impl SecretState {
    /// Everybody who has set something in it.
    pub fn managers(&self) -> impl Iterator<Item = &str> {
        self.managers.iter().filter_map(|entry| entry.manager.as_deref())
    }

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

    /// The values of all generated secrets that the cluster has, in every namespace.
    pub async fn generated_secrets(&self) -> Result<Vec<String>, Failure> {
        let api = self.all::<Secret>();
        let params = ListParams::default();
        let list =
            self.read_if_reachable("listing the Secrets of all namespaces", || api.list_metadata(&params)).await?;
        let mut values = Vec::new();
        for secret in list.items {
            let annotations = secret.metadata.annotations.as_ref();
            let keys: Vec<&String> = annotations
                .into_iter()
                .flatten()
                .filter_map(|(name, key)| name.starts_with(GENERATED).then_some(key))
                .collect();
            if keys.is_empty() {
                continue;
            }
            let namespace = secret.metadata.namespace.clone().unwrap_or_default();
            let data = self.secret(&namespace, &secret.name_any()).await?.unwrap_or_default().data;
            let texts = keys.into_iter().filter_map(|key| String::from_utf8(data.get(key)?.clone()).ok());
            values.extend(texts);
        }
        Ok(values)
    }

    /// Makes `manager` the owner of those fields of `secret` that managers for which `is_predecessor` holds have
    /// applied to `found`. No value changes, and what else they applied stays theirs. Returns whether there was
    /// anything to take over.
    pub async fn succeed_managers(
        &self,
        found: &SecretState,
        secret: &SecretObject,
        manager: &FieldManager,
        is_predecessor: impl Fn(&str) -> bool,
    ) -> Result<bool, Failure> {
        let fields = managers::fields_of(&secret.to_json()?);
        let Some(entries) = managers::succeed(&found.managers, manager, &fields, is_predecessor) else {
            return Ok(false);
        };
        let patch = Patch::Merge(json!({
            "metadata": {"resourceVersion": found.resource_version, "managedFields": entries},
        }));
        let api = self.namespaced::<Secret>(&secret.namespace);
        let what = format!("taking over the fields of the Secret `{}`", secret.name);
        let params = PatchParams { field_manager: Some(manager.as_str().to_owned()), ..PatchParams::default() };
        self.if_unchanged(&what, async { api.patch_metadata(&secret.name, &params, &patch).await }).await?;
        Ok(true)
    }

    /// Makes an empty Secret for `secret` unless there is one. Who has read none can bind a change to it from then on.
    pub async fn reserve_secret(&self, secret: &SecretObject, manager: &FieldManager) -> Result<(), Failure> {
        let api = self.namespaced::<Secret>(&secret.namespace);
        let empty = Secret {
            metadata: ObjectMeta { name: Some(secret.name.clone()), ..ObjectMeta::default() },
            type_: Some(secret.kind.clone()),
            ..Secret::default()
        };
        let params = PostParams { field_manager: Some(manager.as_str().to_owned()), ..PostParams::default() };
        self.once(&format!("making the Secret `{}`", secret.name), async {
            match api.create(&params, &empty).await {
                Ok(_) => Ok(()),
                Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Creates a Secret, or sets those of its fields that are `manager`'s (server-side apply). Keys that `manager` set
    /// before and that are no longer in `secret` are removed; everybody else's stay. With `force` the fields of other
    /// managers are overwritten. Nothing is changed if the Secret is not the one that was `found` any more.
    pub async fn apply_secret(
        &self,
        secret: &SecretObject,
        found: Option<&SecretState>,
        marks: &Marks,
        manager: &FieldManager,
        force: bool,
    ) -> Result<Applied, Failure> {
        let mut object = secret.to_json()?;
        if let Some(found) = found {
            object["metadata"]["resourceVersion"] = json!(found.resource_version);
        }
        let api = self.namespaced::<Secret>(&secret.namespace);
        let params = PatchParams { force, ..PatchParams::apply(manager.as_str()) };
        let what = format!("applying the Secret `{}`", secret.name);
        let applied = self.once(&what, async {
            match api.patch_metadata(&secret.name, &params, &Patch::Apply(&object)).await {
                Ok(applied) => Ok(Ok(applied.metadata)),
                Err(kube::Error::Api(status)) => match managers::conflicts(&status) {
                    Some(conflicts) => Ok(Err(Applied::Conflicts(conflicts))),
                    None if status.is_conflict() => Ok(Err(Applied::Changed)),
                    None => Err(kube::Error::Api(status)),
                },
                Err(error) => Err(error),
            }
        });
        match applied.await? {
            Ok(meta) => self.claim(&api, &meta, marks).await.map(|()| Applied::Done),
            Err(other) => Ok(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::fake_api::{ApiRequest, SecretStore};
    use super::super::source::KubeSource;
    use super::*;

    #[tokio::test]
    async fn f83_the_generated_secrets_of_every_namespace_are_found() {
        let store = SecretStore::default();
        let secret = |annotation: &str| {
            json!({"data": {"PW": "b3RoZXI=", "A": "eA=="},
                "metadata": {"namespace": "n", "annotations": {annotation: "PW"}}})
        };
        store.put("ours", secret("provision.generated/DB_PASSWORD"), "1");
        store.put("theirs", secret("other/PW"), "1");
        let kube = store.serve(|_: &ApiRequest| {}).await;
        assert_eq!(kube.generated_secrets().await.unwrap(), ["other"]);
    }

    #[tokio::test]
    async fn a_cluster_that_cannot_be_reached_is_asked_for_generated_secrets_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let n_asked = Arc::new(AtomicUsize::new(0));
        let n = Arc::clone(&n_asked);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                n.fetch_add(1, Ordering::Relaxed);
                drop(connection);
            }
        });
        let client = kube::Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap();
        let kube = Kube::for_test(client, KubeSource::for_test("test"));
        assert!(kube.generated_secrets().await.unwrap_err().transient);
        assert_eq!(n_asked.load(Ordering::Relaxed), 1);
    }
}
