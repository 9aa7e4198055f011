//! [`Tty`]: a run on a terminal, as rows that change in place; what must not be missed is printed above them.

mod frame;
mod layout;
mod screen;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::frame::{Canvas, frame, last_frame};
use self::screen::Screen;
use super::Reporter;
use super::failure::{Around, write_failure};
use super::lines::Verbosity;
use super::style::{DIM, Look, WARN};
use super::summary::{Failures, NextCommands, write_summary};
use super::text;
use super::view::View;
use crate::event::{Event, EventKind, StepFinished};
use crate::model::Outcome;

pub use self::screen::{Size, SizeOf};

/// At least this long between two pictures: twelve a second look smooth and cost next to nothing.
const REDRAW_EVERY: Duration = Duration::from_millis(80);

/// Text for above the rows is not held back beyond this many bytes.
const MAX_HELD: usize = 64 * 1024;

/// Draws on a terminal.
#[derive(Debug)]
pub struct Tty {
    view: View,
    look: Look,
    verbosity: Verbosity,
    next: NextCommands,
    screen: Screen,
    bars: MultiProgress,
    /// All rows are one bar's message, so that a picture is drawn as a whole or not at all.
    picture: ProgressBar,
    drawn_at: Option<Duration>,
    /// What is to be printed above the rows with the next picture.
    above: Vec<u8>,
    is_finished: bool,
}

impl Tty {
    /// Draws on the terminal that `out` writes to. `size_of` is asked before each picture.
    pub fn new(
        out: impl Write + Send + 'static,
        size_of: SizeOf,
        look: Look,
        verbosity: Verbosity,
        next: NextCommands,
    ) -> Self {
        let screen = Screen::new(Box::new(out), size_of);
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        // The template is right: without it the rows would stand beside a spinner.
        let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let picture = bars.add(ProgressBar::new_spinner().with_style(style));
        Self {
            view: View::new(),
            look,
            verbosity,
            next,
            screen,
            bars,
            picture,
            drawn_at: None,
            above: Vec::new(),
            is_finished: false,
        }
    }

    fn draw_if_due(&mut self) -> io::Result<()> {
        let now = self.view.elapsed;
        let is_due = self.drawn_at.is_none_or(|at| now.saturating_sub(at) >= REDRAW_EVERY);
        if is_due || self.above.len() >= MAX_HELD { self.draw() } else { Ok(()) }
    }

    fn draw(&mut self) -> io::Result<()> {
        let canvas = self.canvas();
        self.drawn_at = Some(canvas.now);
        self.picture.set_message(frame(&self.view, canvas).join("\n"));
        if !self.above.is_empty() {
            let above = String::from_utf8_lossy(&self.above);
            self.bars.println(above.trim_end_matches('\n'))?;
            self.above.clear();
        }
        self.screen.check()
    }

    fn canvas(&self) -> Canvas {
        let now = self.view.elapsed;
        Canvas {
            look: self.look,
            size: self.screen.measure(),
            now,
            turn: usize::try_from(now.as_millis() / REDRAW_EVERY.as_millis()).unwrap_or(0),
        }
    }

    /// The failure in short: all of it comes with the summary, where it is not scrolled away.
    fn announce(&mut self, finished: &StepFinished) -> io::Result<()> {
        let (Outcome::Failed, Some(failure)) = (finished.outcome, &finished.failure) else {
            return Ok(());
        };
        let label = self.view.step(&finished.step).map(super::row::StepRow::label);
        let around = Around { subject: label.as_deref(), log: None, max_details: 0, hints: false };
        write_failure(&mut self.above, self.look, failure, around)
    }
}

impl Reporter for Tty {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        self.view.apply(event);
        match &event.kind {
            EventKind::RunStarted(started) => {
                for warning in &started.warnings {
                    let heading = self.look.paint(WARN, "warning:");
                    writeln!(self.above, "{heading} {}", text::plain(warning))?;
                }
            }
            EventKind::StepFinished(finished) => self.announce(finished)?,
            EventKind::StepLine { step, line } if self.verbosity == Verbosity::Verbose => {
                let gutter = self.look.paint(DIM, &format!("{step} {}", self.look.gutter().trim_end()));
                writeln!(self.above, "{gutter} {}", self.look.foreign(line))?;
            }
            // The answer to Ctrl-C comes at once.
            EventKind::RunInterrupted { .. } => return self.draw(),
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
        self.picture.finish_and_clear();
        self.screen.check()?;
        let mut text = std::mem::take(&mut self.above);
        if self.view.run.is_some() {
            for line in last_frame(&self.view, self.canvas()) {
                writeln!(text, "{line}")?;
            }
            writeln!(text)?;
            write_summary(&mut text, self.look, &self.view, Failures::Full, &self.next)?;
        }
        self.screen.write_plain(&text)?;
        self.screen.leave()
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        if !self.is_finished {
            // A terminal that can't be written to shows nothing anyway.
            let _nowhere_to_say_it = self.screen.leave();
        }
    }
}
