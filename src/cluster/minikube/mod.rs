//! Clusters that minikube creates.

mod addons;
mod archive_check;
mod creation_marker;
mod down;
mod etcd;
mod image_load;
mod node;
mod other_start;
mod profile;
mod program;
mod settings;
mod start;

use std::path::Path;

use futures_util::future::BoxFuture;

use crate::cluster::provider::{Addons, Demand, Provider, ProviderSettings};
use crate::cluster::session::{Ready, ReadyNodes, Session, check};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::images::{Delivery, NodeContainerd, NodeDocker};
use crate::tools::Tools;
use crate::tools::cluster::ClusterSpec;
use crate::tools::deletion::{Deletion, Proof};

pub(super) use settings::MinikubeCluster;
use settings::ProfileName;

impl ProviderSettings for MinikubeCluster {
    const NAME: &'static str = "minikube";
    const EXAMPLE: &'static str = "cpus = 4\nmemory = \"8g\"\ndriver = \"docker\"";

    fn spec(&self, pipeline: &str) -> Result<ClusterSpec, String> {
        let name = match &self.name {
            Some(name) => name.clone(),
            // The pipeline's name has a form of its own.
            None => {
                ProfileName::try_from(pipeline.to_owned()).map_err(|why| format!("{why}; set `name` of `[cluster]`"))?
            }
        };
        self.check_nodes(&name.0)?;
        Ok(ClusterSpec::managed(Self::NAME, &name.0, settings::owns_node))
    }
}

impl Provider for MinikubeCluster {
    fn inputs(&self, inputs: &mut Inputs) {
        let cpus = self.cpus.map(|cpus| cpus.0.to_string());
        let settings = [
            ("cpus", cpus.as_ref()),
            ("memory", self.memory.as_ref()),
            ("driver", self.driver.as_ref()),
            ("kubernetes-version", self.kubernetes_version.as_ref()),
        ];
        for (name, value) in settings {
            if let Some(value) = value {
                inputs.text(name, value);
            }
        }
        if !self.start_args.is_empty() {
            let args: Vec<&str> = self.start_args.iter().map(|arg| arg.0.as_str()).collect();
            inputs.text("start-args", &args.join("\0"));
        }
    }

    fn demand(&self) -> Demand {
        Demand {
            programs: &["minikube"],
            in_docker: start::driver(self).as_deref() == Some("docker"),
            cpus: self.cpus.map(|cpus| cpus.0.into()),
            memory: self.memory.as_deref().and_then(profile::mebibytes).map(|size| size << 20),
            folders: profile::minikube_folder().into_iter().collect(),
        }
    }

    fn check<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Ready, Failure>> {
        Box::pin(check(tools, ReadyNodes::All))
    }

    fn differences<'a>(
        &'a self,
        tools: &'a Tools,
        spec: &'a ClusterSpec,
    ) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(start::differences(tools, spec, self))
    }

    fn ensure_up<'a>(
        &'a self,
        cx: &'a Session<'a>,
        spec: &'a ClusterSpec,
        program: Option<&'a Path>,
    ) -> BoxFuture<'a, Result<Ready, Failure>> {
        Box::pin(start::ensure_up(cx, spec, self, program))
    }

    fn is_made_here<'a>(&'a self, tools: &'a Tools, spec: &'a ClusterSpec) -> BoxFuture<'a, Result<bool, Failure>> {
        Box::pin(async move { Ok(down::made_here(tools, spec, self).await? == Proof::Shown) })
    }

    fn removals<'a>(
        &'a self,
        tools: &'a Tools,
        spec: &'a ClusterSpec,
    ) -> BoxFuture<'a, Result<Vec<Deletion>, Failure>> {
        Box::pin(async move { Ok(down::removal(tools, spec, self).await?.into_iter().collect()) })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a Session<'a>,
        spec: &'a ClusterSpec,
        _removal: &'a Deletion,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(down::delete(cx, spec, self))
    }

    fn addons(&self) -> Option<&dyn Addons> {
        Some(self)
    }

    fn deliveries(&self) -> &'static [&'static dyn Delivery] {
        &[&NodeContainerd, &NodeDocker, &image_load::MinikubeImageLoad]
    }
}
