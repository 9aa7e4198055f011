//! `cluster-start`: the declared cluster runs, and it is the declared one.

use std::path::PathBuf;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionSettings, Presence, StepContext};
use crate::cluster::{Session, provider};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::model::Output;
use crate::tools::deletion::Deletion;

/// Settings of `cluster-start`: none, the cluster is declared in `[cluster]`.
///
/// A change of `[cluster]` makes the step stale. Where the provider can't change a setting of a cluster that exists,
/// the step fails, and names the settings and both values.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ClusterStart {
    /// The provider's program; the one in `PATH` by default.
    program: Option<String>,
}

impl ActionSettings for ClusterStart {
    const NAME: &'static str = "cluster-start";
    const REVISION: u32 = 2;
    const SUMMARY: &'static str = "Starts, resumes or repairs the cluster of [cluster]; done when its API server and \
         its node are ready. A cluster of provider `context` is only checked";
    const EXAMPLE: &'static str = "";
    const MAKES_CLUSTER: bool = true;
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("name", "the cluster's name"),
        ("uid", "the uid of its kube-system namespace: another one is another cluster"),
        (
            "created",
            "`true` if this checkout made the cluster, in this run or an earlier one; `false` if somebody else did, or \
             where that can't be seen: it is the label of the node's volume, which nodes that are no containers lack",
        ),
        ("context", "its kube context"),
        ("kubeconfig", "the kubeconfig to use; empty for the user's own"),
        ("version", "the version of Kubernetes"),
        ("runtime", "the node's container runtime"),
        (
            Output::WARNINGS,
            "what the provider's program warned of while it started the cluster; absent if there was nothing",
        ),
    ];
    const IDENTITY: &'static [&'static str] = &["name", "uid"];
}

impl Action for ClusterStart {
    fn inputs<'a>(&'a self, cx: &'a StepContext, inputs: &'a mut Inputs) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let cluster = cx.tools().declared_cluster()?;
            inputs.text("cluster", &format!("{} {}", cluster.provider, cluster.name));
            provider(cluster)?.inputs(inputs);
            Ok(())
        })
    }

    fn probe<'a>(&'a self, cx: &'a StepContext, output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let cluster = cx.tools().declared_cluster()?;
            let name = &cluster.name;
            let missing = |why: String| Ok(Presence::Missing(why));
            let ready = match provider(cluster)?.check(cx.tools()).await {
                Ok(ready) => ready,
                Err(failure) => return missing(format!("the cluster `{name}` is not ready: {failure}")),
            };
            if output.get("uid").is_some_and(|uid| uid != ready.uid) {
                return missing(format!("`{name}` is now a different cluster"));
            }
            let version = &ready.node.version;
            if output.get("version") != Some(version) {
                return missing(format!("the cluster `{name}` now has version {version}"));
            }
            Ok(self.obstacle(cx).await?.map_or(Presence::Present, Presence::Missing))
        })
    }

    fn obstacle<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        Box::pin(async move {
            let cluster = cx.tools().declared_cluster()?;
            let differences = provider(cluster)?.differences(cx.tools(), cluster).await?;
            let said = || format!("the cluster `{}` has other settings: {}", cluster.name, differences.join(", "));
            Ok((!differences.is_empty()).then(said))
        })
    }

    fn removals<'a>(
        &'a self,
        cx: &'a StepContext,
        _output: &'a Output,
    ) -> BoxFuture<'a, Result<Vec<Deletion>, Failure>> {
        Box::pin(async move {
            let cluster = cx.tools().declared_cluster()?;
            provider(cluster)?.removals(cx.tools(), cluster).await
        })
    }

    fn remove<'a>(&'a self, cx: &'a StepContext, removal: &'a Deletion) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let cluster = cx.tools().declared_cluster()?;
            let on_progress = |progress| cx.progress(progress);
            provider(cluster)?.delete(&Session::new(cx.tools(), cx, &on_progress), cluster, removal).await
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let cluster = cx.tools().declared_cluster()?;
            let on_progress = |progress| cx.progress(progress);
            let session = Session::new(cx.tools(), cx, &on_progress);
            let program = self.program.as_ref().map(|program| cx.path(program));
            let ready = provider(cluster)?.ensure_up(&session, cluster, program.as_deref()).await?;
            let created = provider(cluster)?.is_made_here(cx.tools(), cluster).await?;
            let kubeconfig = cluster.kubeconfig(cx.tools().state_dir()).unwrap_or_else(PathBuf::new);
            Ok(Output::new()
                .with("name", &cluster.name)
                .with("uid", ready.uid)
                .with("created", created.to_string())
                .with("context", &cluster.context)
                .with("kubeconfig", kubeconfig.display().to_string())
                .with("version", ready.node.version)
                .with("runtime", ready.node.runtime))
        })
    }
}
