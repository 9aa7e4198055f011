//! `provision doctor`: whether this machine has what the pipeline needs. It starts nothing and changes nothing, unless
//! `--install` is given.

mod capacity;
mod certificates;
mod cgroup;
mod clock;
mod cluster;
mod disk;
mod docker;
mod install;
mod leftovers;
mod machine;
mod pipeline;
mod ports;
mod proxy;
mod tools;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{LocalBoxFuture, join_all, ready};

use super::args::{Cli, DoctorArgs, ReadFormat};
use super::output::Terminal;
use super::runtime::runtime;
use super::signals::stop_signals;
use crate::error::{Failure, FailureKind};
use crate::report::{Checked, Diagnosis, Finding, Health, write_diagnosis, write_diagnosis_json};
use crate::tools::pause;
use machine::Machine;

/// How long a check may take: what has no result by then is a finding of its own.
const LIMIT: Duration = Duration::from_secs(5);

/// A check: its name, and what returns its findings.
struct Check {
    name: &'static str,
    run: for<'a> fn(&'a Machine) -> LocalBoxFuture<'a, Vec<Finding>>,
}

/// Every check, in the order in which they are shown. All of them run at once.
static CHECKS: &[Check] = &[
    Check { name: "pipeline", run: |machine| Box::pin(ready(pipeline::check(machine))) },
    Check { name: "tools", run: |machine| Box::pin(tools::check(machine)) },
    Check { name: "docker", run: |machine| Box::pin(docker::check(machine)) },
    Check { name: "disk", run: |machine| Box::pin(disk::check(machine)) },
    Check { name: "capacity", run: |machine| Box::pin(capacity::check(machine)) },
    Check { name: "cgroup", run: |machine| Box::pin(cgroup::check(machine)) },
    Check { name: "ports", run: |machine| Box::pin(ports::check(machine)) },
    Check { name: "cluster", run: |machine| Box::pin(cluster::check(machine)) },
    Check { name: "proxy", run: |machine| Box::pin(proxy::check(machine)) },
    Check { name: "certificates", run: |machine| Box::pin(ready(certificates::check(machine))) },
    Check { name: "clock", run: |machine| Box::pin(clock::check(machine)) },
    Check { name: "leftovers", run: |machine| Box::pin(leftovers::check(machine)) },
];

pub(super) fn doctor(cli: &Cli, terminal: &Terminal, args: &DoctorArgs) -> Result<u8, Failure> {
    let runtime = runtime()?;
    let ended = runtime.block_on(look_and_install(cli, terminal, args));
    runtime.shutdown_background();
    ended
}

async fn look_and_install(cli: &Cli, terminal: &Terminal, args: &DoctorArgs) -> Result<u8, Failure> {
    let machine = Machine::of(cli, terminal)?;
    let interrupted = "checking this machine was interrupted";
    let checks = unless_stopped(&machine, interrupted, async { Ok(examine(&machine).await) }).await?;
    // Standard output has one document: of what was found at last.
    if !args.install || args.format == ReadFormat::Text {
        show(terminal, args, &machine, &checks)?;
    }
    if !args.install {
        return Ok(code_of(&checks));
    }
    let interrupted = "installing was interrupted: `provision doctor` shows what is missing";
    let installed = unless_stopped(&machine, interrupted, install::install(&machine, terminal, args)).await?;
    let Some(installed) = installed else {
        if args.format == ReadFormat::Json {
            show(terminal, args, &machine, &checks)?;
        }
        return Ok(code_of(&checks));
    };
    let machine = Machine::of(cli, terminal)?;
    terminal.note(["looking again".to_owned()]);
    let checks = unless_stopped(&machine, interrupted, async { Ok(examine(&machine).await) }).await?;
    show(terminal, args, &machine, &checks)?;
    installed.report(terminal);
    Ok(code_of(&checks).max(installed.code()))
}

/// What `work` returns, unless a signal ends it before.
async fn unless_stopped<T>(
    machine: &Machine,
    interrupted: &'static str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut signals = stop_signals(Arc::clone(machine.children()))?;
    tokio::select! {
        done = work => done,
        Some(signal) = signals.recv() => Err(Failure::new(signal.kind(), interrupted)),
    }
}

fn show(terminal: &Terminal, args: &DoctorArgs, machine: &Machine, checks: &[Checked]) -> Result<(), Failure> {
    let diagnosis = Diagnosis { pipeline: machine.pipeline_name(), file: machine.file(), checks };
    terminal.print(|out| match args.format {
        ReadFormat::Text => write_diagnosis(out, terminal.out, &diagnosis),
        ReadFormat::Json => write_diagnosis_json(out, &diagnosis),
    })
}

fn code_of(checks: &[Checked]) -> u8 {
    let is_healthy = checks.iter().flat_map(|checked| &checked.findings).all(|found| found.health != Health::Problem);
    if is_healthy { 0 } else { FailureKind::Prerequisite.exit_code() }
}

async fn examine(machine: &Machine) -> Vec<Checked> {
    join_all(CHECKS.iter().map(|check| async move {
        let began = Instant::now();
        let findings = pause::timeout(LIMIT, (check.run)(machine)).await.unwrap_or_else(|| {
            let text = format!("it has no result after {} s", LIMIT.as_secs());
            vec![Finding::warning(check.name, text).fix("provision doctor   # again; something is slow or hangs")]
        });
        let findings = findings
            .into_iter()
            .map(|finding| if machine.is_general() { finding.at_most_a_warning() } else { finding });
        Checked { check: check.name, findings: findings.collect(), duration: began.elapsed() }
    }))
    .await
}
