//! `provision logs`: the output of steps.

mod lines;
mod several;

use std::path::Path;

use super::args::{Cli, LogsArgs, ReadFormat};
use super::follow::{Follower, POLL_INTERVAL, before_any_step, not_followed};
use super::output::Terminal;
use super::project::Project;
use crate::error::{Failure, FailureKind};
use crate::event::{log_folder, log_path};
use crate::journal::{History, run_on};
use crate::model::{RunId, StepId};
use crate::suggest::suggest;
use lines::{Form, Shown, copy_from};

pub(super) fn logs(cli: &Cli, terminal: &Terminal, args: &LogsArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    let history = project.history()?;
    match args.select.as_slice() {
        [only] if only.contains('.') => {
            let step = step(&project, &history, only)?;
            let begun = if args.follow && args.run.is_none() { until_begun(&project, terminal, &step)? } else { None };
            one(&project, terminal, args, &step, begun.as_ref().unwrap_or(&history))
        }
        [] => several::show(&project, terminal, args, wanted_run(&project, &history, args)?, None),
        names => {
            let mut steps = Vec::new();
            for name in names {
                for step in named(&project, &history, name)? {
                    if !steps.contains(&step) {
                        steps.push(step);
                    }
                }
            }
            several::show(&project, terminal, args, wanted_run(&project, &history, args)?, Some(steps))
        }
    }
}

/// Waits until the run that is on, if one is, has begun the step or is over: until then its log is that of an earlier
/// run. Returns what is on record then.
fn until_begun(project: &Project, terminal: &Terminal, step: &StepId) -> Result<Option<History>, Failure> {
    let mut follower = Follower::new(project)?;
    let has_begun = |follower: &Follower<'_>| {
        let started_in = follower.history().step(step).and_then(|known| known.started_in.as_ref());
        started_in.is_some() && started_in == follower.run().map(|(run, _)| run)
    };
    let mut waits = false;
    while follower.is_on() && !has_begun(&follower) && !follower.is_of_others() {
        if !waits {
            terminal.note([format!("the run that is on has not begun the step `{step}`, which is waited for")]);
            waits = true;
        }
        std::thread::sleep(POLL_INTERVAL);
        follower.look()?;
    }
    if follower.is_on() && follower.is_of_others() {
        terminal.note([not_followed()]);
    } else if waits && !has_begun(&follower) {
        terminal.note([format!("that run has ended without the step `{step}`")]);
    }
    Ok(waits.then(|| follower.history().clone()))
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
    let run = match wanted_run(project, history, args)? {
        Some(run) => run,
        None => history.step(step).and_then(|known| known.started_in.clone()).ok_or_else(|| {
            let failure = usage(format!("step `{step}` has never run")).hint(format!("provision up {step}"));
            before_any_step(history).into_iter().fold(failure, Failure::cause)
        })?,
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
        let runs = args.follow && run_on(state_dir).is_some() && is_running(&project.history()?, step, &run);
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
    terminal.note(before_any_step(history).filter(|_| args.run.is_none()));
    Ok(0)
}

fn is_running(history: &History, step: &StepId, run: &RunId) -> bool {
    let step_runs = history.step(step).is_some_and(|known| known.last.is_none());
    step_runs && history.run(run).is_some_and(|record| record.outcome.is_none())
}

fn usage(message: String) -> Failure {
    Failure::new(FailureKind::Usage, message)
}

/// Returns the run that the command line names, if it is on record or has left logs.
fn wanted_run(project: &Project, history: &History, args: &LogsArgs) -> Result<Option<RunId>, Failure> {
    let Some(name) = &args.run else { return Ok(None) };
    let run = RunId::new(name).map_err(|error| usage(error.to_string()))?;
    if history.run(&run).is_none() && !log_folder(project.tools.state_dir(), &run).exists() {
        let failure = usage(format!("there is no run `{run}` on record"));
        return Err(match history.last_run() {
            Some((last, _)) => failure.hint(format!("the last run is `{last}`")),
            None => failure.hint("provision up"),
        });
    }
    Ok(Some(run))
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
