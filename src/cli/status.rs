//! `provision status`: the last known state of every step, once or until the run that is on has ended.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use super::args::{Cli, ReadFormat, StatusArgs};
use super::follow::{Follower, POLL_INTERVAL, before_any_step, run_of};
use super::output::Terminal;
use super::project::Project;
use crate::error::Failure;
use crate::journal::{History, RunRecord, now_ms, run_on};
use crate::model::{Outcome, RunId, StepId};
use crate::plan::{Selection, Unproven, select, unproven};
use crate::report::{
    Format, LastState, OutputChoice, Size, StatusView, StepStatus, WatchedRun, write_status, write_status_change,
    write_status_json, write_status_line_json,
};

/// Interval in which the clocks of the view move.
const CLOCK_INTERVAL: Duration = Duration::from_secs(1);

pub(super) fn status(cli: &Cli, terminal: &Terminal, args: &StatusArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    if args.watch {
        return watch(&project, terminal, args.format);
    }
    let holder = run_on(project.tools.state_dir());
    let running = holder.is_some();
    let history = project.history()?;
    let rows = rows(&project, &history, run_of(&history, holder.as_ref()).map(|(id, _)| id));
    let pipeline = project.pipeline.name.as_str();
    terminal.print(|out| match args.format {
        ReadFormat::Text => write_status(out, terminal.out, &rows, terminal.columns()),
        ReadFormat::Json => write_status_json(out, pipeline, running, &rows),
    })?;
    // A step whose check failed was not begun: its record is that of an earlier run.
    let failed = history.last_run().filter(|(_, run)| !running && run.outcome != Some(Outcome::Succeeded));
    terminal.note(failed.map(|(id, run)| {
        before_any_step(&history).unwrap_or_else(|| format!("the last run, {id}, {}", ended(run.outcome)))
    }));
    Ok(0)
}

/// Returns the state of every step of the pipeline, and of those that it no longer has.
fn rows(project: &Project, history: &History, on: Option<&RunId>) -> Vec<StepStatus> {
    let known = project.graph.steps.iter().map(|node| (&node.step.id, node.step.title.clone()));
    let mut gone: Vec<_> = history.steps().map(|(id, _)| id).filter(|id| project.graph.step(id).is_none()).collect();
    gone.sort();
    let gone = gone.into_iter().map(|id| (id, "no longer in the pipeline".into()));
    let states = LastStates::new(project, history, on);
    let row = |(step, title): (&StepId, _)| StepStatus {
        step: step.clone(),
        title,
        last: states.of(step),
        error: history.step(step).and_then(|known| known.standing()?.error.as_deref().cloned()),
    };
    known.chain(gone).map(row).collect()
}

/// The last known states of the steps.
pub(super) struct LastStates<'a> {
    history: &'a History,
    /// The run that is on.
    on: Option<&'a RunId>,
    unproven: BTreeMap<StepId, Unproven>,
}

impl<'a> LastStates<'a> {
    pub(super) fn new(project: &Project, history: &'a History, on: Option<&'a RunId>) -> Self {
        let all = select(&project.graph, &Selection::default());
        let unproven = all.map(|plan| unproven(&project.graph, &plan, history)).unwrap_or_default();
        Self { history, on, unproven }
    }

    /// Returns that of `step`.
    pub(super) fn of(&self, step: &StepId) -> LastState {
        let Some(known) = self.history.step(step) else { return LastState::NeverRun };
        match known.down {
            Some(down) if down.is_done => return LastState::TakenDown { at_ms: down.at_ms },
            Some(down) => return LastState::InDoubt { started_ms: down.at_ms, by_down: true },
            None => {}
        }
        if let Some(Unproven { base, down }) = self.unproven.get(step) {
            return LastState::Unproven {
                since_ms: down.at_ms,
                why: format!("{base}, which it rests on, was taken down"),
            };
        }
        if let Some(end) = &known.last {
            return LastState::Ended {
                outcome: end.outcome,
                finished_ms: end.at_ms,
                duration: Duration::from_millis(end.duration_ms),
                message: end.message.clone(),
            };
        }
        if self.on.is_some() && self.on == known.started_in.as_ref() {
            LastState::Running { since: since(known.started_ms) }
        } else {
            LastState::InDoubt { started_ms: known.started_ms, by_down: false }
        }
    }
}

fn since(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(now_ms() - ms).unwrap_or(0))
}

