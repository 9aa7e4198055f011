//! What a terminal shows of a run besides its text: progress in the taskbar or the tab, and a bell at the end.

use std::io::{self, Write};
use std::time::Duration;

use crate::event::{Event, EventKind};
use crate::report::reporter::Reporter;
use crate::report::run::view::View;

/// Shows progress by the sequence `OSC 9 ; 4`, which takes no room on the screen.
#[derive(Debug)]
pub(crate) struct TaskbarProgress<W: Write> {
    out: W,
    view: View,
    /// What the terminal shows now.
    shown: Option<Progress>,
}

/// A state of the progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    state: State,
    percent: usize,
}

/// How the terminal colours it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Normal = 1,
    Failed = 2,
    /// Somebody is asked, or the run is being stopped.
    Paused = 4,
}

impl<W: Write> TaskbarProgress<W> {
    /// Creates a reporter that writes to the terminal `out`.
    pub(crate) fn new(out: W) -> Self {
        Self { out, view: View::new(), shown: None }
    }

    fn now(&self) -> Progress {
        let counts = &self.view.counts;
        let state = if self.view.asking.is_some() || self.view.interrupted.is_some() {
            State::Paused
        } else if self.view.failures().any(|row| !row.is_optional) {
            State::Failed
        } else {
            State::Normal
        };
        Progress { state, percent: counts.ended() * 100 / counts.total.max(1) }
    }

    fn clear(&mut self) -> io::Result<()> {
        if self.shown.take().is_none() {
            return Ok(());
        }
        self.out.write_all(b"\x1b]9;4;0;0\x1b\\")?;
        self.out.flush()
    }
}

impl<W: Write> Reporter for TaskbarProgress<W> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        self.view.apply(event);
        // Most events are lines of output.
        if matches!(event.kind, EventKind::StepLine { .. } | EventKind::StepProgress { .. }) {
            return Ok(());
        }
        let now = self.now();
        if self.shown == Some(now) {
            return Ok(());
        }
        write!(self.out, "\x1b]9;4;{};{}\x1b\\", now.state as u8, now.percent)?;
        self.shown = Some(now);
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.clear()
    }
}

/// Also when showing the run has ended by an error: the terminal would show it for ever.
impl<W: Write> Drop for TaskbarProgress<W> {
    fn drop(&mut self) {
        // There is nobody left to report it to.
        drop(self.clear());
    }
}

/// Rings the terminal's bell at the end of a run that has taken a while.
#[derive(Debug)]
pub(crate) struct Bell<W> {
    out: W,
    /// The shortest run that it rings for.
    after: Duration,
    elapsed: Duration,
}

impl<W: Write> Bell<W> {
    /// Creates a reporter that writes to the terminal `out` once a run was at least this long.
    pub(crate) fn new(out: W, after: Duration) -> Self {
        Self { out, after, elapsed: Duration::ZERO }
    }
}

impl<W: Write> Reporter for Bell<W> {
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        self.elapsed = self.elapsed.max(event.elapsed);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.elapsed < self.after {
            return Ok(());
        }
        self.out.write_all(b"\x07")?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::runs::{failing, interrupted, succeeding};
    use crate::report::testing::script::{Shared, written};

    const CLEARED: &str = "\x1b]9;4;0;0\x1b\\";

    /// What is written, with the escape characters left out.
    fn progress(events: &[Event]) -> String {
        written(events, TaskbarProgress::new).replace("\x1b\\", " ").replace("\x1b]9;4;", "")
    }

    #[test]
    fn progress_follows_the_steps_and_ends_with_the_run() {
        assert_eq!(progress(&succeeding()), "1;0 1;50 1;100 0;0 ");
        assert_eq!(progress(&failing()), "1;0 1;16 1;33 1;50 2;66 2;83 2;100 0;0 ");
        assert_eq!(progress(&interrupted()), "1;0 1;25 4;25 4;50 4;75 4;100 0;0 ");
        assert_eq!(progress(&[]), "");
    }

    #[test]
    fn progress_is_taken_back_also_when_nobody_finishes_it() {
        let out = Shared::default();
        let mut reporter = TaskbarProgress::new(out.clone());
        for event in &succeeding()[..4] {
            reporter.on_event(event).unwrap();
        }
        assert!(!out.text().ends_with(CLEARED));
        drop(reporter);
        assert!(out.text().ends_with(CLEARED), "{:?}", out.text());
    }

    #[test]
    fn the_bell_rings_once_and_only_for_a_long_run() {
        let bell = |after| written(&failing(), |out| Bell::new(out, Duration::from_secs(after)));
        assert_eq!([bell(0), bell(60), bell(3600)], ["\x07", "\x07", ""]);
    }
}
