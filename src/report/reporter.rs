//! [`Reporter`]: shows a run as its events arrive.

use std::io;
use std::time::Duration;

use crate::event::Event;

/// Shows a run to someone.
pub(crate) trait Reporter {
    /// Shows an event.
    fn on_event(&mut self, event: &Event) -> io::Result<()>;

    /// Called between events, and at least every tenth of a second; the run is `elapsed` old.
    #[expect(unused_variables, reason = "most reporters only write events")]
    fn tick(&mut self, elapsed: Duration) -> io::Result<()> {
        Ok(())
    }

    /// Called after the last event: writes everything that is still pending, and restores the terminal.
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
