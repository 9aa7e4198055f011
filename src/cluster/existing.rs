//! Clusters that are there already, known by their kube context: they are checked, and never started, changed or
//! deleted.

use std::path::Path;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::provider::{Provider, ProviderSettings};
use super::session::{Ready, ReadyNodes, Session, check};
use crate::error::Failure;
use crate::tools::Tools;
use crate::tools::cluster::ClusterSpec;

/// Settings of the provider `context`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ExistingCluster {
    /// The kube context of the cluster, in the user's own kubeconfig.
    context: String,
}

impl ProviderSettings for ExistingCluster {
    const NAME: &'static str = "context";
    const EXAMPLE: &'static str = r#"context = "staging""#;

    fn spec(&self, _pipeline: &str) -> Result<ClusterSpec, String> {
        Ok(ClusterSpec::new(Self::NAME, &self.context))
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
