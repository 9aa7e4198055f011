//! What `down --cluster` removes: a cluster that this very checkout has created, by the label of its node's volume.

use std::time::Duration;

use super::creation_marker::CreationMarker;
use super::node::Node;
use super::profile::Profile;
use super::settings::MinikubeCluster;
use super::start::minikube_of;
use crate::cluster::session::Session;
use crate::error::Failure;
use crate::tools::cluster::ClusterSpec;
use crate::tools::deletion::{Consent, Deletion, Proof, TAKEN_DOWN};
use crate::tools::{Tools, pause};

/// How long the cluster may take to say whose objects it has.
const ASK: Duration = Duration::from_secs(10);

/// Returns the removal of the cluster; `None` if there is none.
pub(super) async fn removal(
    tools: &Tools,
    spec: &ClusterSpec,
    declared: &MinikubeCluster,
) -> Result<Option<Deletion>, Failure> {
    let docker = super::start::docker(tools, declared).await?;
    let node = docker.map(|docker| Node::new(docker, &spec.name));
    let container = match &node {
        Some(node) => node.container().await?,
        None => None,
    };
    if Profile::read(&spec.name)?.is_none() && container.is_none() {
        return Ok(None);
    }
    let ours = made_here(tools, spec, declared).await?;
    let empty = if declared.ephemeral { Proof::Shown } else { Proof::Lacking("everything in it is lost".to_owned()) };
    Ok(Some(Deletion {
        subject: format!("the cluster `{}`", spec.name),
        reason: TAKEN_DOWN.to_owned(),
        ours,
        empty,
        in_use: used_by(tools).await,
        consent_covers_ownership: false,
        by_hand: format!("minikube delete -p {}", spec.name),
    }))
}

/// Whether this checkout has created the cluster that is there now, by the label of its node's volume.
pub(super) async fn made_here(tools: &Tools, spec: &ClusterSpec, declared: &MinikubeCluster) -> Result<Proof, Failure> {
    let docker = super::start::docker(tools, declared).await?;
    let marker = CreationMarker::new(tools.state_dir(), &spec.name);
    match (docker, marker.id_prefix()) {
        (Some(docker), Some(prefix)) => Node::new(docker, &spec.name).is_of_checkout(&prefix).await,
        _ => Ok(Proof::Lacking("its node is no container of Docker, and shows nothing of who created it".to_owned())),
    }
}

/// Says which other checkouts have something in the cluster, as far as it responds: one that does not can only be
/// removed whole.
async fn used_by(tools: &Tools) -> Option<String> {
    let ask = async { tools.kube().await?.other_checkouts(&tools.marks()).await };
    let others: Vec<String> = pause::timeout(ASK, ask).await?.ok()?.into_iter().collect();
    (!others.is_empty()).then(|| format!("the checkout `{}` has deployed to it", others.join("`, `")))
}

/// Deletes the cluster with all that is in it, if this checkout has still created the one that is there now.
pub(super) async fn delete(cx: &Session<'_>, spec: &ClusterSpec, declared: &MinikubeCluster) -> Result<(), Failure> {
    let Some(removal) = removal(cx.tools, spec, declared).await? else { return Ok(()) };
    // The user has seen that everything in it is lost.
    removal.permit(Consent::Given)?;
    let (minikube, _) = minikube_of(cx.tools, spec, declared, None).await?;
    if let Some(told) = minikube.set_foreign_aside()? {
        cx.host.warned(&told);
    }
    minikube.delete(cx.host).await?;
    CreationMarker::new(cx.tools.state_dir(), &spec.name).forget()
}
