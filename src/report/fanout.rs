//! [`Fanout`]: several reporters as one, and [`drive`], which feeds it with the events of a run.

use std::io;
use std::time::{Duration, Instant};

use super::reporter::Reporter;
use crate::event::{Event, Events};

/// Interval in which reporters may redraw: about twelve times a second.
const TICK_INTERVAL: Duration = Duration::from_millis(80);

/// Delay between the end of a burst of events and waiting for the next one. Waiting costs the run a wake-up for each
/// event: of a thousand steps with nothing to do a quarter of the time.
const BURST_INTERVAL: Duration = Duration::from_millis(1);

/// Several reporters as one that never fails.
#[derive(Default)]
pub(crate) struct Fanout {
    reporters: Vec<(String, Box<dyn Reporter + Send>)>,
    detached: Vec<Detached>,
}

/// A reporter that could not write and was detached.
#[derive(Debug)]
pub(crate) struct Detached {
    /// What it writes to.
    pub(crate) name: String,
    /// Why it could not write.
    pub(crate) error: io::Error,
}

impl Fanout {
    /// Creates it without reporters.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a reporter; `name` says what it writes to, for messages.
    pub(crate) fn with(mut self, name: impl Into<String>, reporter: impl Reporter + Send + 'static) -> Self {
        self.reporters.push((name.into(), Box::new(reporter)));
        self
    }

    /// Returns the reporters that were detached because of an error. A reader that closed its pipe (`head`) is no
    /// error.
    pub(crate) fn detached(&self) -> &[Detached] {
        &self.detached
    }

    /// Passes an event to all.
    pub(crate) fn on_event(&mut self, event: &Event) {
        self.each(|reporter| reporter.on_event(event));
    }

    /// Lets all redraw.
    pub(crate) fn tick(&mut self, elapsed: Duration) {
        self.each(|reporter| reporter.tick(elapsed));
    }

    /// Finishes all.
    pub(crate) fn finish(&mut self) {
        self.each(|reporter| reporter.finish());
    }

    fn each(&mut self, mut call: impl FnMut(&mut (dyn Reporter + Send)) -> io::Result<()>) {
        let detached = &mut self.detached;
        self.reporters.retain_mut(|(name, reporter)| match call(reporter.as_mut()) {
            Ok(()) => true,
            Err(error) => {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    detached.push(Detached { name: std::mem::take(name), error });
                }
                false
            }
        });
    }
}

/// Passes every event to `reporters` until the run's end of the channel is closed. Returns the reporters:
/// [`Fanout::detached`] has those that failed.
///
/// Who has closed it may unpark this thread, which then does not wait for the rest of a pause.
#[expect(clippy::needless_pass_by_value, reason = "nobody else may take events from the channel")]
pub(crate) fn drive(events: Events, mut reporters: Fanout) -> Fanout {
    let mut last = (Duration::ZERO, Instant::now());
    let mut ticked = Instant::now();
    let mut is_burst = false;
    while let Ok(event) = if is_burst { events.next_waiting() } else { events.next(TICK_INTERVAL) } {
        let now = Instant::now();
        if let Some(event) = &event {
            last = (event.elapsed, now);
            reporters.on_event(event);
        } else if is_burst {
            std::thread::park_timeout(BURST_INTERVAL);
        }
        is_burst = event.is_some();
        // A step that sends events all the time must not stop the clocks of the others.
        if event.is_none() || now.duration_since(ticked) >= TICK_INTERVAL {
            ticked = now;
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
    use crate::report::choice::Verbosity;
    use crate::report::run::lines::Lines;
    use crate::report::run::summary::NextCommands;
    use crate::report::style::Theme;
    use crate::report::testing::runs;
    use crate::report::testing::script::Broken;

    /// Counts events, and fails at a given one.
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
        let detached: Vec<&str> = reporters.detached().iter().map(|detached| detached.name.as_str()).collect();
        assert_eq!(detached, ["full disk"]);
    }

    #[test]
    fn a_broken_writer_detaches_its_reporter() {
        for (kind, n_detached) in [(io::ErrorKind::StorageFull, 1), (io::ErrorKind::BrokenPipe, 0)] {
            let reporter = Lines::new(Broken(kind), Theme::PLAIN, Verbosity::Normal, NextCommands::default());
            let (sink, events) = event_channel();
            for event in runs::failing() {
                sink.send(event.kind);
            }
            drop(sink);
            assert_eq!(drive(events, Fanout::new().with("lines", reporter)).detached().len(), n_detached);
        }
    }
}
