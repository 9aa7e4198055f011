//! `cluster-start`: the declared cluster runs, and it is the declared one.

use std::time::Duration;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Presence, StepContext};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::model::{Output, Progress};
use crate::tools::cluster::{ClusterSpec, Provider};
use crate::tools::kubernetes::{Kube, KubeSource, NodeInfo};
use crate::tools::minikube::{ClusterState, Making, Minikube};

/// How often the cluster is looked at while it comes up.
const INTERVAL: Duration = Duration::from_millis(300);

/// How long a cluster that minikube calls running may take to answer before it is started again.
const SETTLE: Duration = Duration::from_secs(60);

/// How long `minikube start` may wait for the parts of a cluster that somebody has damaged; it waits six minutes by
/// default, and a node that lost its files never comes up.
const DAMAGED_WAIT: &str = "--wait-timeout=90s";

/// How long a look may take: a paused cluster takes connections and never answers.
const LOOK: Duration = Duration::from_secs(5);

/// Settings of `cluster-start`: none, the cluster is declared in `[cluster]`.
///
/// `cpus`, `memory`, `driver` and `start-args` count for a new cluster: minikube can't change them on one that is there,
/// so a change of them does not make the step stale. `kubernetes-version` does, and upgrades the cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ClusterStart {
    /// The minikube program; the one in `PATH` by default.
    minikube: Option<String>,
}

impl ActionSettings for ClusterStart {
    const NAME: &'static str = "cluster-start";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Starts, resumes or repairs the cluster of [cluster]; done when its API server and \
         its node are ready. A cluster of provider `context` is only looked at";
    const EXAMPLE: &'static str = "";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("name", "the cluster's name"),
        ("uid", "the uid of its kube-system namespace: another one is another cluster"),
        ("context", "its kube context"),
        ("kubeconfig", "the kubeconfig to use; empty for the user's own"),
        ("version", "the version of Kubernetes"),
        ("runtime", "the node's container runtime"),
    ];
}

impl Action for ClusterStart {
    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let cluster = cx.tools().declared_cluster()?;
            inputs.text("cluster", &format!("{:?} {}", cluster.provider, cluster.name));
            if let Some(version) = &cluster.kubernetes_version {
                inputs.text("kubernetes-version", version);
            }
            Ok(())
        })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let cluster = cx.tools().declared_cluster()?;
            let missing = |why: String| Ok(Presence::Missing(why));
            let seen = match look(cx, cluster).await {
                Ok(seen) => seen,
                Err(failure) => return missing(format!("the cluster `{}` is not ready: {failure}", cluster.name)),
            };
            match output.get("uid") {
                Some(uid) if uid != seen.uid => {
                    missing(format!("the cluster `{}` is another one by now", cluster.name))
                }
                _ if output.get("version") != Some(&seen.node.version) => {
                    missing(format!("the cluster `{}` is of version {} by now", cluster.name, seen.node.version))
                }
                _ => Ok(Presence::Present),
            }
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let cluster = cx.tools().declared_cluster()?;
            let seen = match cluster.provider {
                Provider::Context => cx.unless_cancelled("looking at the cluster", look(cx, cluster)).await?,
                Provider::Minikube => self.bring_up(cx, cluster).await?,
            };
            let kubeconfig = cluster.kubeconfig(cx.tools().state_dir());
            Ok(Output::new()
                .with("name", &cluster.name)
                .with("uid", seen.uid)
                .with("context", cluster.context())
                .with("kubeconfig", kubeconfig.map_or_else(String::new, |path| path.display().to_string()))
                .with("version", seen.node.version)
                .with("runtime", seen.node.runtime))
        })
    }
}

impl ClusterStart {
    async fn bring_up(&self, cx: &StepContext, cluster: &ClusterSpec) -> Result<Seen, Failure> {
        let making = Making::new(cx.tools().state_dir(), &cluster.name);
        let looked = cx.unless_cancelled("looking at the cluster", async { Ok(look(cx, cluster).await) }).await?;
        let seen = match looked {
            Ok(seen) if has_version(&seen.node, cluster) => {
                cx.line(&format!("the cluster `{}` runs", cluster.name));
                seen
            }
            _ => self.repair(cx, cluster, &making).await?,
        };
        making.done()?;
        Ok(seen)
    }

