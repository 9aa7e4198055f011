//! The programs that the pipeline needs: those that its own steps check, and those that its actions and its cluster
//! call.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::machine::Machine;
use crate::cli::trust;
use crate::error::Failure;
use crate::model::{Output, StepId};
use crate::pipeline::{Binding, Step};
use crate::report::Finding;
use crate::tools::programs::{self, COMMON, Installed};

/// How many of the steps that need a program are named.
const NAMED: usize = 3;

pub(super) async fn check(machine: &Machine) -> Vec<Finding> {
    if machine.project.is_none() {
        return join_all(COMMON.iter().map(|name| common(machine, name))).await;
    }
    let untrusted = machine.project.as_ref().map(trust::untrusted_probes).unwrap_or_default();
    let prerequisites = machine.steps().filter(|step| step.action_type.prerequisite);
    let prerequisites = join_all(prerequisites.map(|step| prerequisite(machine, step, &untrusted)));
    let needed = needed(machine);
    let called = join_all(needed.iter().map(|(name, users)| called(machine, name, users)));
    let (mut findings, called) = tokio::join!(prerequisites, called);
    findings.extend(called);
    findings
}

/// What a step of the pipeline says of a program. Such steps change nothing.
async fn prerequisite(machine: &Machine, step: &Step, untrusted: &[String]) -> Finding {
    if untrusted.iter().any(|id| id == step.id.as_str()) {
        let text = format!("step {} runs a program that the file names, and the file is not trusted", step.id);
        return Finding::skipped(step.id.name(), text).fix("provision trust");
    }
    let Binding::Now(action) = &step.binding else {
        return Finding::skipped(step.id.name(), format!("step {} uses outputs of other steps", step.id));
    };
    match action.run(&machine.context(&step.id)).await {
        Ok(output) => Finding::good(step.id.name(), described(&output)),
        Err(failure) => Finding::failure(step.id.name(), &failure, !step.optional && step.fallback.is_none()),
    }
}

fn described(output: &Output) -> String {
    let version = output.get("version").unwrap_or("of unknown version");
    output.get("path").map_or_else(|| version.to_owned(), |path| format!("{version} at {path}"))
}

/// The programs that actions and the cluster call and that no step checks, each with what calls it.
fn needed(machine: &Machine) -> BTreeMap<&'static str, Vec<String>> {
    let mut needed: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for name in machine.demand.programs {
        needed.entry(name).or_default().push("[cluster]".to_owned());
    }
    for step in machine.steps() {
        for name in step.action_type.programs {
            if !has_own(machine, &step.id, name) {
                needed.entry(name).or_default().push(step.id.to_string());
            }
        }
    }
    let is_checked =
        |name: &str| machine.steps().any(|step| step.action_type.prerequisite && machine.names(&step.id, name));
    needed.retain(|name, _| !is_checked(name));
    needed
}

/// Whether a setting of the step names another program in the place of `name`.
fn has_own(machine: &Machine, step: &StepId, name: &str) -> bool {
    machine.written(step).is_some_and(|settings| settings.contains_key(name))
}

async fn called(machine: &Machine, name: &str, users: &[String]) -> Finding {
    match ask(machine, name).await {
        Ok(installed) => Finding::good(name, found(&installed)),
        Err(failure) => {
            let shown = users.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = if users.len() > NAMED { ", …" } else { "" };
            let failure = Failure { hints: vec![programs::how_to_install(name)], ..failure };
            Finding::failure(name, &failure.cause(format!("{shown}{more} needs it")), true)
        }
    }
}

/// A program that many pipelines need, where there is no pipeline.
async fn common(machine: &Machine, name: &str) -> Finding {
    match ask(machine, name).await {
        Ok(installed) => Finding::good(name, found(&installed)),
        Err(failure) => Finding::skipped(name, failure.message).fix(programs::how_to_install(name)),
    }
}

/// Asks for the version; also of the older program that stands in for a plugin.
async fn ask(machine: &Machine, name: &str) -> Result<Installed, Failure> {
    let failure = match programs::ask(name, None, machine.observer()).await {
        Ok(installed) => return Ok(installed),
        Err(failure) => failure,
    };
    if !name.contains(' ') {
        return Err(failure);
    }
    programs::ask(&name.replace(' ', "-"), None, machine.observer()).await.map_err(|_| failure)
}

fn found(installed: &Installed) -> String {
    let version = installed.version.as_ref().map_or_else(|| "of unknown version".to_owned(), ToString::to_string);
    format!("{version} at {}", installed.path.display())
}
