//! The ports of this machine that steps listen on or publish, where their settings name them.

use std::collections::BTreeMap;

use super::machine::Machine;
use crate::model::StepId;
use crate::pipeline::Binding;
use crate::report::Finding;
use crate::tools::compose::project_name;
use crate::tools::ports::{holder, is_taken};

pub(super) async fn check(machine: &Machine) -> Vec<Finding> {
    let mut wanted: BTreeMap<u16, StepId> = BTreeMap::new();
    for step in machine.steps() {
        let Binding::Now(action) = &step.binding else { continue };
        for port in action.host_ports(&machine.context(&step.id)) {
            wanted.entry(port).or_insert_with(|| step.id.clone());
        }
    }
    if wanted.is_empty() {
        return vec![Finding::skipped("ports", "no step names one")];
    }
    let mut findings = Vec::new();
    for (port, step) in wanted {
        findings.push(if is_taken(port) { taken(machine, port, &step).await } else { free(port, &step) });
    }
    findings
}

fn free(port: u16, step: &StepId) -> Finding {
    Finding::good(port.to_string(), format!("free, for step {step}"))
}

/// Says who has a port: a container of this very project may.
async fn taken(machine: &Machine, port: u16, step: &StepId) -> Finding {
    let container = match machine.tools.docker().await {
        Ok(docker) => docker.publisher_of(port).await.ok().flatten(),
        Err(_) => None,
    };
    if let Some(container) = container {
        let ours = machine
            .project
            .as_ref()
            .and_then(|project| project_name(&project.pipeline.name, machine.tools.state_dir(), None).ok());
        let of = container.project().unwrap_or_default();
        if ours.is_some_and(|ours| of == ours || of.starts_with(&format!("{ours}-"))) {
            return Finding::good(port.to_string(), format!("published by `{}` of this project", container.name));
        }
        let text = format!("step {step} needs it, and the container `{}` publishes it", container.name);
        return Finding::problem(port.to_string(), text, format!("docker stop {}", container.name));
    }
    let needed = format!("step {step} needs it, and");
    let Some(holder) = holder(port) else {
        let fix = format!("sudo lsof -nP -iTCP:{port} -sTCP:LISTEN   # shows what");
        return Finding::problem(port.to_string(), format!("{needed} something listens there already"), fix);
    };
    let text = format!("{needed} process {} listens there: {}", holder.pid, holder.command);
    Finding::problem(port.to_string(), text, format!("kill {}", holder.pid))
}
