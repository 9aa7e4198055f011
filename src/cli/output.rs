//! Standard output and standard error of the commands, each with its theme.
//!
//! Standard output has what the command exists to give, which a program may read: a table, a list, a document, a run.
//! Questions with what they are about, notes, warnings and failures go to standard error. docs/reference.md says which
//! command gives what, and tests/it/streams.rs asks each of them.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use crate::config::Diagnostics;
use crate::error::{Failure, FailureKind, FileError, ids};
use crate::report::{ColorChoice, Environment, FailureContext, Size, Theme, write_failure};

/// The outputs of a command.
#[derive(Clone)]
pub(super) struct Terminal {
    pub(super) environment: Environment,
    /// Whether standard output is a terminal.
    pub(super) interactive: bool,
    /// The theme of standard output.
    pub(super) out: Theme,
    /// The theme of standard error.
    pub(super) err: Theme,
}

/// A file that text is added to. It is opened only then: one that can't be is no reason not to begin.
#[derive(Debug)]
pub(super) struct AppendTo(pub(super) PathBuf);

impl Write for AppendTo {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        fs_err::OpenOptions::new().create(true).append(true).open(&self.0)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Terminal {
    pub(super) fn new(color: ColorChoice) -> Self {
        let environment = Environment::read(|name| std::env::var_os(name));
        let is_terminal = io::stdout().is_terminal();
        Self {
            out: color.theme(is_terminal, &environment),
            err: color.theme(io::stderr().is_terminal(), &environment),
            interactive: is_terminal,
            environment,
        }
    }

    /// Returns the width of standard output; `None` if it is not a terminal.
    pub(super) fn columns(&self) -> Option<usize> {
        if self.interactive { Size::of(io::stdout()).map(|size| size.columns.into()) } else { None }
    }

    /// Writes to standard output. A reader that closed its pipe is no failure.
    #[expect(clippy::unused_self, reason = "standard output belongs to the terminal")]
    pub(super) fn print(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        match write(&mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::failed("can't write to standard output").source(&error))
            }
            _ => Ok(()),
        }
    }

    /// The theme of what goes to `file`; without one, of standard output.
    pub(super) fn theme_for(&self, file: Option<&PathBuf>) -> Theme {
        if file.is_some() { Theme { color: false, unicode: true } } else { self.out }
    }

    /// Writes to `file`; without one, to standard output.
    pub(super) fn save_or_print(
        &self,
        file: Option<&PathBuf>,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let Some(path) = file else { return self.print(write) };
        let mut text = Vec::new();
        write(&mut text)
            .and_then(|()| fs_err::write(path, &text))
            .map_err(|error| Failure::of(ids::FILE_NOT_WRITTEN, "can't write the file of `--output`").source(&error))
    }

    /// Writes a failure to standard error.
    pub(super) fn show_failure(&self, failure: &Failure) {
        let mut err = io::stderr().lock();
        // There is no other place to report that standard error can't be written to.
        drop(write_failure(&mut err, self.err, failure, FailureContext::STANDALONE));
    }

    /// Writes the errors in the pipeline file to standard error. Returns the failure that summarizes them, and has them
    /// for programs.
    pub(super) fn show_errors(&self, errors: &Diagnostics) -> Failure {
        self.show_warnings(errors);
        let n = errors.iter().count();
        let count = if n == 1 { "1 error".to_owned() } else { format!("{n} errors") };
        let failure = Failure::new(FailureKind::Config, format!("{count} in pipeline.toml; nothing was run"));
        failure.in_files(errors.iter().map(FileError::from))
    }

    /// Writes warnings to standard error, a line each.
    pub(super) fn warn(&self, warnings: impl IntoIterator<Item = String>) {
        let word = if self.err.color { "\x1b[33mwarning:\x1b[0m" } else { "warning:" };
        for warning in warnings {
            drop(writeln!(io::stderr().lock(), "{word} {warning}"));
        }
    }

    /// Writes what was done beside the output to standard error, a line each.
    #[expect(clippy::unused_self, reason = "standard error belongs to the terminal")]
    pub(super) fn note(&self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            drop(writeln!(io::stderr().lock(), "{line}"));
        }
    }

    /// Writes what a question or a note is about to standard error.
    #[expect(clippy::unused_self, reason = "standard error belongs to the terminal")]
    pub(super) fn tell(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut err = io::BufWriter::new(io::stderr().lock());
        drop(write(&mut err).and_then(|()| err.flush()));
    }

    /// Whether there is a person to ask: who sees standard error, and types on standard input.
    #[expect(clippy::unused_self, reason = "both belong to the terminal")]
    pub(super) fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks `question` on standard error and reads the answer from standard input; only a clear yes is one.
    #[expect(clippy::unused_self, reason = "both belong to the terminal")]
    pub(super) fn agrees(&self, question: &str) -> Result<bool, Failure> {
        let asked = write!(io::stderr().lock(), "\n{question} [y/N] ");
        asked.map_err(|error| Failure::failed("can't ask at the terminal").source(&error))?;
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        read.map_err(|error| Failure::failed("can't read an answer from the terminal").source(&error))?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Writes the warnings about the pipeline file to standard error.
    pub(super) fn show_warnings(&self, warnings: &Diagnostics) {
        if !warnings.is_empty() {
            drop(writeln!(io::stderr().lock(), "{}", warnings.render(self.err.color)));
        }
    }
}