/// Follows the run that is on. What ends this, Ctrl-C too, leaves the run alone: it is another process.
fn watch(project: &Project, terminal: &Terminal, format: ReadFormat) -> Result<u8, Failure> {
    let mut follower = Follower::new(project)?;
    let was_on = follower.is_on();
    if format == ReadFormat::Json {
        print_documents(project, terminal, &mut follower)?;
        let (told, code) = end(&follower, was_on);
        terminal.note([told]);
        return Ok(code);
    }
    let in_place = OutputChoice::Auto.resolve(terminal.interactive, &terminal.environment) == Format::Tty;
    if was_on && in_place {
        show_in_place(project, terminal, &mut follower)?;
    } else if was_on {
        show_changes(project, terminal, &mut follower)?;
    }
    if in_place || !was_on {
        let rows = rows(project, follower.history(), None);
        terminal.print(|out| write_status(out, terminal.out, &rows, terminal.columns()))?;
    }
    let (told, code) = end(&follower, was_on);
    terminal.note([told]);
    Ok(code)
}

/// Shows the rows again and again, at last when no run is on any more.
fn until_over(
    project: &Project,
    follower: &mut Follower<'_>,
    mut show: impl FnMut(&Follower<'_>, Vec<StepStatus>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    loop {
        show(follower, rows(project, follower.history(), follower.run_on()))?;
        if !follower.is_on() {
            return Ok(());
        }
        std::thread::sleep(POLL_INTERVAL);
        follower.look()?;
    }
}

/// Draws the table again and again where it is.
fn show_in_place(project: &Project, terminal: &Terminal, follower: &mut Follower<'_>) -> Result<(), Failure> {
    let mut view = StatusView::new(terminal.out);
    let mut drawn: Option<(Instant, Vec<StepStatus>)> = None;
    until_over(project, follower, |follower, rows| {
        if !follower.is_on() {
            return terminal.print(|out| view.clear(out));
        }
        let is_old =
            |(at, before): &(Instant, Vec<StepStatus>)| at.elapsed() >= CLOCK_INTERVAL || !are_same(before, &rows);
        if drawn.as_ref().is_none_or(is_old) {
            let size = Size::of(io::stdout()).unwrap_or_default();
            terminal.print(|out| view.draw(out, &rows, &run(follower), size))?;
            drawn = Some((Instant::now(), rows));
        }
        Ok(())
    })
}

/// Prints a line for each change.
fn show_changes(project: &Project, terminal: &Terminal, follower: &mut Follower<'_>) -> Result<(), Failure> {
    let mut before = rows(project, follower.history(), follower.run_on());
    before.retain(|row| !matches!(row.last, LastState::Running { .. }));
    until_over(project, follower, |follower, rows| {
        let changed = rows.iter().filter(|row| !before.iter().any(|before| before.is_same(row)));
        let age = run(follower).age;
        terminal.print(|out| {
            for row in changed {
                write_status_change(out, terminal.out, age, row)?;
            }
            Ok(())
        })?;
        before = rows;
        Ok(())
    })
}

/// Prints what is known now as a document on a line, and again after each change, until no run is on.
fn print_documents(project: &Project, terminal: &Terminal, follower: &mut Follower<'_>) -> Result<(), Failure> {
    let pipeline = project.pipeline.name.as_str();
    let mut printed: Option<(bool, Vec<StepStatus>)> = None;
    until_over(project, follower, |follower, rows| {
        let running = follower.is_on();
        if !printed.as_ref().is_some_and(|(was_running, before)| *was_running == running && are_same(before, &rows)) {
            terminal.print(|out| write_status_line_json(out, pipeline, running, &rows))?;
            printed = Some((running, rows));
        }
        Ok(())
    })
}

/// Whether two looks have found the same, whatever time has passed.
fn are_same(before: &[StepStatus], now: &[StepStatus]) -> bool {
    before.len() == now.len() && now.iter().zip(before).all(|(now, before)| now.is_same(before))
}

fn run<'a>(follower: &'a Follower<'_>) -> WatchedRun<'a> {
    let age = follower.run().map_or(Duration::ZERO, |(_, run)| since(run.at_ms));
    WatchedRun { command: follower.command().unwrap_or_default(), age }
}

/// How a run ended, as the rest of a sentence about it.
fn ended(outcome: Option<Outcome>) -> &'static str {
    outcome.map_or("was killed, or could not record its end", Outcome::word)
}

/// Returns how the run ended, for a person, and the exit code: 0 only for a success that is on record.
fn end(follower: &Follower<'_>, was_on: bool) -> (String, u8) {
    let code = |outcome: Option<Outcome>| u8::from(outcome != Some(Outcome::Succeeded));
    let last = follower.history().last_run();
    let which = |(id, run): (&_, &RunRecord)| format!("run {id}, which {}", ended(run.outcome));
    match (follower.run(), last) {
        (Some((id, run)), _) => (format!("run {id} {}", ended(run.outcome)), code(run.outcome)),
        (None, Some(last)) if was_on => {
            (format!("the run has recorded nothing; the one before it is {}", which(last)), code(last.1.outcome))
        }
        (None, None) if was_on => ("the run has recorded nothing".to_owned(), 1),
        (None, Some(last)) => (format!("no run is on; the last one is {}", which(last)), code(last.1.outcome)),
        (None, None) => ("no run is on, and there has been none".to_owned(), 1),
    }
}
