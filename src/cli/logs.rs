//! `provision logs`: the output of a step.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use super::args::{Cli, LogsArgs};
use super::output::Terminal;
use super::project::Project;
use crate::error::{Failure, FailureKind};
use crate::event::{LOG_DEPTH, log_path};
use crate::files::open_below;
use crate::journal::{History, running};
use crate::model::{RunId, StepId};

/// Interval in which `--follow` checks for new output.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

pub(super) fn logs(cli: &Cli, terminal: &Terminal, args: &LogsArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    let usage = |message: String| Failure::new(FailureKind::Usage, message);
    let step =
        StepId::new(&args.step).map_err(|error| usage(error.to_string()).hint("`provision status` lists the steps"))?;
    let state_dir = project.tools.state_dir();
    let history = project.history()?;
    if project.graph.step(&step).is_none() && history.step(&step).is_none() {
        return Err(usage(format!("unknown step `{step}`")).hint("`provision status` lists the steps"));
    }
    let run = match &args.run {
        Some(run) => RunId::new(run).map_err(|error| usage(error.to_string()))?,
        None => history
            .step(&step)
            .and_then(|known| known.started_in.clone())
            .ok_or_else(|| usage(format!("step `{step}` has never run")).hint(format!("provision up {step}")))?,
    };
    let path = log_path(state_dir, &run, &step);
    let mut at = 0;
    loop {
        // Checked before reading, so that the last output is read as well.
        let runs = args.follow && running(state_dir).is_some() && is_running(&project.history()?, &step, &run);
        at = copy_from(terminal, &path, at)?;
        if !runs {
            break;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    if at == 0 && !path.exists() {
        let logged = history.step(&step).and_then(|known| known.last.as_ref()).filter(|end| end.run == run);
        if logged.is_some_and(|end| end.log.is_some())
            || (args.run.is_some() && !path.parent().is_some_and(Path::exists))
        {
            return Err(usage(format!("there is no log of step `{step}` in run `{run}`")));
        }
        terminal.print(|out| writeln!(out, "step `{step}` printed nothing in run `{run}`"))?;
    }
    Ok(0)
}

fn is_running(history: &History, step: &StepId, run: &RunId) -> bool {
    let step_runs = history.step(step).is_some_and(|known| known.last.is_none());
    step_runs && history.run(run).is_some_and(|record| record.outcome.is_none())
}

/// Copies the file at `path` from offset `at` to standard output. Returns the new offset.
fn copy_from(terminal: &Terminal, path: &Path, at: u64) -> Result<u64, Failure> {
    let mut file = match open_below(path, LOG_DEPTH) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(at),
        Err(error) => return Err(Failure::new(FailureKind::State, "can't read the log").source(&error)),
    };
    let failed = |error: std::io::Error| Failure::new(FailureKind::State, "can't read the log").source(&error);
    file.seek(SeekFrom::Start(at)).map_err(failed)?;
    let mut at = at;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = file.read(&mut buffer).map_err(failed)?;
        if n == 0 {
            return Ok(at);
        }
        at += n as u64;
        terminal.print(|out| out.write_all(&buffer[..n]))?;
    }
}
