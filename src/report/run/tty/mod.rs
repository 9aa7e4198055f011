//! [`Tty`]: a run on a terminal. Rows that change in place are progress bars at its end; lines that must not be missed
//! are printed above them, and stay.

mod bars;
mod frame;
mod layout;
mod line;
mod size;
mod surface;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::time::Duration;

use indicatif::ProgressDrawTarget;

use bars::Bars;
use frame::{Canvas, frame, last_frame};
use surface::Surface;

use super::failure::{FailureContext, write_failure};
use super::row::StepRow;
use super::summary::{Failures, NextCommands, write_summary};
use super::view::View;
use crate::event::{Event, EventKind, StepFinished};
use crate::model::{Outcome, StepId};
use crate::report::choice::Verbosity;
use crate::report::reporter::Reporter;
use crate::report::style::{DIM, STRONG, Theme, WARN};
use crate::report::text;

pub(crate) use size::{Size, SizeOf};

/// Time between two frames: twelve a second look smooth and cost next to nothing.
const FRAME_INTERVAL: Duration = Duration::from_millis(80);

/// Maximum number of draws per second, each of which may show a part of a frame.
const MAX_DRAWS_PER_SECOND: u8 = 30;

/// Size in bytes at which lines for above the rows no longer wait for the next frame.
const MAX_PENDING: usize = 64 * 1024;

/// Draws on a terminal.
#[derive(Debug)]
pub(crate) struct Tty<W> {
    view: View,
    theme: Theme,
    verbosity: Verbosity,
    next: NextCommands,
    out: W,
    size_of: SizeOfTerminal,
    expected: ExpectedOf,
    bars: Bars,
    drawn_at: Option<Duration>,
    /// Lines to be printed above the rows with the next frame.
    pending: Vec<u8>,
    is_finished: bool,
}

/// A [`SizeOf`] that can be formatted.
struct SizeOfTerminal(SizeOf);

impl std::fmt::Debug for SizeOfTerminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SizeOf")
    }
}

/// An [`Expected`] that can be formatted.
struct ExpectedOf(Expected);

impl std::fmt::Debug for ExpectedOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Expected")
    }
}

/// Returns how long a step took the last time; `None` if that is unknown. Only asked for a step that has started.
pub(crate) type Expected = Box<dyn Fn(&StepId) -> Option<Duration> + Send>;

impl<W: Write> Tty<W> {
    /// Creates a reporter that draws on standard output, which `out` writes to as well. `size_of` is called for each
    /// frame.
    pub(crate) fn stdout(
        out: W,
        size_of: SizeOf,
        expected: Expected,
        theme: Theme,
        verbosity: Verbosity,
        next: NextCommands,
    ) -> Self {
        let surface = Surface::new(io::stdout(), size_of.clone());
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(surface), MAX_DRAWS_PER_SECOND);
        Self { expected: ExpectedOf(expected), ..Self::new(out, target, size_of, theme, verbosity, next) }
    }

    fn new(
        out: W,
        target: ProgressDrawTarget,
        size_of: SizeOf,
        theme: Theme,
        verbosity: Verbosity,
        next: NextCommands,
    ) -> Self {
        Self {
            view: View::new(),
            theme,
            verbosity,
            next,
            out,
            size_of: SizeOfTerminal(size_of),
            expected: ExpectedOf(Box::new(|_| None)),
            bars: Bars::new(target, theme),
            drawn_at: None,
            pending: Vec::new(),
            is_finished: false,
        }
    }

    fn draw_if_due(&mut self) -> io::Result<()> {
        if self.view.asking.is_some() {
            return self.keep_question_last();
        }
        let now = self.view.elapsed;
        let is_due = self.drawn_at.is_none_or(|at| now.saturating_sub(at) >= FRAME_INTERVAL);
        if is_due || self.pending.len() >= MAX_PENDING { self.draw() } else { Ok(()) }
    }

    fn draw(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            let (out, pending) = (&mut self.out, &self.pending);
            self.bars.suspend(|| {
                out.write_all(pending)?;
                out.flush()
            })?;
            self.pending.clear();
        }
        let canvas = self.canvas();
        self.drawn_at = Some(canvas.now);
        self.bars.show(frame(&self.view, canvas));
        Ok(())
    }

    /// Removes the rows and prints the open question, where the person types the answer.
    fn ask(&mut self) -> io::Result<()> {
        self.bars.clear()?;
        if let Some((step, question)) = &self.view.asking {
            let question = self.theme.paint(STRONG, &text::plain(question));
            write!(self.pending, "{step}: {question} ")?;
        }
        self.out.write_all(&self.pending)?;
        self.pending.clear();
        self.out.flush()
    }

    /// While a question is open, lines wait for its end; too many are printed above the question, once more.
    fn keep_question_last(&mut self) -> io::Result<()> {
        if self.pending.len() < MAX_PENDING {
            return Ok(());
        }
        writeln!(self.out)?;
        self.ask()
    }

    fn canvas(&self) -> Canvas {
        let now = self.view.elapsed;
        Canvas {
            theme: self.theme,
            size: (self.size_of.0)().unwrap_or_default(),
            now,
            phase: usize::try_from(now.as_millis() / FRAME_INTERVAL.as_millis()).unwrap_or(0),
        }
    }

    /// Prints a failure in short: the summary at the end has all of it.
    fn announce(&mut self, finished: &StepFinished) -> io::Result<()> {
        let (Outcome::Failed, Some(failure)) = (finished.outcome, &finished.failure) else {
            return Ok(());
        };
        let label = self.view.step(&finished.step).map(StepRow::label);
        let context = FailureContext { subject: label.as_deref(), log: None, max_details: 0, hints: false };
        write_failure(&mut self.pending, self.theme, failure, context)
    }
}

impl<W: Write> Reporter for Tty<W> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        self.view.apply(event);
        match &event.kind {
            EventKind::RunStarted(started) => {
                for warning in &started.warnings {
                    let heading = self.theme.paint(WARN, "warning:");
                    writeln!(self.pending, "{heading} {}", text::plain(warning))?;
                }
            }
            EventKind::StepStarted { step, .. } => {
                let expected = (self.expected.0)(step);
                self.view.expect(step, expected);
            }
            EventKind::StepFinished(finished) => self.announce(finished)?,
            EventKind::StepLine { step, line } if self.verbosity == Verbosity::Verbose => {
                let gutter = self.theme.paint(DIM, &format!("{step} {}", self.theme.gutter().trim_end()));
                writeln!(self.pending, "{gutter} {}", self.theme.sanitize(line))?;
            }
            EventKind::StepAsking { .. } => return self.ask(),
            // Ctrl-C is acknowledged without delay.
            EventKind::RunInterrupted { .. } | EventKind::StepAnswered { .. } => return self.draw(),
            _ => {}
        }
        self.draw_if_due()
    }

    fn tick(&mut self, elapsed: Duration) -> io::Result<()> {
        if self.view.run.is_none() {
            return Ok(());
        }
        self.view.elapsed = self.view.elapsed.max(elapsed);
        self.draw_if_due()
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.is_finished {
            return Ok(());
        }
        self.is_finished = true;
        self.bars.clear()?;
        let mut text = std::mem::take(&mut self.pending);
        if self.view.run.is_some() {
            for line in last_frame(&self.view, self.canvas()) {
                writeln!(text, "{line}")?;
            }
            writeln!(text)?;
            write_summary(&mut text, self.theme, &self.view, Failures::Full, &self.next)?;
        }
        self.out.write_all(&text)?;
        self.out.flush()
    }
}
