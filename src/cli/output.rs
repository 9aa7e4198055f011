//! Where commands write: standard output and error with the look that suits them.

use std::io::{self, IsTerminal, Write};

use crate::config::Diagnostics;
use crate::error::{Failure, FailureKind};
use crate::report::{Around, ColorChoice, Environment, Look, Size, write_failure};

/// What can be written where.
pub(super) struct Terminal {
    pub(super) environment: Environment,
    /// Whether standard output is a terminal.
    pub(super) interactive: bool,
    /// The look of standard output.
    pub(super) out: Look,
    /// The look of standard error.
    pub(super) err: Look,
}

impl Terminal {
    pub(super) fn new(color: ColorChoice) -> Self {
        let environment = Environment::read(|name| std::env::var_os(name));
        let is_terminal = io::stdout().is_terminal();
        Self {
            out: color.look(is_terminal, &environment),
            err: color.look(io::stderr().is_terminal(), &environment),
            interactive: is_terminal,
            environment,
        }
    }

    /// How wide a line may be; any width where standard output is no terminal.
    pub(super) fn columns(&self) -> Option<usize> {
        if self.interactive { Size::of(io::stdout()).map(|size| size.columns.into()) } else { None }
    }

    /// Writes to standard output. A reader that has gone away is no failure: it has seen what it wanted.
    #[expect(clippy::unused_self, reason = "standard output is the terminal's, whoever writes")]
    pub(super) fn print(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        match write(&mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::failed("can't write to standard output").source(&error))
            }
            _ => Ok(()),
        }
    }

    /// Writes a failure to standard error.
    pub(super) fn show_failure(&self, failure: &Failure) {
        let mut err = io::stderr().lock();
        // Nowhere is left to complain about a standard error that can't be written to.
        drop(write_failure(&mut err, self.err, failure, Around::ALONE));
    }

    /// Writes what is wrong with the pipeline's file to standard error, and answers the failure that is left to say.
    pub(super) fn show_errors(&self, errors: &Diagnostics) -> Failure {
        self.show_warnings(errors);
        let n = errors.iter().count();
        let mistakes = if n == 1 { "1 mistake".to_owned() } else { format!("{n} mistakes") };
        Failure::new(FailureKind::Config, format!("the pipeline has {mistakes}: nothing was run"))
    }

    /// Writes what is odd about the pipeline's file to standard error.
    pub(super) fn show_warnings(&self, warnings: &Diagnostics) {
        if !warnings.is_empty() {
            drop(writeln!(io::stderr().lock(), "{}", warnings.render(self.err.color)));
        }
    }
}
