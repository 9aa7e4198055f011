//! `provision logs`: the output of a step.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use super::args::{Cli, LogsArgs};
use super::output::Terminal;
use super::project::Project;
use crate::error::{Failure, FailureKind, ids};
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
    let mut shown = Shown::new(terminal, args.raw);
    loop {
        // Checked before reading, so that the last output is read as well.
        let runs = args.follow && running(state_dir).is_some() && is_running(&project.history()?, &step, &run);
        at = copy_from(&mut shown, &path, at)?;
        if !runs {
            shown.finish()?;
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

/// The longest line that is shown whole on a terminal.
const MAX_LINE: usize = 64 << 10;

/// Standard output with a log on it: every byte of it to a file or a pipe; to a terminal nothing that drives it.
struct Shown<'a> {
    terminal: &'a Terminal,
    raw: bool,
    /// The line that is not whole yet.
    open: Vec<u8>,
}

impl<'a> Shown<'a> {
    fn new(terminal: &'a Terminal, raw: bool) -> Self {
        Self { terminal, raw: raw || !terminal.interactive, open: Vec::new() }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.raw {
            return self.terminal.print(|out| out.write_all(bytes));
        }
        let mut lines = String::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.open.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.open.len() > MAX_LINE {
                self.take_line(&mut lines);
            }
        }
        self.terminal.print(|out| out.write_all(lines.as_bytes()))
    }

    fn take_line(&mut self, lines: &mut String) {
        lines.push_str(&self.terminal.out.sanitize(&String::from_utf8_lossy(&self.open)));
        lines.push('\n');
        self.open.clear();
    }

    fn finish(&mut self) -> Result<(), Failure> {
        let mut lines = String::new();
        if !self.open.is_empty() {
            self.take_line(&mut lines);
        }
        self.terminal.print(|out| out.write_all(lines.as_bytes()))
    }
}

/// Shows the file at `path` from offset `at` on. Returns the new offset.
fn copy_from(shown: &mut Shown<'_>, path: &Path, at: u64) -> Result<u64, Failure> {
    let mut file = match open_below(path, LOG_DEPTH) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(at),
        Err(error) => return Err(Failure::of(ids::STATE_UNUSABLE, "can't read the log").source(&error)),
    };
    let failed = |error: std::io::Error| Failure::of(ids::STATE_UNUSABLE, "can't read the log").source(&error);
    file.seek(SeekFrom::Start(at)).map_err(failed)?;
    let mut at = at;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = file.read(&mut buffer).map_err(failed)?;
        if n == 0 {
            return Ok(at);
        }
        at += n as u64;
        shown.write(&buffer[..n])?;
    }
}
