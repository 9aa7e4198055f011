//! Whether the pipeline's file can be used, its secrets are there, and its state folder is free and believed.

use jiff::Timestamp;

use super::machine::Machine;
use crate::journal::{check_owner, running};
use crate::report::Finding;
use crate::tools::process::shell_quoted;

pub(super) fn check(machine: &Machine) -> Vec<Finding> {
    if let Some(failure) = &machine.broken {
        let finding = Finding::failure("pipeline.toml", failure, true);
        return vec![finding.fix("correct what is shown above, then `provision plan`")];
    }
    let Some(project) = &machine.project else {
        let finding = Finding::skipped("pipeline.toml", "there is none here or above: only general checks are made");
        return vec![finding.fix("provision doctor -f FILE")];
    };
    let n_steps = project.pipeline.steps().count();
    let mut findings = vec![Finding::good(
        "pipeline.toml",
        format!("{}, {n_steps} step{}", project.pipeline.name, if n_steps == 1 { "" } else { "s" }),
    )];
    findings.extend(secrets(machine));
    findings.extend(state(machine));
    findings
}

/// The secrets that have to come from the environment and are not there.
fn secrets(machine: &Machine) -> Vec<Finding> {
    let secrets = machine.project.iter().flat_map(|project| project.pipeline.secrets.keys());
    let missing = secrets.filter_map(|name| {
        let failure = machine.tools.secrets().value(name).err()?;
        Some(Finding::failure(name, &failure, true))
    });
    missing.collect()
}

fn state(machine: &Machine) -> Option<Finding> {
    if let Err(failure) = &machine.history {
        return Some(Finding::failure("state", failure, true));
    }
    if let Err(failure) = check_owner(machine.tools.state_dir()) {
        return Some(Finding::failure("state", &failure, true));
    }
    let run = running(machine.tools.state_dir())?;
    let since = Timestamp::from_millisecond(run.since).map(|at| format!("{at:.0}")).unwrap_or_default();
    let text = format!("process {} runs since {since}: {}", run.pid, shell_quoted(&run.command));
    Some(Finding::warning("state", text).fix("provision status   # shows how far it is"))
}
