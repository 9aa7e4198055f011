//! What killed runs have left: processes, compose projects, steps in doubt, set-aside files.

use std::sync::Arc;

use fs_err as fs;

use super::machine::Machine;
use crate::error::Failure;
use crate::journal::{History, StepHistory, run_on};
use crate::pipeline::Step;
use crate::report::Finding;
use crate::tools::Cancel;
use crate::tools::blocking;
use crate::tools::compose::{Compose, TEMPORARY, project_name, typed_removal};
use crate::tools::process::{procfs, shell_quoted};

/// How the names of files begin that were set aside because they could not be believed.
const SET_ASIDE: &[&str] = &["journal.bad-", "journal.foreign-", "kubeconfig.foreign-", "set-aside-"];

/// The program that steps of compose need.
const COMPOSE: &str = "docker compose";

/// The step that puts all of it in order.
const FIX: &str = "provision up   # stops what is left and checks what is in doubt";

pub(super) async fn check(machine: &Machine) -> Vec<Finding> {
    let Ok(history) = &machine.history else {
        return vec![Finding::skipped("runs", "the records can't be read")];
    };
    if machine.project.is_none() {
        return vec![Finding::skipped("runs", "without a pipeline there are none")];
    }
    if run_on(machine.tools.state_dir()).is_some() {
        return vec![Finding::skipped("runs", "a run is on")];
    }
    let mut findings: Vec<Finding> = in_doubt(machine, history).map(|step| doubt(step)).collect();
    findings.extend(half_down(machine, history));
    match processes(history).await {
        Ok(processes) => findings.extend(processes),
        Err(failure) => findings.push(Finding::failure("processes", &failure, false)),
    }
    findings.extend(compose_projects(machine, history).await);
    findings.extend(set_aside(machine));
    if findings.is_empty() {
        findings.push(Finding::good("runs", "nothing is left of killed runs"));
    }
    findings
}

fn in_doubt<'a>(machine: &'a Machine, history: &'a History) -> impl Iterator<Item = &'a Arc<Step>> + 'a {
    let is_open = |known: &StepHistory| known.last.is_none() && known.down.is_none();
    machine.steps().filter(move |step| history.step(&step.id).is_some_and(is_open))
}

fn doubt(step: &Step) -> Finding {
    let text = "it was started and never finished: its run was killed";
    Finding::warning(step.id.to_string(), text).fix(format!("provision up {}", step.id))
}

/// The steps of which `down` has removed a part, or nobody knows what.
fn half_down(machine: &Machine, history: &History) -> impl Iterator<Item = Finding> {
    let is_half = |known: &StepHistory| known.down.is_some_and(|down| !down.is_done);
    machine.steps().filter(move |step| history.step(&step.id).is_some_and(is_half)).map(|step| {
        let text = "what it has made was being taken down, and that did not come to its end";
        let fix = if step.action_type.makes_cluster {
            "provision down --cluster   # goes on with it"
        } else {
            "provision down   # goes on with it"
        };
        Finding::warning(step.id.to_string(), text).fix(fix)
    })
}

/// The processes of runs of this state folder that have ended without seeing to them.
async fn processes(history: &History) -> Result<Vec<Finding>, Failure> {
    let runs: Vec<String> = history
        .unfinished_runs()
        .filter(|run| history.is_of_this_folder(run))
        .map(|run| run.as_str().to_owned())
        .collect();
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let alive = blocking(move || Ok(procfs::of_runs(|run| runs.iter().any(|of| of == run)))).await?;
    let finding = |pid: u32| {
        let text = format!("process {pid} (`{}`) of a killed run still runs", procfs::name(pid));
        Finding::warning("processes", text).fix(FIX)
    };
    Ok(alive.into_iter().map(|(pid, _)| finding(pid)).collect())
}

/// The compose projects of this checkout that a killed run has left: those that exist only while a step runs, and,
/// where a step of compose was killed, those that may be half started. The check of the daemon says if it can't be
/// reached.
async fn compose_projects(machine: &Machine, history: &History) -> Vec<Finding> {
    let uses_compose = |step: &&Arc<Step>| step.action_type.programs.contains(&COMPOSE);
    let Some(pipeline) = machine.pipeline_name().filter(|_| machine.steps().any(|step| uses_compose(&step))) else {
        return Vec::new();
    };
    let killed = in_doubt(machine, history).filter(uses_compose).map(|step| step.id.clone()).next();
    let state_dir = machine.tools.state_dir();
    let (Ok(own), Ok(docker)) = (project_name(pipeline, state_dir, None), machine.tools.docker().await) else {
        return Vec::new();
    };
    let is_ours = |name: &String| *name == own || name.starts_with(&format!("{own}-"));
    let (mut findings, mut typed) = (Vec::new(), None);
    for name in docker.compose_projects(&own).await.unwrap_or_default().into_iter().filter(is_ours) {
        if name.strip_prefix(&own).is_some_and(|rest| rest.ends_with(&format!("-{TEMPORARY}"))) {
            let text = format!("the compose project `{name}` is left: it exists only while a step runs");
            let program = match typed {
                Some(program) => program,
                None => *typed.insert(Compose::typed_here(&Cancel::new(), machine.children()).await),
            };
            findings.push(Finding::warning("compose", text).fix(typed_removal(program, &name)));
        } else if let Some(step) = &killed {
            let text = format!("the compose project `{name}` may be half started: the run of {step} was killed");
            findings.push(Finding::warning("compose", text).fix(format!("provision up {step}")));
        }
    }
    findings
}

fn set_aside(machine: &Machine) -> Vec<Finding> {
    let entries = fs::read_dir(machine.tools.state_dir()).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let names = names.filter(|name| SET_ASIDE.iter().any(|start| name.starts_with(start)));
    names
        .map(|name| {
            let path = machine.tools.state_dir().join(&name).display().to_string();
            Finding::warning("state", format!("`{path}` was set aside, because it could not be believed"))
                .fix(format!("rm -r {}   # once you do not need it", shell_quoted(&path)))
        })
        .collect()
}
