//! Clusters that are there already, known by their kube context: they are checked, and never started, changed or deleted.

use std::path::Path;

use futures_util::future::BoxFuture;

use super::provider::Provider;
use super::session::{Ready, ReadyNodes, Session, check};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::tools::Tools;
use crate::tools::cluster::ClusterSpec;

/// The provider `context`.
#[derive(Debug)]
pub(super) struct Existing;

impl Provider for Existing {
    fn inputs(&self, _spec: &ClusterSpec, _inputs: &mut Inputs) {}

    fn check<'a>(&'a self, tools: &'a Tools, _spec: &'a ClusterSpec) -> BoxFuture<'a, Result<Ready, Failure>> {
        // Some node may be away for its own reasons.
        Box::pin(check(tools, ReadyNodes::One))
    }

    fn differences<'a>(
        &'a self,
        _tools: &'a Tools,
        _spec: &'a ClusterSpec,
    ) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn ensure_up<'a>(
        &'a self,
        cx: &'a Session<'a>,
        spec: &'a ClusterSpec,
        _program: Option<&'a Path>,
    ) -> BoxFuture<'a, Result<Ready, Failure>> {
        Box::pin(async move { cx.unless_cancelled("checking the cluster", self.check(cx.tools, spec)).await? })
    }
}
