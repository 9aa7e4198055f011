//! [`Session`]: what bringing a cluster up works with; and the checks that are the same for every cluster.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::error::{Failure, ids};
use crate::model::Progress;
use crate::tools::kubernetes::{Kube, NodeInfo};
use crate::tools::process::ProcessObserver;
use crate::tools::{Tools, poll_until};

/// How often the cluster is checked while it comes up.
pub(super) const INTERVAL: Duration = Duration::from_millis(300);

/// How long one check may take: a paused cluster accepts connections and never responds.
const CHECK_LIMIT: Duration = Duration::from_secs(5);

/// What bringing a cluster up works with: the tools, and where output and progress go.
pub struct Session<'a> {
    /// What all steps share.
    pub tools: &'a Tools,
    /// Gets output and warnings, and says when to stop.
    pub host: &'a dyn ProcessObserver,
    /// Gets progress.
    pub on_progress: &'a (dyn Fn(Progress) + Send + Sync),
}

/// A cluster whose API server and node are ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The uid of its `kube-system` namespace.
    pub uid: String,
    /// Its node; one of them if there are more.
    pub node: NodeInfo,
}

impl<'a> Session<'a> {
    /// A session.
    pub fn new(
        tools: &'a Tools,
        host: &'a dyn ProcessObserver,
        on_progress: &'a (dyn Fn(Progress) + Send + Sync),
    ) -> Self {
        Self { tools, host, on_progress }
    }

    /// Writes a line of output.
    pub(super) fn line(&self, line: &str) {
        self.host.output(format!("{line}\n").as_bytes());
    }

    /// Fails if the step was asked to stop.
    pub(super) fn check_cancel(&self, what: &str) -> Result<(), Failure> {
        if self.host.cancel().is_cancelled() { Err(Failure::interrupted(what)) } else { Ok(()) }
    }

    /// Runs `work` unless the step is asked to stop; then drops it and fails as interrupted.
    pub(super) async fn unless_cancelled<T>(&self, what: &str, work: impl Future<Output = T>) -> Result<T, Failure> {
        self.check_cancel(what)?;
        tokio::select! {
            biased;
            result = work => Ok(result),
            () = self.host.cancel().cancelled() => Err(Failure::interrupted(what)),
        }
    }
}

/// Which nodes have to be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadyNodes {
    All,
    One,
}

/// Checks once whether the cluster is ready, within a few seconds. Starts no process.
pub(super) async fn check(tools: &Tools, nodes: ReadyNodes) -> Result<Ready, Failure> {
    let checked = tokio::time::timeout(CHECK_LIMIT, check_once(tools, nodes)).await;
    checked.unwrap_or_else(|_| {
        Err(Failure::of(ids::CLUSTER_UNREACHABLE, format!("it does not respond within {} s", CHECK_LIMIT.as_secs()))
            .transient())
    })
}

async fn check_once(tools: &Tools, wanted: ReadyNodes) -> Result<Ready, Failure> {
    let kube: Kube = tools.kube().await?;
    let ((), nodes, uid) = tokio::try_join!(kube.ready(), kube.nodes(), kube.uid())?;
    let unready = nodes.iter().find(|node| !node.ready);
    if let Some(node) = unready
        && (wanted == ReadyNodes::All || nodes.iter().all(|node| !node.ready))
    {
        return Err(Failure::of(ids::CLUSTER_NOT_READY, format!("the node `{}` is not ready", node.name)).transient());
    }
    let node = nodes.into_iter().find(|node| node.ready);
    let node = node.ok_or_else(|| Failure::of(ids::CLUSTER_NOT_READY, "the cluster has no node yet").transient())?;
    Ok(Ready { uid, node })
}

/// Checks until all nodes of the cluster are ready; without end, or for `limit`.
pub(super) async fn settle(cx: &Session<'_>, limit: Option<Duration>) -> Result<Ready, Failure> {
    poll_until(cx.host.cancel(), limit, INTERVAL, "waiting for the cluster", || async {
        match check(cx.tools, ReadyNodes::All).await {
            Ok(ready) => Ok(ControlFlow::Break(ready)),
            Err(failure) if failure.transient => {
                (cx.on_progress)(Progress::items(0, None, format!("waiting: {failure}")));
                Ok(ControlFlow::Continue(failure))
            }
            Err(failure) => Err(failure),
        }
    })
    .await
}
