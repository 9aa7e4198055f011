//! What people and programs see of a run: everything here is made from events and from plain values.
//!
//! Execution sends events and goes on; [`drive`] takes them to the reporters on a thread of its own. A reporter can't
//! fail a run: one that can't write is detached, and the others go on.

mod checklist;
mod choice;
pub mod failure;
mod github;
mod json;
mod lines;
mod row;
mod status;
pub mod style;
mod summary;
pub mod text;
mod tty;
mod view;
mod why;

#[cfg(test)]
mod runs;
#[cfg(test)]
mod script;

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::event::{Event, Events};

pub use checklist::{is_complete, write_checklist_markdown, write_checklist_text};
pub use choice::{ColorChoice, Environment, Format, OutputChoice};
pub use failure::{Around, write_failure};
pub use github::Github;
pub use json::{Json, write_checklist_json};
pub use lines::{Lines, Verbosity};
pub use row::{Retry, StageRow, StateCounts, StepRow};
pub use status::{LastState, StepForecast, StepStatus, write_forecast, write_status};
pub use style::Look;
pub use summary::{Failures, NextCommands, write_summary};
pub use tty::{Size, SizeOf, Tty};
pub use view::View;
pub use why::{Explanation, InputChange, LastSuccess, write_explanation};

/// How long the loop waits for an event before it lets reporters redraw: about twelve times a second.
const TICK: Duration = Duration::from_millis(80);

/// Shows a run to someone.
pub trait Reporter {
    /// Shows an event. One method for all of them, so that a new kind of event compiles everywhere.
    fn on_event(&mut self, event: &Event) -> io::Result<()>;

    /// Some time went by without an event; the run is `elapsed` old.
    #[expect(unused_variables, reason = "most only write events")]
    fn tick(&mut self, elapsed: Duration) -> io::Result<()> {
        Ok(())
    }

    /// No event comes any more: what is still held back is written, the terminal is as it was found.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<R: Reporter + ?Sized> Reporter for Box<R> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        self.as_mut().on_event(event)
    }

    fn tick(&mut self, elapsed: Duration) -> io::Result<()> {
        self.as_mut().tick(elapsed)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.as_mut().finish()
    }
}

/// The reporter for `format` that writes to `out`. `size_of` is asked for rows in place only, of which `-q` wants none.
pub fn reporter(
    format: Format,
    out: Box<dyn Write + Send>,
    size_of: SizeOf,
    look: Look,
    verbosity: Verbosity,
    next: NextCommands,
) -> Box<dyn Reporter + Send> {
    match format {
        Format::Tty if verbosity > Verbosity::Quiet => Box::new(Tty::new(out, size_of, look, verbosity, next)),
        Format::Tty | Format::Lines => Box::new(Lines::new(out, look, verbosity, next)),
        Format::Json => Box::new(Json::new(out)),
        Format::Github => Box::new(Github::new(out, look, verbosity, next)),
    }
}

/// Any number of reporters as one that never fails.
#[derive(Default)]
pub struct Fanout {
    reporters: Vec<(String, Box<dyn Reporter + Send>)>,
    lost: Vec<Lost>,
}

/// A reporter that could not write and was detached.
#[derive(Debug)]
pub struct Lost {
    /// What it was called when it was added.
    pub name: String,
    /// Why.
    pub error: io::Error,
}

impl Fanout {
    /// No reporters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a reporter; `name` says what it writes to, for a remark about its loss.
    pub fn with(mut self, name: impl Into<String>, reporter: impl Reporter + Send + 'static) -> Self {
        self.reporters.push((name.into(), Box::new(reporter)));
        self
    }

    /// The reporters that were detached and what for. Readers that have gone away (a pipe to `head`) are not among them:
    /// that is theirs to decide.
    pub fn lost(&self) -> &[Lost] {
        &self.lost
    }

    /// Shows an event to all.
    pub fn on_event(&mut self, event: &Event) {
        self.each(|reporter| reporter.on_event(event));
    }

