//! Whether the Docker daemon responds to this user.

use super::machine::Machine;
use crate::report::Finding;

pub(super) async fn check(machine: &Machine) -> Vec<Finding> {
    let needed = machine.needs_docker();
    match machine.daemon().await {
        Err(failure) if !needed && machine.project.is_some() => {
            vec![Finding::skipped("daemon", format!("{}; no step needs it", failure.message))]
        }
        Err(failure) => vec![Finding::failure("daemon", failure, needed)],
        Ok(daemon) => {
            let Ok(docker) = machine.tools.docker().await else { return Vec::new() };
            let endpoint = docker.endpoint();
            let engine = match docker.engine().await {
                Ok(engine) => engine,
                Err(failure) => return vec![Finding::failure("daemon", &failure, needed)],
            };
            let rootless = if daemon.rootless { ", rootless" } else { "" };
            let text = format!("{} at {}, {}{rootless}", engine.version, endpoint.host, daemon.system);
            vec![Finding::good("daemon", text)]
        }
    }
}