    /// Whatever is missing of the cluster, up to all of it.
    async fn repair(&self, cx: &StepContext, cluster: &ClusterSpec, making: &Making) -> Result<Seen, Failure> {
        let kubeconfig = cluster.kubeconfig(cx.tools().state_dir()).unwrap_or_default();
        let minikube = match &self.minikube {
            Some(program) => Minikube::new(cx.path(program), &cluster.name, &kubeconfig),
            None => Minikube::find(&cluster.name, &kubeconfig)?,
        };
        let state = minikube.status(cx).await?;
        cx.line(&format!("the cluster `{}` is {}", cluster.name, word(state)));
        match state {
            ClusterState::Paused => minikube.unpause(cx).await?,
            ClusterState::Running => {}
            ClusterState::Absent => {
                make(cx, &minikube, cluster, making).await?;
                return settle(cx, cluster, None).await;
            }
            // minikube tells a kubeconfig of a cluster last: one that runs and that none knows may lack its network.
            ClusterState::Stopped | ClusterState::NoNode | ClusterState::Broken | ClusterState::Unlinked
                if making.was_begun()? && !KubeSource::of(cluster, cx.tools().state_dir()).is_known() =>
            {
                cx.line("the start that made it was ended before it came up for the first time: making it anew");
                remake(cx, &minikube, cluster, making).await?;
                return settle(cx, cluster, None).await;
            }
            ClusterState::Unlinked => minikube.update_context(cx).await?,
            ClusterState::Stopped | ClusterState::NoNode | ClusterState::Broken => {
                start(cx, &minikube, cluster, state).await?;
                return settle(cx, cluster, None).await.map_err(|failure| with_delete(failure, &minikube));
            }
        }
        // It should be there; when it does not come, or is of another version, a start repairs and upgrades.
        match settle(cx, cluster, Some(SETTLE)).await {
            Ok(seen) if has_version(&seen.node, cluster) => return Ok(seen),
            Ok(_) => {}
            Err(failure) => {
                cx.check_cancel()?;
                cx.line(&format!("it does not come up ({failure}); starting it again"));
            }
        }
        start(cx, &minikube, cluster, state).await?;
        settle(cx, cluster, None).await.map_err(|failure| with_delete(failure, &minikube))
    }
}

/// Makes a cluster where there is none.
async fn make(cx: &StepContext, minikube: &Minikube, cluster: &ClusterSpec, making: &Making) -> Result<(), Failure> {
    making.begin()?;
    minikube.start(cluster, cx, &|progress: Progress| cx.progress(progress)).await
}

/// Deletes what a start has left that never got so far that anything could be in it, and makes the cluster: minikube takes
/// some of those rests for a cluster that only has to be restarted, and waits for it for ever.
async fn remake(cx: &StepContext, minikube: &Minikube, cluster: &ClusterSpec, making: &Making) -> Result<(), Failure> {
    minikube.delete(cx).await?;
    match make(cx, minikube, cluster, making).await {
        Ok(()) => Ok(()),
        Err(failure) => {
            cx.check_cancel()?;
            // The daemon may have made a container for the killed start after all had been deleted.
            cx.line(&format!("{failure}; once more from the beginning"));
            minikube.delete(cx).await?;
            make(cx, minikube, cluster, making).await
        }
    }
}

/// Starts a cluster that is there; when that fails, stops and starts it once: that finishes what a killed start has
/// left. Making it anew would lose what is in it, and is left to the user.
async fn start(
    cx: &StepContext,
    minikube: &Minikube,
    cluster: &ClusterSpec,
    state: ClusterState,
) -> Result<(), Failure> {
    let on_progress = |progress: Progress| cx.progress(progress);
    let mut spec = cluster.clone();
    let damaged = matches!(state, ClusterState::NoNode | ClusterState::Broken);
    if damaged && !spec.start_args.iter().any(|arg| arg.starts_with("--wait-timeout")) {
        spec.start_args.push(DAMAGED_WAIT.to_owned());
    }
    if state == ClusterState::NoNode {
        minikube.clear_rest(cx).await?;
    }
    let failure = match minikube.start(&spec, cx, &on_progress).await {
        Ok(()) => return Ok(()),
        Err(failure) => failure,
    };
    cx.check_cancel()?;
    cx.line(&format!("{failure}; stopping and starting it"));
    minikube.clear_rest(cx).await?;
    minikube.start(&spec, cx, &on_progress).await.map_err(|failure| with_delete(failure, minikube))
}

