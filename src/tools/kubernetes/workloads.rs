//! Deployments, stateful sets and daemon sets: how far a rollout is, and which pods are its own.

use std::fmt::Debug;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;

use super::client::Kube;
use super::workload::{Workload, WorkloadKind};
use super::workload_state::{
    of_cron_job, of_daemon_set, of_deployment, of_job, of_pod, of_replica_set, of_stateful_set,
};
use crate::error::Failure;

impl Kube {
    /// A workload; `None` when it is not there.
    pub async fn workload(&self, kind: WorkloadKind, namespace: &str, name: &str) -> Result<Option<Workload>, Failure> {
        let what = format!("reading {}/{name}", kind.word());
        let found = match kind {
            WorkloadKind::Deployment => {
                let api = self.namespaced::<Deployment>(namespace);
                self.read(&what, || api.get_opt(name)).await?.as_ref().map(of_deployment)
            }
            WorkloadKind::StatefulSet => {
                let api = self.namespaced::<StatefulSet>(namespace);
                self.read(&what, || api.get_opt(name)).await?.as_ref().map(of_stateful_set)
            }
            WorkloadKind::DaemonSet => {
                let api = self.namespaced::<DaemonSet>(namespace);
                self.read(&what, || api.get_opt(name)).await?.as_ref().map(of_daemon_set)
            }
            WorkloadKind::ReplicaSet => {
                let api = self.namespaced::<ReplicaSet>(namespace);
                self.read(&what, || api.get_opt(name)).await?.as_ref().map(of_replica_set)
            }
            WorkloadKind::Job => {
                let api = self.namespaced::<Job>(namespace);
                self.read(&what, || api.get_opt(name)).await?.as_ref().map(of_job)
            }
            WorkloadKind::CronJob => {
                let api = self.namespaced::<CronJob>(namespace);
                self.read(&what, || api.get_opt(name)).await?.as_ref().map(of_cron_job)
            }
            WorkloadKind::Pod => {
                let api = self.namespaced::<Pod>(namespace);
                self.read(&what, || api.get_opt(name)).await?.as_ref().map(of_pod)
            }
        };
        Ok(found.map(|found| found.typed(|text| self.typed(text))))
    }

    /// All workloads that a label selector names, without those that another one has made; an empty one names all of
    /// the namespace.
    pub async fn workloads(&self, namespace: &str, selector: &str) -> Result<Vec<Workload>, Failure> {
        let lists = tokio::try_join!(
            self.list_workloads(namespace, selector, of_deployment),
            self.list_workloads(namespace, selector, of_stateful_set),
            self.list_workloads(namespace, selector, of_daemon_set),
            self.list_workloads(namespace, selector, of_replica_set),
            self.list_workloads(namespace, selector, of_job),
            self.list_workloads(namespace, selector, of_cron_job),
            self.list_workloads(namespace, selector, of_pod),
        )?;
        let lists: [Vec<Workload>; 7] = lists.into();
        Ok(lists.into_iter().flatten().collect())
    }

    async fn list_workloads<K>(
        &self,
        namespace: &str,
        selector: &str,
        of: impl Fn(&K) -> Workload,
    ) -> Result<Vec<Workload>, Failure>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + serde::de::DeserializeOwned,
    {
        let api = self.namespaced::<K>(namespace);
        let params = ListParams::default().labels(selector);
        let what = format!("listing the workloads of {namespace}");
        let list = self.read(&what, || api.list(&params)).await?;
        let is_made = |one: &&K| one.meta().owner_references.as_ref().is_some_and(|owners| !owners.is_empty());
        Ok(list
            .items
            .iter()
            .filter(|one| !is_made(one))
            .map(of)
            .map(|found| found.typed(|text| self.typed(text)))
            .collect())
    }

    /// The pods of a workload's newest revision that are not on their way out.
    pub(super) async fn newest_pods(&self, workload: &Workload) -> Result<Vec<Pod>, Failure> {
        let pods = match workload.kind {
            WorkloadKind::CronJob => Vec::new(),
            WorkloadKind::Pod => {
                let api = self.namespaced::<Pod>(&workload.namespace);
                let pod = self.read(&format!("reading {workload}"), || api.get_opt(&workload.name)).await?;
                pod.into_iter().collect()
            }
            // An empty selector would name every pod of the namespace.
            _ if workload.selector.is_empty() => Vec::new(),
            _ => self.pods(&workload.namespace, &workload.selector).await?,
        };
        let newest = match &workload.newest {
            Some(newest) => Some(newest.clone()),
            None => self.newest_replica_set(workload).await?,
        };
        Ok(pods
            .into_iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .filter(|pod| newest.as_ref().is_none_or(|(label, value)| label_of(&pod.metadata, label) == Some(value)))
            .collect())
    }

    async fn newest_replica_set(&self, workload: &Workload) -> Result<Option<(&'static str, String)>, Failure> {
        if workload.kind != WorkloadKind::Deployment {
            return Ok(None);
        }
        let api = self.namespaced::<ReplicaSet>(&workload.namespace);
        let params = ListParams::default().labels(&workload.selector);
        let sets = self.read(&format!("listing the replica sets of {workload}"), || api.list_metadata(&params)).await?;
        Ok(sets
            .items
            .iter()
            .map(|set| &set.metadata)
            .filter(|meta| {
                let owners = meta.owner_references.iter().flatten();
                owners.into_iter().any(|owner| owner.uid == workload.uid)
            })
            .max_by_key(|meta| revision(meta))
            .and_then(|meta| label_of(meta, HASH).cloned())
            .map(|hash| (HASH, hash)))
    }
}

/// The label that tells the pods of a Deployment's versions apart.
pub(super) const HASH: &str = "pod-template-hash";

fn label_of<'a>(meta: &'a ObjectMeta, label: &str) -> Option<&'a String> {
    meta.labels.as_ref()?.get(label)
}

/// The number of a Deployment's version.
pub(super) fn revision(meta: &ObjectMeta) -> u64 {
    meta.annotations
        .as_ref()
        .and_then(|annotations| annotations.get("deployment.kubernetes.io/revision")?.parse().ok())
        .unwrap_or(0)
}
