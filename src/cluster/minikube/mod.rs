//! Clusters that minikube creates.

mod creation_marker;
mod etcd;
mod node;
mod other_start;
mod profile;
mod program;
mod start;

use std::path::Path;

use futures_util::future::BoxFuture;

use crate::cluster::provider::Provider;
use crate::cluster::session::{Ready, ReadyNodes, Session, check};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::tools::Tools;
use crate::tools::cluster::ClusterSpec;

/// The provider `minikube`.
#[derive(Debug)]
pub(super) struct Minikube;

impl Provider for Minikube {
    fn inputs(&self, spec: &ClusterSpec, inputs: &mut Inputs) {
        let cpus = spec.cpus.map(|cpus| cpus.to_string());
        let settings = [
            ("cpus", cpus.as_ref()),
            ("memory", spec.memory.as_ref()),
            ("driver", spec.driver.as_ref()),
            ("kubernetes-version", spec.kubernetes_version.as_ref()),
        ];
        for (name, value) in settings {
            if let Some(value) = value {
                inputs.text(name, value);
            }
        }
        if !spec.start_args.is_empty() {
            inputs.text("start-args", &spec.start_args.join("\0"));
        }
    }

    fn check<'a>(&'a self, tools: &'a Tools, _spec: &'a ClusterSpec) -> BoxFuture<'a, Result<Ready, Failure>> {
        Box::pin(check(tools, ReadyNodes::All))
    }

    fn differences<'a>(
        &'a self,
        tools: &'a Tools,
        spec: &'a ClusterSpec,
    ) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(start::differences(tools, spec))
    }

    fn ensure_up<'a>(
        &'a self,
        cx: &'a Session<'a>,
        spec: &'a ClusterSpec,
        program: Option<&'a Path>,
    ) -> BoxFuture<'a, Result<Ready, Failure>> {
        Box::pin(start::ensure_up(cx, spec, program))
    }
}
