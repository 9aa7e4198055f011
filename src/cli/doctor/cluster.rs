//! The cluster: whether it is up, and the declared one.

use super::machine::Machine;
use crate::cluster::provider;
use crate::error::Failure;
use crate::report::Finding;
use crate::tools::cluster::ClusterSpec;
use crate::tools::kubernetes::KubeSource;

pub(super) async fn check(machine: &Machine) -> Vec<Finding> {
    let Some(spec) = machine.tools.cluster() else {
        return vec![Finding::skipped("cluster", "the pipeline has none")];
    };
    match findings(machine, spec).await {
        Ok(findings) => findings,
        Err(failure) => vec![Finding::failure(&spec.name, &failure, true)],
    }
}

async fn findings(machine: &Machine, spec: &ClusterSpec) -> Result<Vec<Finding>, Failure> {
    let tools = &machine.tools;
    tools.check_access()?;
    let name = &spec.name;
    if spec.managed && KubeSource::of(spec, tools.state_dir()).stamp().is_none() {
        return Ok(vec![Finding::skipped(name, "not started from here yet: `provision up` does it")]);
    }
    let provider = provider(spec)?;
    let mut findings = vec![match provider.check(tools).await {
        Ok(ready) => Finding::good(name, format!("ready, Kubernetes {}", ready.node.version)),
        // A run brings up what it has made itself.
        Err(failure) if spec.managed => {
            Finding::warning(name, format!("not ready: {failure}")).fix("provision up   # starts or repairs it")
        }
        Err(failure) => Finding::failure(name, &failure, true),
    }];
    findings.extend(provider.differences(tools, spec).await?.into_iter().map(|difference| {
        let fix = "set it back in [cluster]; only a new cluster can have other settings";
        Finding::problem(name, format!("{difference}, as [cluster] declares"), fix)
    }));
    Ok(findings)
}
