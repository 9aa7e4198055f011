//! Which kinds the cluster serves: those of Kubernetes, of its version, and of custom resources.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use kube::Api;
use kube::api::{ApiResource, DynamicObject};

use super::client::Kube;
use super::kinds::Kind;
use crate::error::Failure;

/// At most so many API versions are asked at once.
const LANES: usize = 4;

impl Kube {
    /// Returns a kind; `None` when the cluster does not serve it. Only what is there is remembered: a step may install
    /// what is missing.
    pub(super) async fn kind_of(&self, api_version: &str, kind: &str) -> Result<Option<Kind>, Failure> {
        if let Some(kept) = self.kinds.kept(api_version, kind) {
            return Ok(Some(kept));
        }
        let kinds = self.kinds_in(api_version).await?;
        let found = kinds.iter().find(|one| one.resource.kind == kind).cloned();
        self.kinds.keep(api_version, kinds);
        Ok(found)
    }

    /// Takes an object as absent when the cluster does not serve its kind any more: then the kinds that were looked up
    /// are out of date.
    pub(super) fn absent_without_kind<T>(&self, found: kube::Result<Option<T>>) -> kube::Result<Option<T>> {
        match found {
            Err(kube::Error::Api(status)) if status.code == 404 => {
                self.kinds.forget();
                Ok(None)
            }
            found => found,
        }
    }

    /// Returns every kind whose objects can be listed and deleted, each once, and the API versions of which nobody
    /// knows what they serve: their server is down.
    pub(super) async fn all_kinds(&self) -> Result<(Vec<Kind>, Vec<String>), Failure> {
        let groups = self.read("listing the API groups", || self.client.list_api_groups()).await?.groups;
        let of_groups = groups.into_iter().flat_map(|group| group.versions).map(|version| version.group_version);
        let versions: Vec<String> = std::iter::once("v1".to_owned()).chain(of_groups).collect();
        let lists = versions.iter().map(|version| async move { (version, self.kinds_in(version).await) });
        let mut lists = stream::iter(lists.collect::<Vec<_>>()).buffered(LANES);
        let (mut all, mut unknown, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        while let Some((version, kinds)) = lists.next().await {
            match kinds {
                Ok(kinds) => {
                    let new = kinds.iter().filter(|kind| kind.is_listed);
                    all.extend(
                        new.filter(|kind| seen.insert((kind.resource.group.clone(), kind.resource.plural.clone())))
                            .cloned(),
                    );
                }
                Err(failure) if failure.transient => unknown.push(version.clone()),
                Err(failure) => return Err(failure),
            }
        }
        Ok((all, unknown))
    }

    async fn kinds_in(&self, api_version: &str) -> Result<Arc<[Kind]>, Failure> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let what = format!("listing the kinds of {api_version}");
        let list = self.read(&what, || async {
            let list = if group.is_empty() {
                self.client.list_core_api_resources(version).await
            } else {
                self.client.list_api_group_resources(api_version).await
            };
            match list {
                Ok(list) => Ok(list.resources),
                // Of a group that nothing serves any more it says so in plain text, without a reason.
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        });
        let kinds = list.await?.into_iter().filter(|resource| !resource.name.contains('/')).map(|resource| Kind {
            is_namespaced: resource.namespaced,
            is_kept: resource.verbs.iter().any(|verb| verb == "get"),
            is_listed: ["list", "delete"].iter().all(|needed| resource.verbs.iter().any(|verb| verb == needed)),
            resource: ApiResource {
                group: group.to_owned(),
                version: version.to_owned(),
                api_version: api_version.to_owned(),
                kind: resource.kind,
                plural: resource.name,
            },
        });
        Ok(kinds.collect())
    }

    /// The objects of a kind; `namespace` counts for a namespaced one only.
    pub(super) fn dynamic(&self, kind: &Kind, namespace: &str) -> Api<DynamicObject> {
        if kind.is_namespaced {
            Api::namespaced_with(self.client.clone(), namespace, &kind.resource)
        } else {
            Api::all_with(self.client.clone(), &kind.resource)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use serde_json::{Value, json};

    use super::super::fake_api::{serve, status};
    use super::super::objects::ObjectRef;

    fn resources(list: &[(&str, &str, bool, &[&str])]) -> Value {
        let all: Vec<Value> = list
            .iter()
            .map(|(name, kind, namespaced, verbs)| {
                json!({"name": name, "singularName": "", "kind": kind, "namespaced": namespaced, "verbs": verbs})
            })
            .collect();
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "x", "resources": all})
    }

    fn object(api_version: &str, kind: &str, name: &str) -> ObjectRef {
        let (api_version, kind, name) = (api_version.into(), kind.into(), name.into());
        ObjectRef { api_version, kind, namespace: "apps".into(), name }
    }

    #[tokio::test]
    async fn every_kind_that_the_cluster_serves_is_looked_at() {
        static HAS_WIDGETS: AtomicBool = AtomicBool::new(false);
        static N_LISTS: AtomicUsize = AtomicUsize::new(0);
        let metadata = |name: &str| json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": name}});
        let kube = serve(move |request| match request.path.as_str() {
            "/apis/scheduling.k8s.io/v1" => {
                N_LISTS.fetch_add(1, Ordering::Relaxed);
                (200, resources(&[("priorityclasses", "PriorityClass", false, &["get", "list"])]))
            }
            "/apis/bugs.example/v1" if HAS_WIDGETS.load(Ordering::Relaxed) => {
                (200, resources(&[("widgets/status", "Widget", true, &["get"]), ("widgets", "Widget", true, &["get"])]))
            }
            "/apis/authorization.k8s.io/v1" => {
                (200, resources(&[("selfsubjectreviews", "SelfSubjectReview", false, &["create"])]))
            }
            "/apis/scheduling.k8s.io/v1/priorityclasses/high" => (200, metadata("high")),
            "/apis/bugs.example/v1/namespaces/apps/widgets/w" if HAS_WIDGETS.load(Ordering::Relaxed) => {
                (200, metadata("w"))
            }
            path if path.starts_with("/apis/bugs.example/v1") => status(404, "", "404 page not found"),
            _ => status(404, "NotFound", "not found"),
        })
        .await;
        let high = object("scheduling.k8s.io/v1", "PriorityClass", "high");
        assert!(kube.exists(&high).await.unwrap());
        let low = object("scheduling.k8s.io/v1", "PriorityClass", "low");
        assert_eq!(kube.absence(&low).await.unwrap().unwrap(), "priorityclass/low in apps is gone");
        assert_eq!(N_LISTS.load(Ordering::Relaxed), 1);
        let widget = object("bugs.example/v1", "Widget", "w");
        assert_eq!(
            kube.absence(&widget).await.unwrap().unwrap(),
            "widget/w in apps is not there: the cluster has no kind Widget in bugs.example/v1"
        );
        // Its definition was installed by a step meanwhile.
        HAS_WIDGETS.store(true, Ordering::Relaxed);
        assert!(kube.exists(&widget).await.unwrap());
        // Somebody has removed it again: what was looked up before does not count.
        HAS_WIDGETS.store(false, Ordering::Relaxed);
        assert!(!kube.exists(&widget).await.unwrap());
        assert!(kube.absence(&widget).await.unwrap().unwrap().contains("has no kind Widget"));
        assert!(kube.exists(&object("authorization.k8s.io/v1", "SelfSubjectReview", "x")).await.unwrap());
    }
}
