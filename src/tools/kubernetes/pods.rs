//! Pods, their warnings and their logs.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt;
use kube::api::{ListParams, LogParams};

use super::client::Kube;
use super::workload::Workload;
use crate::error::Failure;

/// The image that a container of a pod runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningImage {
    /// The pod.
    pub pod: String,
    /// Its node.
    pub node: String,
    /// The container.
    pub container: String,
    /// The image by the name that the pod asks for.
    pub image: String,
    /// Its id, as the node's container runtime knows it: `sha256:…`, or a name with its digest in a registry.
    pub id: String,
}

/// The images that the containers of a pod run, as far as they are known already.
pub(super) fn images_of(pod: &Pod) -> Vec<RunningImage> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let found = statuses.filter_map(|status| {
        let container = spec.containers.iter().find(|container| container.name == status.name)?;
        // `docker://sha256:…`
        let id = status.image_id.rsplit("//").next().unwrap_or_default();
        Some(RunningImage {
            pod: pod.metadata.name.clone()?,
            node: spec.node_name.clone()?,
            container: container.name.clone(),
            image: container.image.clone()?,
            id: id.to_owned(),
        })
    });
    found.filter(|found| !found.id.is_empty()).collect()
}

/// When an event happened last.
pub(super) fn time_of(event: &Event) -> Option<Timestamp> {
    let seen = event.last_timestamp.as_ref().map(|time| time.0);
    seen.or_else(|| event.event_time.as_ref().map(|time| time.0))
        .or_else(|| event.creation_timestamp().map(|time| time.0))
}

impl Kube {
    /// The pods that a label selector names.
    pub(super) async fn pods(&self, namespace: &str, selector: &str) -> Result<Vec<Pod>, Failure> {
        let api = self.namespaced::<Pod>(namespace);
        let params = ListParams::default().labels(selector);
        let pods = self.read(&format!("listing the pods with {selector}"), || api.list(&params)).await?;
        Ok(pods.items)
    }

    /// The images that the containers of a workload's newest pods run.
    pub async fn running_images(&self, workload: &Workload) -> Result<Vec<RunningImage>, Failure> {
        Ok(self.newest_pods(workload).await?.iter().flat_map(images_of).collect())
    }

    /// The warning events about an object of a kind, oldest first.
    pub(super) async fn warnings(&self, namespace: &str, kind: &str, name: &str) -> Result<Vec<Event>, Failure> {
        let api = self.namespaced::<Event>(namespace);
        let fields = format!("involvedObject.kind={kind},involvedObject.name={name},type=Warning");
        let params = ListParams::default().fields(&fields);
        let events = self.read(&format!("reading the events of {name}"), || api.list(&params)).await?;
        let mut events = events.items;
        events.sort_by_key(time_of);
        Ok(events)
    }

    /// Whether an event says that the job with this uid has succeeded.
    pub(super) async fn has_completed(&self, namespace: &str, uid: &str) -> Result<bool, Failure> {
        let api = self.namespaced::<Event>(namespace);
        let params = ListParams::default().fields(&format!("involvedObject.uid={uid},reason=Completed"));
        let events = self.read("reading the events of a job", || api.list(&params)).await?.items;
        let is_it = |event: &Event| {
            event.involved_object.uid.as_deref() == Some(uid) && event.reason.as_deref() == Some("Completed")
        };
        Ok(events.iter().any(is_it))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_image_of_a_container_is_known_once_it_runs() {
        let status = |name: &str, id: &str| json!({"name": name, "image": "other", "imageID": id, "ready": true, "restartCount": 0});
        let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p"},
            "spec": {"nodeName": "n", "containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"}]},
            "status": {"containerStatuses": [status("a", "docker://sha256:aa"), status("b", "")]}}))
        .unwrap();
        let expected = RunningImage {
            pod: "p".into(),
            node: "n".into(),
            container: "a".into(),
            image: "x:1".into(),
            id: "sha256:aa".into(),
        };
        assert_eq!(images_of(&pod), [expected]);
    }
}
