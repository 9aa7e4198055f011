//! What answers behind a Service, by content: where it leads, what the workloads of its pods say, and the images that
//! these run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use kube::api::ListParams;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::Kube;
use super::pods::images_of;
use super::workload::Workload;
use super::workload_state::{of_daemon_set, of_deployment, of_replica_set, of_stateful_set};
use crate::error::{Context, Failure};

/// A workload, and what it says of its pods.
type Behaviour = (Workload, String);

impl Kube {
    /// What decides what a Service answers, each part under its name; `None` when the Service is not there. The number
    /// of the pods is none of it, and neither are those of an older version.
    pub async fn behind(&self, namespace: &str, service: &str) -> Result<Option<BTreeMap<String, String>>, Failure> {
        let Some(leads_to) = self.leads_to(namespace, service).await? else { return Ok(None) };
        let mut parts = BTreeMap::from([(format!("service/{service}"), leads_to)]);
        let labels = self.selected_labels(namespace, service).await?;
        if labels.is_empty() {
            return Ok(Some(parts));
        }
        let lists = tokio::try_join!(
            self.list_behind(namespace, &labels, of_deployment as fn(&Deployment) -> Workload),
            self.list_behind(namespace, &labels, of_stateful_set as fn(&StatefulSet) -> Workload),
            self.list_behind(namespace, &labels, of_daemon_set as fn(&DaemonSet) -> Workload),
            self.list_behind(namespace, &labels, of_replica_set as fn(&ReplicaSet) -> Workload),
        )?;
        let workloads: Vec<Behaviour> = <[Vec<Behaviour>; 4]>::from(lists).into_iter().flatten().collect();
        let mut images = BTreeSet::new();
        for (workload, behaviour) in &workloads {
            parts.insert(workload.to_string(), behaviour.clone());
            images.extend(self.running_images(workload).await?.into_iter().map(|one| (one.container, one.id)));
        }
        if workloads.is_empty() {
            // Of a kind that we don't know, or of none.
            let selector: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let pods = self.pods(namespace, &selector.join(",")).await?;
            let staying = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
            images.extend(staying.flat_map(images_of).map(|one| (one.container, one.id)));
        }
        parts.insert(format!("images of service/{service}"), format!("{images:?}"));
        Ok(Some(parts))
    }

    /// The labels that a Service selects its pods by; none when it selects none, or is not there.
    async fn selected_labels(&self, namespace: &str, service: &str) -> Result<BTreeMap<String, String>, Failure> {
        let found = self.service_if_there(namespace, service).await?;
        Ok(found.and_then(|found| found.spec?.selector).unwrap_or_default())
    }

    /// What decides where a Service leads: the labels of its pods and its ports. `None` when it is not there.
    pub async fn leads_to(&self, namespace: &str, service: &str) -> Result<Option<String>, Failure> {
        let found = self.service_if_there(namespace, service).await?;
        Ok(found.and_then(|found| found.spec).map(|spec| {
            let ports = spec.ports.unwrap_or_default();
            let ports: Vec<_> = ports.iter().map(|port| (&port.name, port.port, &port.target_port)).collect();
            format!("{:?} {ports:?} {:?}", spec.selector, spec.publish_not_ready_addresses)
        }))
    }

    /// The workloads of a kind whose pods have all of `labels`, without those that another one has made.
    async fn list_behind<K>(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
        of: fn(&K) -> Workload,
    ) -> Result<Vec<Behaviour>, Failure>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + DeserializeOwned
            + Serialize,
    {
        let api = self.namespaced::<K>(namespace);
        let params = ListParams::default();
        let list = self.read(&format!("listing the workloads of {namespace}"), || api.list(&params)).await?;
        let mut found = Vec::new();
        for one in list.items.iter().filter(|one| one.meta().owner_references.iter().flatten().next().is_none()) {
            let mut value = serde_json::to_value(one).context(|| "reading a workload".into())?;
            let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) else { continue };
            // An autoscaler may choose it.
            spec.remove("replicas");
            let own = spec.get("template").and_then(|template| template.pointer("/metadata/labels"));
            let has = |(name, value): (&String, &String)| own.is_some_and(|own| own[name] == *value.as_str());
            if labels.iter().all(has) {
                found.push((of(one), Value::Object(std::mem::take(spec)).to_string()));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fake_objects::ObjectStore;

    #[tokio::test]
    async fn what_answers_is_told_apart_by_content_and_not_by_the_number_of_pods() {
        let store = ObjectStore::default();
        let at = |kind: &str, name: &str| match kind {
            "deployments" | "replicasets" => format!("/apis/apps/v1/namespaces/apps/{kind}/{name}"),
            _ => format!("/api/v1/namespaces/apps/{kind}/{name}"),
        };
        let template = |app: &str| {
            json!({"metadata": {"labels": {"app": app}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]}})
        };
        let deployment = |app: &str| {
            json!({"spec": {"replicas": 1, "selector": {"matchLabels": {"app": app}},
            "template": template(app)}})
        };
        let pod = |id: &str| {
            let spec = json!({"nodeName": "n", "containers": [{"name": "web", "image": "web:1"}]});
            let status = json!({"name": "web", "image": "web:1", "imageID": id, "ready": true, "restartCount": 0});
            json!({"metadata": {"labels": {"app": "web"}}, "spec": spec, "status": {"containerStatuses": [status]}})
        };
        let kube = store.serve().await;
        assert_eq!(kube.behind("apps", "web").await.unwrap(), None);
        store.put(
            &at("services", "web"),
            json!({"spec": {"selector": {"app": "web"}, "ports": [{"port": 80,
            "targetPort": 8000}]}}),
        );
        store.put(&at("pods", "web-1"), pod("docker://sha256:aa"));
        let bare = kube.behind("apps", "web").await.unwrap().unwrap();
        assert!(bare["images of service/web"].contains("sha256:aa"), "{bare:?}");
        store.put(&at("deployments", "web"), deployment("web"));
        store.put(&at("deployments", "other"), deployment("other"));
        let first = kube.behind("apps", "web").await.unwrap().unwrap();
        let names: Vec<&str> = first.keys().map(String::as_str).collect();
        assert_eq!(names, ["deployment/web", "images of service/web", "service/web"]);
        // Another number of pods is nothing else.
        store.put(&at("pods", "web-2"), pod("docker://sha256:aa"));
        store.change(&at("deployments", "web"), |object| object["spec"]["replicas"] = 2.into());
        assert_eq!(kube.behind("apps", "web").await.unwrap().unwrap(), first);
        let changed = async || {
            let now = kube.behind("apps", "web").await.unwrap().unwrap();
            now.into_iter()
                .filter(|(name, text)| first.get(name) != Some(text))
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
        };
        store.put(&at("pods", "web-2"), pod("docker://sha256:bb"));
        assert_eq!(changed().await, ["images of service/web"]);
        store.put(&at("pods", "web-2"), pod("docker://sha256:aa"));
        store.change(&at("services", "web"), |object| object["spec"]["ports"][0]["targetPort"] = 9000.into());
        assert_eq!(changed().await, ["service/web"]);
        store.change(&at("services", "web"), |object| object["spec"]["ports"][0]["targetPort"] = 8000.into());
        let env = json!([{"name": "A", "value": "1"}]);
        store.change(&at("deployments", "web"), |object| {
            object["spec"]["template"]["spec"]["containers"][0]["env"] = env;
        });
        assert_eq!(changed().await, ["deployment/web"]);
    }
}
