//! Objects of the cluster, by kind and by name or labels, as they are now.

use std::sync::Arc;

use kube::api::{DynamicObject, ListParams};
use serde_json::Value;

use super::client::Kube;
use super::kinds::Kind;
use crate::error::{Context, Failure};
use crate::suggest::nearest;

/// API versions of which most objects are, in the order in which a kind is looked for.
const COMMON: [&str; 8] = [
    "v1",
    "apps/v1",
    "batch/v1",
    "networking.k8s.io/v1",
    "autoscaling/v2",
    "policy/v1",
    "rbac.authorization.k8s.io/v1",
    "storage.k8s.io/v1",
];

/// Which objects are meant.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// `Deployment`.
    pub kind: &'a str,
    /// `apps/v1`; looked up where it is not given.
    pub api_version: Option<&'a str>,
    /// The namespace; of no account for a kind that has none.
    pub namespace: &'a str,
    /// The object's name.
    pub name: Option<&'a str>,
    /// A label selector; all objects of the kind without it.
    pub selector: Option<&'a str>,
}

impl Kube {
    /// Returns the objects that are there, ordered by name. One that is being deleted is as good as gone.
    pub async fn select(&self, selection: Selection<'_>) -> Result<Vec<Value>, Failure> {
        let kind = self.find_kind(selection.kind, selection.api_version).await?;
        let api = self.dynamic(&kind, selection.namespace);
        let found: Vec<DynamicObject> = if let Some(name) = selection.name {
            let what = format!("reading {}/{name} in {}", selection.kind, selection.namespace);
            self.read(&what, || async { self.absent_without_kind(api.get_opt(name).await) })
                .await?
                .into_iter()
                .collect()
        } else {
            let what = format!("listing the objects {} in {}", selection.kind, selection.namespace);
            let params =
                selection.selector.map_or_else(ListParams::default, |labels| ListParams::default().labels(labels));
            self.read(&what, || api.list(&params)).await?.items
        };
        let mut objects = Vec::new();
        for mut object in found.into_iter().filter(|object| object.metadata.deletion_timestamp.is_none()) {
            object.metadata.managed_fields = None;
            let mut value = serde_json::to_value(&object).context(|| format!("reading a {}", selection.kind))?;
            // In a list the items do not say what they are.
            value["kind"] = kind.resource.kind.as_str().into();
            value["apiVersion"] = kind.resource.api_version.as_str().into();
            objects.push(value);
        }
        let name = |object: &Value| object.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
        objects.sort_by_key(name);
        Ok(objects)
    }

    /// The kind by its name, wherever the cluster serves it.
    async fn find_kind(&self, kind: &str, api_version: Option<&str>) -> Result<Kind, Failure> {
        if let Some(api_version) = api_version {
            let found = self.kind_of(api_version, kind).await?;
            return found.ok_or_else(|| Failure::failed(format!("the cluster has no kind {kind} in {api_version}")));
        }
        for api_version in COMMON {
            if let Some(found) = self.kind_of(api_version, kind).await? {
                return Ok(found);
            }
        }
        let groups = self.read("listing the API groups", || self.client.list_api_groups()).await?;
        for group in groups.groups {
            let preferred = group.preferred_version.or_else(|| group.versions.into_iter().next());
            let Some(version) = preferred.map(|version| version.group_version) else { continue };
            if COMMON.contains(&version.as_str()) {
                continue;
            }
            if let Some(found) = self.kind_of(&version, kind).await? {
                return Ok(found);
            }
        }
        let known: Vec<Arc<[Kind]>> = COMMON.iter().filter_map(|version| self.kinds.all_kept(version)).collect();
        let names = known.iter().flat_map(|kinds| kinds.iter()).map(|kind| kind.resource.kind.as_str());
        let failure = Failure::failed(format!("the cluster has no kind {kind}"));
        Err(match nearest(kind, names) {
            Some(near) => failure.hint(format!("write `kind = \"{near}\"`")),
            None => failure,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fake_api::{serve, status};
    use super::*;

    fn resources(list: &[(&str, &str)]) -> (u16, Value) {
        let all: Vec<Value> = list
            .iter()
            .map(|(name, kind)| {
                json!({"name": name, "singularName": "", "kind": kind, "namespaced": true, "verbs": ["get", "list"]})
            })
            .collect();
        (200, json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "x", "resources": all}))
    }

    async fn cluster() -> Kube {
        serve(|request| match request.path.as_str() {
            "/api/v1" => resources(&[("pods", "Pod"), ("services", "Service")]),
            "/apis/apps/v1" => resources(&[("deployments", "Deployment")]),
            "/apis" => (
                200,
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [{"name": "x.example", "versions":
                    [{"groupVersion": "x.example/v2", "version": "v2"}],
                    "preferredVersion": {"groupVersion": "x.example/v2", "version": "v2"}}]}),
            ),
            "/apis/x.example/v2" => resources(&[("widgets", "Widget")]),
            "/apis/x.example/v2/namespaces/apps/widgets/w" => {
                (200, json!({"apiVersion": "x.example/v2", "kind": "Widget", "metadata": {"name": "w"}, "size": 3}))
            }
            "/api/v1/namespaces/apps/pods" if request.query.contains("labelSelector=app%3Dweb") => {
                let pod = |name: &str| json!({"metadata": {"name": name, "managedFields": []}});
                let gone = json!({"metadata": {"name": "c", "deletionTimestamp": "2026-01-01T00:00:00Z"}});
                (
                    200,
                    json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [pod("b"), pod("a"), gone]}),
                )
            }
            path if path.contains("namespaces") => status(404, "NotFound", "not found"),
            _ => resources(&[]),
        })
        .await
    }

    fn of<'a>(kind: &'a str, name: Option<&'a str>, selector: Option<&'a str>) -> Selection<'a> {
        Selection { kind, api_version: None, namespace: "apps", name, selector }
    }

    #[tokio::test]
    async fn objects_are_found_by_name_and_by_labels_in_whatever_version_they_are_served() {
        let kube = cluster().await;
        let widget = kube.select(of("Widget", Some("w"), None)).await.unwrap();
        assert_eq!(widget[0]["size"], 3);
        let pods = kube.select(of("Pod", None, Some("app=web"))).await.unwrap();
        let names: Vec<&Value> = pods.iter().map(|pod| &pod["metadata"]["name"]).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!((&pods[0]["kind"], &pods[0]["apiVersion"]), (&json!("Pod"), &json!("v1")));
        assert_eq!(kube.select(of("Pod", Some("x"), None)).await.unwrap(), Vec::<Value>::new());
    }

    #[tokio::test]
    async fn a_kind_that_the_cluster_does_not_serve_is_an_error() {
        let kube = cluster().await;
        let failure = kube.select(of("Deploymnet", Some("x"), None)).await.unwrap_err();
        assert_eq!(failure.message, "the cluster has no kind Deploymnet");
        assert_eq!(failure.hints, ["write `kind = \"Deployment\"`"]);
    }
}
