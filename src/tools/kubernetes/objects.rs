//! Objects that are made, read or only looked for: namespaces, and whatever a manifest names.

use std::fmt;

use k8s_openapi::api::core::v1::{Event, Namespace, Pod};
use kube::api::{ApiResource, DynamicObject, ListParams, LogParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};

use super::Kube;
use super::managers::SHARED;
use crate::error::Failure;

/// An object by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// `apps/v1`, or `v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} in {}", self.kind.to_lowercase(), self.name, self.namespace)
    }
}

impl Kube {
    /// Makes a namespace unless it is there. Answers whether it was made.
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
                // Somebody else was faster.
                Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Removes a namespace with all that is in it. Answers at once; it is gone some time later.
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

    /// Makes or changes any object of a kind of Kubernetes' own (server-side apply).
    pub async fn apply_object(&self, object: &serde_json::Value) -> Result<(), Failure> {
        let text = |pointer| object.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let reference = ObjectRef {
            api_version: text("/apiVersion"),
            kind: text("/kind"),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
        };
        let Some(api) = self.dynamic(&reference) else {
            return Err(Failure::failed(format!("{reference} is of a kind that is not known here")));
        };
        let params = PatchParams::apply(SHARED).force();
        self.once(&format!("applying {reference}"), async {
            api.patch(&reference.name, &params, &Patch::Apply(object)).await
        })
        .await
        .map(|_| ())
    }

    /// Whether an object is there. `None` for a kind that is not Kubernetes' own, of which we can't say.
    pub async fn exists(&self, object: &ObjectRef) -> Result<Option<bool>, Failure> {
        let Some(api) = self.dynamic(object) else {
            return Ok(None);
        };
        let found = self.read(&format!("looking for {object}"), || api.get_metadata_opt(&object.name)).await?;
        // What is being deleted is as good as gone.
        Ok(Some(found.is_some_and(|found| found.metadata.deletion_timestamp.is_none())))
    }

    fn dynamic(&self, object: &ObjectRef) -> Option<Api<DynamicObject>> {
        let (plural, namespaced) = plural_of(&object.api_version, &object.kind)?;
        let (group, version) = object.api_version.rsplit_once('/').unwrap_or(("", &object.api_version));
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            plural: plural.to_owned(),
        };
        Some(if namespaced {
            Api::namespaced_with(self.client.clone(), &object.namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        })
    }

    /// The pods that a label selector names.
    pub(super) async fn pods(&self, namespace: &str, selector: &str) -> Result<Vec<Pod>, Failure> {
        let api = self.namespaced::<Pod>(namespace);
        let params = ListParams::default().labels(selector);
        let pods = self.read(&format!("listing the pods with {selector}"), || api.list(&params)).await?;
        Ok(pods.items)
    }

    /// The warning events about an object of a kind, oldest first.
    pub(super) async fn warnings(&self, namespace: &str, kind: &str, name: &str) -> Result<Vec<Event>, Failure> {
        let api = self.namespaced::<Event>(namespace);
        let fields = format!("involvedObject.kind={kind},involvedObject.name={name},type=Warning");
        let params = ListParams::default().fields(&fields);
        let events = self.read(&format!("reading the events of {name}"), || api.list(&params)).await?;
        let mut events = events.items;
        events.sort_by_key(|event| {
            event
                .last_timestamp
                .as_ref()
                .map(|time| time.0)
                .or_else(|| event.event_time.as_ref().map(|time| time.0))
                .or_else(|| event.creation_timestamp().map(|time| time.0))
        });
        Ok(events)
    }

    /// The last `lines` of a container's log; nothing where there is none.
    pub(super) async fn log_tail(&self, pod: (&str, &str), container: &str, previous: bool, lines: i64) -> Vec<String> {
        let (namespace, name) = pod;
        let api = self.namespaced::<Pod>(namespace);
        let params = LogParams {
            container: Some(container.to_owned()),
            previous,
            tail_lines: Some(lines),
            limit_bytes: Some(16 << 10),
            ..LogParams::default()
        };
        // A container that never ran has no log: not worth a word.
        match self.once("reading a log", async { api.logs(name, &params).await }).await {
            Ok(text) => text.lines().map(|line| line.trim_end().to_owned()).collect(),
            Err(_) => Vec::new(),
        }
    }
}

/// The plural of a kind of Kubernetes' own, and whether its objects live in namespaces.
fn plural_of(api_version: &str, kind: &str) -> Option<(&'static str, bool)> {
    const KINDS: [(&str, &str, &str, bool); 25] = [
        ("", "ConfigMap", "configmaps", true),
        ("", "Namespace", "namespaces", false),
        ("", "PersistentVolume", "persistentvolumes", false),
        ("", "PersistentVolumeClaim", "persistentvolumeclaims", true),
        ("", "Pod", "pods", true),
        ("", "Secret", "secrets", true),
        ("", "Service", "services", true),
        ("", "ServiceAccount", "serviceaccounts", true),
        ("", "ResourceQuota", "resourcequotas", true),
        ("", "LimitRange", "limitranges", true),
        ("apps", "DaemonSet", "daemonsets", true),
        ("apps", "Deployment", "deployments", true),
        ("apps", "ReplicaSet", "replicasets", true),
        ("apps", "StatefulSet", "statefulsets", true),
        ("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
        ("batch", "CronJob", "cronjobs", true),
        ("batch", "Job", "jobs", true),
        ("networking.k8s.io", "Ingress", "ingresses", true),
        ("networking.k8s.io", "IngressClass", "ingressclasses", false),
        ("networking.k8s.io", "NetworkPolicy", "networkpolicies", true),
        ("policy", "PodDisruptionBudget", "poddisruptionbudgets", true),
        ("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", false),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", false),
        ("rbac.authorization.k8s.io", "Role", "roles", true),
        ("rbac.authorization.k8s.io", "RoleBinding", "rolebindings", true),
    ];
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    KINDS
        .iter()
        .find(|(of, name, ..)| *of == group && *name == kind)
        .map(|(_, _, plural, namespaced)| (*plural, *namespaced))
}
