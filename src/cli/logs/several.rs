//! The output of several steps: each line begins with the step that has printed it.

use crate::cli::args::{LogsArgs, ReadFormat};
use crate::cli::follow::{Follower, POLL_INTERVAL, before_any_step, not_followed};
use crate::cli::output::Terminal;
use crate::cli::project::Project;
use crate::error::Failure;
use crate::event::{log_folder, log_path};
use crate::model::{RunId, StepId};
use crate::report::lane_style;

use super::lines::{Form, Shown, copy_from};

/// A step whose log is shown.
struct Source<'a> {
    step: StepId,
    /// What each line begins with.
    prefix: String,
    /// Standard output; `None` until it is known which run it is of.
    shown: Option<Shown<'a>>,
    at: u64,
    /// Whether it has ended and everything was read.
    is_done: bool,
}

/// Shows the logs of `steps` in `run`; without steps, of every step that started in the last run. With `--follow` those
/// of the run that is on, also of steps that start later, until it ends.
pub(super) fn show(
    project: &Project,
    terminal: &Terminal,
    args: &LogsArgs,
    run: Option<RunId>,
    steps: Option<Vec<StepId>>,
) -> Result<u8, Failure> {
    let mut follower = Follower::new(project)?;
    let follows = args.follow && run.is_none() && follower.is_on();
    let wanted = Wanted { run, follows, of_last_run: steps.is_none() };
    let steps = steps.unwrap_or_else(|| project.graph.steps.iter().map(|node| node.step.id.clone()).collect());
    let mut sources = sources(terminal, steps);
    let mut anything = false;
    loop {
        let is_on = follows && follower.is_on() && !follower.is_of_others();
        for source in sources.iter_mut().filter(|source| !source.is_done) {
            let Some(run) = wanted.run_of(&source.step, &follower) else { continue };
            let path = log_path(project.tools.state_dir(), &run, &source.step);
            source.is_done = !is_on || follower.history().step(&source.step).is_some_and(|known| known.last.is_some());
            let shown = source.shown.get_or_insert_with(|| {
                let form = match args.format {
                    ReadFormat::Text => Form::Prefixed(std::mem::take(&mut source.prefix)),
                    ReadFormat::Json => Form::Json(source.step.clone(), run),
                };
                Shown::new(terminal, args.raw, form)
            });
            source.at = copy_from(shown, &path, source.at)?;
            if source.is_done {
                shown.finish()?;
            }
            anything |= source.at > 0;
        }
        if !is_on {
            break;
        }
        std::thread::sleep(POLL_INTERVAL);
        follower.look()?;
    }
    if follows && follower.is_on() {
        terminal.note([not_followed()]);
    } else if !anything {
        let removed = wanted.run.as_ref().filter(|run| !log_folder(project.tools.state_dir(), run).exists());
        terminal.note([removed.map_or_else(
            || "there is no output of these steps".to_owned(),
            |run| {
                format!("there are no logs of run {run}: its steps printed nothing, or `provision gc` has removed them")
            },
        )]);
    }
    terminal.note(before_any_step(follower.history()).filter(|_| wanted.run.is_none()));
    Ok(0)
}

/// Which runs the logs are of.
struct Wanted {
    /// The one that the command line names.
    run: Option<RunId>,
    /// Whether it is the one that is on.
    follows: bool,
    /// Whether it is the last one; else the last one of each step.
    of_last_run: bool,
}

impl Wanted {
    /// Returns the run whose log of `step` is wanted; `None` if the step has not started in it.
    fn run_of(&self, step: &StepId, follower: &Follower<'_>) -> Option<RunId> {
        if self.run.is_some() {
            return self.run.clone();
        }
        let started_in = follower.history().step(step)?.started_in.clone()?;
        let only = if self.follows {
            Some(follower.run()?.0)
        } else if self.of_last_run {
            Some(follower.history().last_run()?.0)
        } else {
            None
        };
        only.is_none_or(|run| *run == started_in).then_some(started_in)
    }
}

fn sources(terminal: &Terminal, steps: Vec<StepId>) -> Vec<Source<'_>> {
    let width = steps.iter().map(|step| step.as_str().len()).max().unwrap_or(0);
    let source = |(place, step): (usize, StepId)| {
        let prefix =
            terminal.out.paint(lane_style(place), &format!("{:width$} {}", step.as_str(), terminal.out.gutter()));
        Source { step, prefix, shown: None, at: 0, is_done: false }
    };
    steps.into_iter().enumerate().map(source).collect()
}
