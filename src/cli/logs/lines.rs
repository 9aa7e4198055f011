//! [`Shown`]: standard output with a log on it.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::cli::output::Terminal;
use crate::error::{Failure, ids};
use crate::event::LOG_DEPTH;
use crate::files::open_below;
use crate::model::{RunId, StepId};
use crate::report::write_log_line_json;

/// The longest line that is shown whole on a terminal or beside others.
const MAX_LINE: usize = 64 << 10;

/// How the lines of a log are shown.
pub(super) enum Form {
    /// As they are, also a line that is not whole yet.
    Plain,
    /// Each behind this.
    Prefixed(String),
    /// Each as an object.
    Json(StepId, RunId),
}

/// Standard output with a log on it: every byte of it to a file or a pipe; to a terminal nothing that drives it.
pub(super) struct Shown<'a> {
    terminal: &'a Terminal,
    raw: bool,
    form: Form,
    /// The line that is not whole yet.
    open: Vec<u8>,
}

impl<'a> Shown<'a> {
    pub(super) fn new(terminal: &'a Terminal, raw: bool, form: Form) -> Self {
        Self { terminal, raw: raw || !terminal.interactive, form, open: Vec::new() }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.raw && matches!(self.form, Form::Plain) {
            return self.terminal.print(|out| out.write_all(bytes));
        }
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.open.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.open.len() > MAX_LINE {
                self.take_line(&mut lines)?;
            }
        }
        self.terminal.print(|out| out.write_all(&lines))
    }

    fn take_line(&mut self, lines: &mut Vec<u8>) -> Result<(), Failure> {
        let open = std::mem::take(&mut self.open);
        let line = open.strip_suffix(b"\n").unwrap_or(&open);
        if let Form::Json(step, run) = &self.form {
            return write_log_line_json(lines, step, run, line)
                .map_err(|error| Failure::bug("writing to memory failed").source(&error));
        }
        if let Form::Prefixed(prefix) = &self.form {
            lines.extend_from_slice(prefix.as_bytes());
        }
        if self.raw {
            lines.extend_from_slice(line);
        } else {
            lines.extend(self.terminal.out.sanitize(&String::from_utf8_lossy(&open)).into_bytes());
        }
        lines.push(b'\n');
        Ok(())
    }

    /// Shows the line that has no end.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let mut lines = Vec::new();
        if !self.open.is_empty() {
            self.take_line(&mut lines)?;
        }
        self.terminal.print(|out| out.write_all(&lines))
    }
}

/// Shows the file at `path` from offset `at` on. Returns the new offset.
pub(super) fn copy_from(shown: &mut Shown<'_>, path: &Path, at: u64) -> Result<u64, Failure> {
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
