//! `provision logs`: the output of steps.

mod lines;
mod several;

use std::path::Path;

use super::args::{Cli, LogsArgs, ReadFormat};
use super::follow::POLL_INTERVAL;
use super::output::Terminal;
use super::project::Project;
use crate::error::{Failure, FailureKind};
use crate::event::log_path;
use crate::journal::{History, running};
use crate::model::{RunId, StepId};
use crate::suggest::suggest;
use lines::{Form, Shown, copy_from};

pub(super) fn logs(cli: &Cli, terminal: &Terminal, args: &LogsArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    let history = project.history()?;
    match args.select.as_slice() {
        [only] if only.contains('.') => one(&project, terminal, args, &step(&project, &history, only)?, &history),
        [] => several::show(&project, terminal, args, wanted_run(args)?, None),
        names => {
            let mut steps = Vec::new();
            for name in names {
                for step in named(&project, &history, name)? {
                    if !steps.contains(&step) {
                        steps.push(step);
                    }
                }
            }
            several::show(&project, terminal, args, wanted_run(args)?, Some(steps))
        }
    }
}

/// Shows the log of one step: every byte of it, to a file or a pipe.
fn one(
    project: &Project,
    terminal: &Terminal,
    args: &LogsArgs,
    step: &StepId,
    history: &History,
) -> Result<u8, Failure> {
    let state_dir = project.tools.state_dir();
    let run = match wanted_run(args)? {
        Some(run) => run,
        None => history
            .step(step)
            .and_then(|known| known.started_in.clone())
            .ok_or_else(|| usage(format!("step `{step}` has never run")).hint(format!("provision up {step}")))?,
    };
    let path = log_path(state_dir, &run, step);
    let mut at = 0;
    let form = match args.format {
        ReadFormat::Text => Form::Plain,
        ReadFormat::Json => Form::Json(step.clone(), run.clone()),
    };
    let mut shown = Shown::new(terminal, args.raw, form);
    loop {
        // Checked before reading, so that the last output is read as well.
        let runs = args.follow && running(state_dir).is_some() && is_running(&project.history()?, step, &run);
        at = copy_from(&mut shown, &path, at)?;
        if !runs {
            shown.finish()?;
            break;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    if at == 0 && !path.exists() {
        let logged = history.step(step).and_then(|known| known.last.as_ref()).filter(|end| end.run == run);
        if logged.is_some_and(|end| end.log.is_some())
            || (args.run.is_some() && !path.parent().is_some_and(Path::exists))
        {
            return Err(usage(format!("there is no log of step `{step}` in run `{run}`")));
        }
        terminal.note([format!("step `{step}` printed nothing in run `{run}`")]);
    }
    Ok(0)
}

fn is_running(history: &History, step: &StepId, run: &RunId) -> bool {
    let step_runs = history.step(step).is_some_and(|known| known.last.is_none());
    step_runs && history.run(run).is_some_and(|record| record.outcome.is_none())
}

fn usage(message: String) -> Failure {
    Failure::new(FailureKind::Usage, message)
}

/// Returns the run that the command line names.
fn wanted_run(args: &LogsArgs) -> Result<Option<RunId>, Failure> {
    args.run.as_deref().map(RunId::new).transpose().map_err(|error| usage(error.to_string()))
}

/// Returns the step with this name, which may be one that the pipeline no longer has.
fn step(project: &Project, history: &History, name: &str) -> Result<StepId, Failure> {
    let step =
        StepId::new(name).map_err(|error| usage(error.to_string()).hint("`provision status` lists the steps"))?;
    if project.graph.step(&step).is_none() && history.step(&step).is_none() {
        return Err(usage(format!("unknown step `{step}`")).hint("`provision status` lists the steps"));
    }
    Ok(step)
}

/// Returns the step with this name, or the steps of the stage with this name.
fn named(project: &Project, history: &History, name: &str) -> Result<Vec<StepId>, Failure> {
    if name.contains('.') {
        return Ok(vec![step(project, history, name)?]);
    }
    let stage = project.pipeline.stages.iter().find(|stage| stage.id.as_str() == name);
    stage.map(|stage| stage.steps.iter().map(|step| step.id.clone()).collect()).ok_or_else(|| {
        let stages = project.pipeline.stages.iter().map(|stage| stage.id.as_str());
        let failure = usage(format!("unknown stage `{name}`"));
        suggest(name, stages).into_iter().fold(failure, Failure::hint).hint("`provision status` lists the steps")
    })
}