    /// Lets all redraw.
    pub fn tick(&mut self, elapsed: Duration) {
        self.each(|reporter| reporter.tick(elapsed));
    }

    /// Ends all.
    pub fn finish(&mut self) {
        self.each(|reporter| reporter.finish());
    }

    fn each(&mut self, mut call: impl FnMut(&mut (dyn Reporter + Send)) -> io::Result<()>) {
        let lost = &mut self.lost;
        self.reporters.retain_mut(|(name, reporter)| match call(reporter.as_mut()) {
            Ok(()) => true,
            Err(error) => {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    lost.push(Lost { name: std::mem::take(name), error });
                }
                false
            }
        });
    }
}

/// The reporters' side of a run: takes every event to them until the run's end of the channel is gone. Answers the
/// reporters, of which [`Fanout::lost`] is worth a look.
#[expect(clippy::needless_pass_by_value, reason = "nobody else may take events from the channel")]
pub fn drive(events: Events, mut reporters: Fanout) -> Fanout {
    let mut last = (Duration::ZERO, Instant::now());
    let mut ticked = Instant::now();
    while let Ok(event) = events.next(TICK) {
        if let Some(event) = &event {
            last = (event.elapsed, Instant::now());
            reporters.on_event(event);
        }
        // Also when events keep coming: those of one step must not stop the clocks of the others.
        if event.is_none() || ticked.elapsed() >= TICK {
            ticked = Instant::now();
            reporters.tick(last.0 + last.1.elapsed());
        }
    }
    reporters.finish();
    reporters
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::event::event_channel;

    /// Counts events, and fails at the one it is told to.
    struct Counting {
        seen: Arc<Mutex<usize>>,
        fails_at: usize,
        with: io::ErrorKind,
    }

    impl Reporter for Counting {
        fn on_event(&mut self, _: &Event) -> io::Result<()> {
            let mut seen = self.seen.lock().unwrap();
            *seen += 1;
            if *seen == self.fails_at { Err(self.with.into()) } else { Ok(()) }
        }
    }

    #[test]
    fn a_reporter_that_fails_is_detached_once_and_the_others_see_everything() {
        let counts = [(); 3].map(|()| Arc::new(Mutex::new(0)));
        let reporter = |n: usize, fails_at, with| Counting { seen: Arc::clone(&counts[n]), fails_at, with };
        let reporters = Fanout::new()
            .with("full disk", reporter(0, 2, io::ErrorKind::StorageFull))
            .with("closed pipe", reporter(1, 3, io::ErrorKind::BrokenPipe))
            .with("good", reporter(2, 0, io::ErrorKind::Other));
        let (sink, events) = event_channel();
        let script = runs::failing();
        let n_lifecycle = script.iter().filter(|event| !event.kind.may_drop()).count();
        for event in script {
            if !event.kind.may_drop() {
                sink.send(event.kind);
            }
        }
        drop(sink);
        let reporters = drive(events, reporters);
        let seen: Vec<usize> = counts.iter().map(|seen| *seen.lock().unwrap()).collect();
        assert_eq!(seen, [2, 3, n_lifecycle]);
        let lost: Vec<&str> = reporters.lost().iter().map(|lost| lost.name.as_str()).collect();
        assert_eq!(lost, ["full disk"]);
    }

    #[test]
    fn a_broken_writer_detaches_it() {
        for (kind, n_lost) in [(io::ErrorKind::StorageFull, 1), (io::ErrorKind::BrokenPipe, 0)] {
            let reporter = Lines::new(script::Broken(kind), Look::PLAIN, Verbosity::Normal, NextCommands::default());
            let (sink, events) = event_channel();
            for event in runs::failing() {
                sink.send(event.kind);
            }
            drop(sink);
            assert_eq!(drive(events, Fanout::new().with("lines", reporter)).lost().len(), n_lost);
        }
    }
}
