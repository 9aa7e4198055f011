//! Pods, their warnings and their logs.

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt;
use kube::api::{ListParams, LogParams};

use super::client::Kube;
use crate::error::Failure;

impl Kube {
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
