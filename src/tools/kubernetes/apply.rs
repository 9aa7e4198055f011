//! Namespaces and objects of any kind are made and changed.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};

use super::client::Kube;
use super::managers::SHARED;
use super::objects::ObjectRef;
use crate::error::Failure;

impl Kube {
    /// Whether somebody is deleting the namespace `name`.
    pub async fn is_leaving(&self, name: &str) -> Result<bool, Failure> {
        let api: Api<Namespace> = self.all();
        let found = self.read(&format!("reading the namespace `{name}`"), || api.get_metadata_opt(name)).await?;
        Ok(found.is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_some()))
    }

    /// Makes a namespace unless it is there. Returns whether it was made.
    pub async fn ensure_namespace(&self, name: &str) -> Result<bool, Failure> {
        let api: Api<Namespace> = self.all();
        let what = format!("making the namespace `{name}`");
        if self.read(&what, || api.get_metadata_opt(name)).await?.is_some() {
            return Ok(false);
        }
        let namespace: Namespace = Namespace {
            metadata: kube::api::ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
            ..Default::default()
        };
        let params = PostParams { field_manager: Some(SHARED.to_owned()), ..PostParams::default() };
        self.once(&what, async {
            match api.create(&params, &namespace).await {
                Ok(_) => Ok(true),
                // Another program was faster.
                Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Removes a namespace with all that is in it. Returns at once; it is gone some time later.
    pub async fn delete_namespace(&self, name: &str) -> Result<(), Failure> {
        let api: Api<Namespace> = self.all();
        self.once(&format!("removing the namespace `{name}`"), async {
            match api.delete(name, &kube::api::DeleteParams::default()).await {
                Ok(_) => Ok(()),
                Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Makes or changes an object of any kind that the cluster serves (server-side apply).
    pub async fn apply_object(&self, object: &serde_json::Value) -> Result<(), Failure> {
        let text = |pointer| object.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let reference = ObjectRef {
            api_version: text("/apiVersion"),
            kind: text("/kind"),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
        };
        let Some(kind) = self.kind_of(&reference.api_version, &reference.kind).await? else {
            return Err(Failure::failed(format!("applying {reference} failed"))
                .cause(format!("the cluster has no kind {} in {}", reference.kind, reference.api_version)));
        };
        let api = self.dynamic(&kind, &reference.namespace);
        let params = PatchParams::apply(SHARED).force();
        self.once(&format!("applying {reference}"), async {
            api.patch(&reference.name, &params, &Patch::Apply(object)).await
        })
        .await
        .map(|_| ())
    }
}
