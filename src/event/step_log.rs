//! The complete output of a step on disk: `.provision/logs/RUN/STEP.log`.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fs_err as fs;

use crate::files::create_below;
use crate::model::{RunId, StepId};

/// How many parts of a log's path are below the state folder.
pub const LOG_DEPTH: usize = 3;

/// Returns the folder with the logs of a run.
pub fn log_folder(state_dir: &Path, run: &RunId) -> PathBuf {
    state_dir.join("logs").join(run.as_str())
}

/// Returns the path of a step's log.
pub fn log_path(state_dir: &Path, run: &RunId, step: &StepId) -> PathBuf {
    log_in(&log_folder(state_dir, run), step)
}

fn log_in(folder: &Path, step: &StepId) -> PathBuf {
    folder.join(format!("{step}.log"))
}

/// Writes a step's log. The file is created by the first write, so that a silent step has none.
#[derive(Debug)]
pub struct StepLog {
    folder: Arc<Path>,
    step: StepId,
    file: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Untouched,
    Open(BufWriter<fs::File>),
    /// Output is discarded.
    Discard,
    /// Writing failed; the step continues.
    Broken(String),
}

impl StepLog {
    /// Creates the log of `step` in `folder`.
    pub fn new(folder: Arc<Path>, step: StepId) -> Self {
        Self { folder, step, file: Mutex::new(State::Untouched) }
    }

    /// Creates a log that discards everything, for checks.
    pub fn discard(step: StepId) -> Self {
        Self { folder: Path::new("").into(), step, file: Mutex::new(State::Discard) }
    }

    /// Appends `bytes`. An error is returned by [`StepLog::finish`]: a full disk must not affect a running step.
    pub fn write(&self, bytes: &[u8]) {
        let mut state = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Untouched) {
            *state = match open(&self.folder, &self.step) {
                Ok(file) => State::Open(BufWriter::new(file)),
                Err(error) => State::Broken(error.to_string()),
            };
        }
        if let State::Open(file) = &mut *state
            && let Err(error) = file.write_all(bytes)
        {
            *state = State::Broken(error.to_string());
        }
    }

    /// Makes everything so far readable for others.
    pub fn flush(&self) {
        let mut state = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Open(file) = &mut *state
            && let Err(error) = file.flush()
        {
            *state = State::Broken(error.to_string());
        }
    }

    /// Flushes. Returns whether there is a log, or why it is incomplete.
    pub fn finish(&self) -> Result<bool, String> {
        self.flush();
        match &*self.file.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Untouched | State::Discard => Ok(false),
            State::Open(_) => Ok(true),
            State::Broken(why) => Err(why.clone()),
        }
    }
}

fn open(folder: &Path, step: &StepId) -> io::Result<fs::File> {
    create_below(&log_in(folder, step), LOG_DEPTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_step_leaves_no_file_and_a_loud_one_keeps_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunId::new("r1").unwrap();
        let step = StepId::new("a.b").unwrap();
        let path = log_path(dir.path(), &run, &step);
        let log = StepLog::new(log_folder(dir.path(), &run).into(), step);
        assert_eq!(log.finish(), Ok(false));
        assert!(!path.exists());
        log.write(b"one\xff\r");
        log.write(b"\n");
        assert_eq!(log.finish(), Ok(true));
        assert_eq!(fs::read(&path).unwrap(), b"one\xff\r\n");
    }

    #[test]
    fn a_folder_that_cannot_be_created_is_an_error_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("logs"), "in the way").unwrap();
        let log = StepLog::new(dir.path().join("logs/r").into(), StepId::new("a.b").unwrap());
        log.write(b"lost");
        assert!(log.finish().unwrap_err().contains("logs"));
    }
}
