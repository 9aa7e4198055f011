//! `provision prove`: shows that the checks of files can fail.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use super::args::{Cli, ProveArgs};
use super::output::Terminal;
use super::project::Project;
use super::runtime::runtime;
use super::signals::stop_signals;
use super::trust::{self, Ways};
use crate::error::{Failure, FailureKind};
use crate::model::{ItemId, Trials};
use crate::prove::{Progress, Work, run};
use crate::report::write_trials;
use crate::tools::Cancel;
use crate::tools::process::ChildRegistry;

/// How often the progress is shown.
const INTERVAL: Duration = Duration::from_millis(200);

/// The exit code if a check was not shown able to fail.
const NOT_SHOWN: u8 = 1;

pub(super) fn prove(cli: &Cli, terminal: &Terminal, args: &ProveArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    trust::require(terminal, &project, Ways { flag: args.trust, can_ask: terminal.can_ask() })?;
    let items = args
        .items
        .iter()
        .map(|id| ItemId::new(id).map_err(|error| Failure::new(FailureKind::Usage, error.to_string())));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    let trials = try_all(&project, &items, args.mutants, !cli.global.quiet)?;
    terminal.print(|out| write_trials(out, terminal.out, args.format, &project.pipeline.name, &trials))?;
    Ok(if trials.is_shown() { 0 } else { NOT_SHOWN })
}

/// Tries everything on threads of its own. The first signal asks it to stop, and the second one kills what it runs.
fn try_all(project: &Project, items: &[ItemId], limit: usize, shows_progress: bool) -> Result<Trials, Failure> {
    let (cancel, progress) = (Cancel::new(), Progress::default());
    let children = Arc::new(ChildRegistry::default().withholding(project.tools.secrets().variables()));
    let work = Work {
        pipeline: &project.pipeline,
        tools: &project.tools,
        items,
        limit,
        cancel: &cancel,
        children: &children,
        progress: &progress,
    };
    let runtime = runtime()?;
    let mut stopped_by = None;
    let result = std::thread::scope(|scope| {
        let trying = scope.spawn(|| run(&work));
        let waiting: Result<(), Failure> = runtime.block_on(async {
            let mut signals = stop_signals(Arc::clone(&children)).inspect_err(|_| cancel.kill())?;
            let mut line = ProgressLine::new(shows_progress);
            while !trying.is_finished() {
                tokio::select! {
                    Some(signal) = signals.recv() => {
                        if stopped_by.replace(signal).is_some() { cancel.kill() } else { cancel.wind_down() }
                    }
                    () = tokio::time::sleep(INTERVAL) => line.show(progress.get()),
                }
            }
            line.clear();
            Ok(())
        });
        let ended = trying.join().map_err(|_| Failure::bug("trying the checks ended in a panic"));
        waiting.and(ended.flatten())
    });
    runtime.shutdown_background();
    match stopped_by {
        Some(signal) => Err(Failure::new(signal.kind(), "trying the checks was interrupted; nothing was changed")),
        None => result,
    }
}

/// A line on standard error that says how far it is, if that is a terminal.
struct ProgressLine {
    is_on: bool,
    is_shown: bool,
}

impl ProgressLine {
    fn new(is_wanted: bool) -> Self {
        Self { is_on: is_wanted && std::io::stderr().is_terminal(), is_shown: false }
    }

    fn show(&mut self, (done, total): (usize, usize)) {
        if self.is_on && total > 0 {
            self.is_shown = true;
            drop(write!(std::io::stderr().lock(), "\r\x1b[K{done} of {total} mutants tried"));
        }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            drop(write!(std::io::stderr().lock(), "\r\x1b[K"));
        }
    }
}
