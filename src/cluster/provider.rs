//! [`Provider`]: what one kind of cluster does in its own way.

use std::fmt::Debug;
use std::path::Path;

use futures_util::future::BoxFuture;

use super::session::{Ready, Session};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::tools::Tools;
use crate::tools::cluster::ClusterSpec;

/// Something that has clusters. A provider is one file, a variant of [`crate::tools::cluster::Provider`] and a line in
/// [`super::provider`].
pub trait Provider: Debug + Send + Sync {
    /// Adds the settings of `[cluster]` that decide whether the cluster is still the declared one.
    fn inputs(&self, spec: &ClusterSpec, inputs: &mut Inputs);

    /// Checks once whether the cluster is ready, within a few seconds. Starts no process.
    fn check<'a>(&'a self, tools: &'a Tools, spec: &'a ClusterSpec) -> BoxFuture<'a, Result<Ready, Failure>>;

    /// Returns the settings of `[cluster]` that the cluster does not have and that can't be changed on it, each with both
    /// values.
    fn differences<'a>(
        &'a self,
        tools: &'a Tools,
        spec: &'a ClusterSpec,
    ) -> BoxFuture<'a, Result<Vec<String>, Failure>>;

    /// Creates, resumes or repairs the cluster until it is ready; `program` is the provider's program, by default the one in
    /// `PATH`. May be interrupted anywhere and called again.
    fn ensure_up<'a>(
        &'a self,
        cx: &'a Session<'a>,
        spec: &'a ClusterSpec,
        program: Option<&'a Path>,
    ) -> BoxFuture<'a, Result<Ready, Failure>>;
}
