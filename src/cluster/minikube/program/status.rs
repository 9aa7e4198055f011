//! What `minikube status -o json` prints.

use serde::Deserialize;

/// The state of the cluster, as minikube sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum ClusterState {
    /// There is no such profile.
    Absent,
    /// Its node is stopped, also by somebody else.
    Stopped,
    /// Its containers are paused.
    Paused,
    /// It runs, and our kubeconfig points at it.
    Running,
    /// It runs; our kubeconfig does not point at it.
    Unlinked,
    /// The profile is there; its node is gone, or was made and never started.
    NoNode,
    /// Its node runs, and what should run in it does not.
    Broken,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NodeStatus {
    #[serde(default)]
    host: String,
    #[serde(default)]
    kubelet: String,
    #[serde(default, rename = "APIServer")]
    api_server: String,
    #[serde(default)]
    kubeconfig: String,
}

/// The state that `minikube status -o json` printed; `None` when it printed something else. One node is an object, more
/// are a list; an event stands for a profile that is not there; a node that is gone is `null`.
pub(super) fn parse_status(stdout: &[u8]) -> Option<ClusterState> {
    let text = String::from_utf8_lossy(stdout);
    let first = text.lines().next().unwrap_or_default().trim();
    let node: NodeStatus = match serde_json::from_str::<serde_json::Value>(first).ok()? {
        serde_json::Value::Null => return Some(ClusterState::NoNode),
        serde_json::Value::Array(nodes) => serde_json::from_value(nodes.into_iter().next()?).ok()?,
        value if value.get("specversion").is_some() => {
            let message = value.pointer("/data/message")?.as_str()?;
            return message.contains("not found").then_some(ClusterState::Absent);
        }
        value => serde_json::from_value(value).ok()?,
    };
    Some(match (node.host.as_str(), node.kubelet.as_str(), node.api_server.as_str()) {
        ("Stopped" | "Saved", ..) => ClusterState::Stopped,
        ("Paused", ..) | ("Running", _, "Paused") => ClusterState::Paused,
        ("Running", "Running", "Running") if node.kubeconfig == "Configured" => ClusterState::Running,
        ("Running", "Running", "Running") => ClusterState::Unlinked,
        _ => ClusterState::Broken,
    })
}