fn with_delete(failure: Failure, minikube: &Minikube) -> Failure {
    failure.hint(format!(
        "if a second run does not help either, make it anew; this loses what is in it: `{}`",
        minikube.delete_line()
    ))
}

fn word(state: ClusterState) -> &'static str {
    match state {
        ClusterState::Absent => "not there",
        ClusterState::Stopped => "stopped",
        ClusterState::Paused => "paused",
        ClusterState::Running => "running, but not ready",
        ClusterState::Unlinked => "running, but at another address than our kubeconfig says",
        ClusterState::NoNode => "without its node",
        ClusterState::Broken => "broken",
    }
}

/// Whether the node has the version that [cluster] asks for; `stable` and `latest` are whatever is there.
fn has_version(node: &NodeInfo, cluster: &ClusterSpec) -> bool {
    cluster.kubernetes_version.as_deref().is_none_or(|wanted| {
        let wanted = wanted.trim_start_matches('v');
        !wanted.starts_with(|c: char| c.is_ascii_digit()) || wanted == node.version.trim_start_matches('v')
    })
}

struct Seen {
    uid: String,
    node: NodeInfo,
}

/// Looks once, and not for long. Starts no process.
async fn look(cx: &StepContext, cluster: &ClusterSpec) -> Result<Seen, Failure> {
    let looked = tokio::time::timeout(LOOK, look_once(cx, cluster)).await;
    looked
        .unwrap_or_else(|_| Err(Failure::failed(format!("it does not answer within {} s", LOOK.as_secs())).transient()))
}

async fn look_once(cx: &StepContext, cluster: &ClusterSpec) -> Result<Seen, Failure> {
    let kube: Kube = cx.tools().kube().await?;
    let ((), nodes, uid) = tokio::try_join!(kube.ready(), kube.nodes(), kube.uid())?;
    let unready = nodes.iter().find(|node| !node.ready);
    match (cluster.provider, unready) {
        // In a cluster of others some node may be away for its own reasons.
        (Provider::Context, _) if nodes.iter().any(|node| node.ready) => {}
        (_, Some(node)) => return Err(Failure::failed(format!("the node `{}` is not ready", node.name)).transient()),
        (_, None) => {}
    }
    let node = nodes.into_iter().find(|node| node.ready);
    let node = node.ok_or_else(|| Failure::failed("the cluster has no node yet").transient())?;
    Ok(Seen { uid, node })
}

/// Looks until the cluster is ready; for ever, or for `limit`.
async fn settle(cx: &StepContext, cluster: &ClusterSpec, limit: Option<Duration>) -> Result<Seen, Failure> {
    let started = std::time::Instant::now();
    let mut last = None;
    loop {
        let looked = cx.unless_cancelled("waiting for the cluster", async { Ok(look(cx, cluster).await) });
        let failure = match looked.await {
            Ok(Ok(seen)) => return Ok(seen),
            Ok(Err(failure)) => failure,
            Err(interrupted) => return Err(last.iter().fold(interrupted, Failure::cause)),
        };
        if !failure.transient || limit.is_some_and(|limit| started.elapsed() > limit) {
            return Err(failure);
        }
        cx.progress(Progress::items(0, None, format!("waiting: {failure}")));
        last = Some(failure);
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_asked_for_only_by_its_number() {
        let node = NodeInfo {
            name: "n".into(),
            ready: true,
            version: "v1.33.1".into(),
            runtime: String::new(),
            profile: None,
        };
        let cases = [
            (None, true),
            (Some("v1.33.1"), true),
            (Some("1.33.1"), true),
            (Some("stable"), true),
            (Some("v1.34.0"), false),
        ];
        for (wanted, has) in cases {
            let cluster = ClusterSpec {
                provider: Provider::Minikube,
                name: "n".into(),
                cpus: None,
                memory: None,
                driver: None,
                kubernetes_version: wanted.map(str::to_owned),
                start_args: Vec::new(),
            };
            assert_eq!(has_version(&node, &cluster), has, "{wanted:?}");
        }
    }
}
