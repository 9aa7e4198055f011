//! The nodes of a cluster, and whose they are.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::ListParams;

use super::client::Kube;
use crate::error::{Failure, ids};

/// A node, with what is needed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its name.
    pub name: String,
    /// Whether it takes pods.
    pub ready: bool,
    /// Its kubelet's version: `v1.33.1`.
    pub version: String,
    /// Its container runtime: `containerd://1.6.20`.
    pub runtime: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Kube {
    /// The nodes.
    pub async fn nodes(&self) -> Result<Vec<NodeInfo>, Failure> {
        let api: Api<Node> = self.all();
        let nodes = self.read("listing the nodes", || async { api.list(&ListParams::default()).await }).await?;
        Ok(nodes.items.iter().map(node_info).collect())
    }

    /// Refuses another cluster that has got the address of the declared one.
    pub(super) async fn check_owner(&self) -> Result<(), Failure> {
        let Some(owner) = &self.source.owner else {
            return Ok(());
        };
        let nodes = self.nodes().await?;
        match nodes.iter().find(|node| !owner.owns(&node.name, &node.labels)) {
            None => Ok(()),
            Some(other) => Err(Failure::of(
                ids::CONTEXT_CHANGED,
                format!("the address of the cluster `{}` now belongs to another cluster", owner.cluster),
            )
            .cause(format!("its node is `{}`", other.name))
            .hint("run the pipeline's step that starts the cluster: `provision up`")),
        }
    }
}

fn node_info(node: &Node) -> NodeInfo {
    let status = node.status.clone().unwrap_or_default();
    let info = status.node_info.unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    NodeInfo {
        name: node.metadata.name.clone().unwrap_or_default(),
        ready: conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True"),
        version: info.kubelet_version,
        runtime: info.container_runtime_version,
        labels: node.metadata.labels.clone().unwrap_or_default(),
    }
}
