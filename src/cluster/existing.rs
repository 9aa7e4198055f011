//! Clusters that are there already, known by their kube context: they are checked, and never started or deleted. What
//! steps put into them is changed only where that is allowed: see [`crate::tools::kubernetes::check_access`].

use std::path::Path;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::provider::{Provider, ProviderSettings};
use super::session::{Ready, ReadyNodes, Session, check};
use crate::error::Failure;
use crate::tools::Tools;
use crate::tools::cluster::ClusterSpec;
use crate::tools::process::shell_quoted;

/// Settings of the provider `context`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ExistingCluster {
    /// The kube context of the cluster, in the user's own kubeconfig.
    context: String,
    /// Whether it may be changed although it is no cluster of a local product on this machine. Needs `uid`.
    #[serde(default)]
    allow: bool,
    /// The uid of its `kube-system` namespace: the context may not lead to another cluster. By default it is the uid
    /// that the first run met.
    uid: Option<String>,
}

impl ProviderSettings for ExistingCluster {
    const NAME: &'static str = "context";
    const EXAMPLE: &'static str = r#"context = "staging""#;

    fn spec(&self, _pipeline: &str) -> Result<ClusterSpec, String> {
        if self.allow && self.uid.is_none() {
            let context = shell_quoted(&self.context);
            let get = format!("kubectl --context {context} get namespace kube-system -o jsonpath={{.metadata.uid}}");
            return Err(format!("`allow` needs the `uid` of the cluster that it is for: `{get}` prints it"));
        }
        Ok(ClusterSpec::new(Self::NAME, &self.context).existing(self.allow, self.uid.clone()))
    }
}

impl Provider for ExistingCluster {
    fn check<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Ready, Failure>> {
        // Some node may be away for its own reasons.
        Box::pin(check(tools, ReadyNodes::One))
    }

    fn ensure_up<'a>(
        &'a self,
        cx: &'a Session<'a>,
        _spec: &'a ClusterSpec,
        _program: Option<&'a Path>,
    ) -> BoxFuture<'a, Result<Ready, Failure>> {
        Box::pin(async move { cx.unless_cancelled("checking the cluster", self.check(cx.tools)).await? })
    }
}
