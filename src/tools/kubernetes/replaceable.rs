//! Pods of a workload one by one: whether the workload replaces one, and what would be lost with it.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{DeleteParams, Preconditions};

use super::client::Kube;
use super::forward::is_ready;
use super::rollout::Target;
use crate::error::Failure;
use crate::tools::deletion::Proof;

/// A pod of a workload's newest version that is not on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodOfWorkload {
    /// Its name.
    pub name: String,
    /// What tells it from another one of the same name.
    pub uid: String,
    /// Whether it is ready.
    pub is_ready: bool,
    /// What controls it: kind, name and uid.
    controller: Option<(String, String, String)>,
    /// Its volumes whose content goes with it.
    pub own_volumes: BTreeSet<String>,
}

impl PodOfWorkload {
    fn of(pod: &Pod) -> Self {
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let own = volumes.filter(|volume| volume.empty_dir.is_some() || volume.ephemeral.is_some());
        Self {
            name: pod.metadata.name.clone().unwrap_or_default(),
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            is_ready: is_ready(pod),
            controller: controller(&pod.metadata).map(|one| (one.kind.clone(), one.name.clone(), one.uid.clone())),
            own_volumes: own.map(|volume| volume.name.clone()).collect(),
        }
    }
}

fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

impl Kube {
    /// The pods of a workload's newest version that are not on their way out, by name; none when it is not there.
    pub async fn pods_of(&self, target: &Target) -> Result<Vec<PodOfWorkload>, Failure> {
        let (kind, namespace, name) = target;
        let Some(workload) = self.workload(*kind, namespace, name).await? else { return Ok(Vec::new()) };
        let mut pods: Vec<_> = self.newest_pods(&workload).await?.iter().map(PodOfWorkload::of).collect();
        pods.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(pods)
    }

    /// Whether `target` makes another pod when this one is deleted: it controls it, or a replica set of its own does.
    pub async fn replaces(&self, target: &Target, pod: &PodOfWorkload) -> Result<Proof, Failure> {
        let (kind, namespace, name) = target;
        let wanted = self.workload(*kind, namespace, name).await?.map(|workload| workload.uid);
        let lacking = |why: String| Ok(Proof::Lacking(why));
        let Some((owner_kind, owner, uid)) = &pod.controller else {
            return lacking("nothing controls it, so nothing would replace it".to_owned());
        };
        let mut uid = Some(uid.clone());
        if owner_kind == "ReplicaSet" {
            let api = self.namespaced::<ReplicaSet>(namespace);
            let what = format!("reading replicaset/{owner}");
            let set = self.read(&what, || api.get_metadata_opt(owner)).await?;
            let set = set.filter(|set| set.metadata.uid == uid);
            uid = set.and_then(|set| controller(&set.metadata).map(|owner| owner.uid.clone()));
        }
        if uid.is_some() && uid == wanted {
            return Ok(Proof::Shown);
        }
        lacking(format!("{}/{owner} controls it, which is not of {}/{name}", owner_kind.to_lowercase(), kind.word()))
    }

    /// Deletes this very pod, as `kubectl delete pod` does.
    pub async fn delete_pod(&self, namespace: &str, pod: &PodOfWorkload) -> Result<(), Failure> {
        let api = self.namespaced::<Pod>(namespace);
        let this_one = Preconditions { uid: Some(pod.uid.clone()), resource_version: None };
        let params = DeleteParams::default().preconditions(this_one);
        let what = format!("deleting the pod {}", pod.name);
        self.once(&what, async { api.delete(&pod.name, &params).await }).await.map(drop)
    }

    /// Whether this very pod is gone, and not only on its way out.
    pub async fn is_gone(&self, namespace: &str, pod: &PodOfWorkload) -> Result<bool, Failure> {
        let api = self.namespaced::<Pod>(namespace);
        let found = self.read(&format!("looking for the pod {}", pod.name), || api.get_metadata_opt(&pod.name)).await?;
        Ok(found.is_none_or(|found| found.metadata.uid.as_ref() != Some(&pod.uid)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fake_api::{serve, status};
    use super::super::workload::WorkloadKind;
    use super::*;

    fn pod(owners: &Value, volumes: &Value) -> PodOfWorkload {
        let pod = json!({"metadata": {"name": "web-1", "uid": "p", "ownerReferences": owners},
            "spec": {"containers": [], "volumes": volumes}});
        PodOfWorkload::of(&serde_json::from_value(pod).unwrap())
    }

    fn owner(kind: &str, name: &str, uid: &str, controls: bool) -> Value {
        json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": controls})
    }

    #[test]
    fn what_goes_with_a_pod_is_in_its_own_volumes() {
        let volumes = json!([{"name": "tmp", "emptyDir": {}}, {"name": "shm", "emptyDir": {"medium": "Memory"}},
            {"name": "scratch", "ephemeral": {}}, {"name": "conf", "configMap": {"name": "c"}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "d"}}, {"name": "host", "hostPath": {"path": "/x"}}]);
        let own: Vec<String> = pod(&json!([]), &volumes).own_volumes.into_iter().collect();
        assert_eq!(own, ["scratch", "shm", "tmp"]);
    }

    #[tokio::test]
    async fn a_pod_is_replaced_by_the_workload_that_controls_it_and_by_no_other() {
        let kube = serve(|request| match request.path.as_str() {
            "/apis/apps/v1/namespaces/apps/deployments/web" => {
                let spec = json!({"selector": {}, "template": {}});
                (200, json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "uid": "d"}, "spec": spec}))
            }
            path if path.starts_with("/apis/apps/v1/namespaces/apps/replicasets/") => {
                let name = path.rsplit('/').next().unwrap();
                let of = if name == "own" { "d" } else { "x" };
                let owners = json!([owner("Deployment", "web", of, true)]);
                (200, json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
                    "metadata": {"name": name, "uid": name, "ownerReferences": owners}}))
            }
            _ => status(404, "NotFound", "not found"),
        })
        .await;
        let target = (WorkloadKind::Deployment, "apps".to_owned(), "web".to_owned());
        let cases = [
            (json!([owner("ReplicaSet", "own", "own", true)]), true),
            (json!([owner("ReplicaSet", "other", "other", true)]), false),
            // A set of the same name that was made again.
            (json!([owner("ReplicaSet", "own", "before", true)]), false),
            (json!([owner("ReplicaSet", "own", "own", false)]), false),
            (json!([owner("Job", "own", "own", true)]), false),
            (json!([]), false),
        ];
        for (owners, expected) in cases {
            let proof = kube.replaces(&target, &pod(&owners, &json!([]))).await.unwrap();
            assert_eq!(proof == Proof::Shown, expected, "{owners}: {proof:?}");
        }
    }
}
