//! The channel between a run and its reporters.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use super::{Event, EventKind};

/// Maximum number of waiting droppable events; further ones are dropped. Enough for a second on a terminal.
const MAX_WAITING: usize = 256;

/// The run's end of the channel. Cheap to clone; never blocks.
#[derive(Clone, Debug)]
pub struct EventSink {
    started: Instant,
    sender: Sender<Event>,
    waiting: Arc<AtomicUsize>,
}

/// The reporters' end of the channel.
#[derive(Debug)]
pub struct Events {
    receiver: Receiver<Event>,
    waiting: Arc<AtomicUsize>,
}

/// Creates a channel. The clock of the run starts here.
pub fn event_channel() -> (EventSink, Events) {
    let (sender, receiver) = channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let sink = EventSink { started: Instant::now(), sender, waiting: Arc::clone(&waiting) };
    (sink, Events { receiver, waiting })
}

impl EventSink {
    /// Sends an event. Lifecycle events always arrive: their number is bounded by the number of steps. Droppable events
    /// are dropped while too many wait.
    pub fn send(&self, kind: EventKind) {
        if kind.may_drop() {
            if !self.has_room() {
                return;
            }
            self.waiting.fetch_add(1, Ordering::Relaxed);
        }
        // A run continues without reporters.
        drop(self.sender.send(Event { elapsed: self.started.elapsed(), kind }));
    }

    /// Returns whether a droppable event would be sent now, so that others need not be created.
    pub fn has_room(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < MAX_WAITING
    }

    /// Returns the time since the start of the run.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Events {
    /// Returns the next event; `Ok(None)` if there is none within `timeout`; `Err(())` when the run is over.
    #[expect(clippy::result_unit_err, reason = "the end of a run is no error")]
    pub fn next(&self, timeout: Duration) -> Result<Option<Event>, ()> {
        match self.receiver.recv_timeout(timeout) {
            Ok(event) => Ok(Some(self.taken(event))),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(()),
        }
    }

    /// Returns the next event if there is one already; `Ok(None)` if not; `Err(())` when the run is over.
    #[expect(clippy::result_unit_err, reason = "the end of a run is no error")]
    pub fn next_waiting(&self) -> Result<Option<Event>, ()> {
        match self.receiver.try_recv() {
            Ok(event) => Ok(Some(self.taken(event))),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(()),
        }
    }

    fn taken(&self, event: Event) -> Event {
        if event.kind.may_drop() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{StageId, StepId};

    #[test]
    fn a_flood_of_lines_never_drops_a_lifecycle_event() {
        let (sink, events) = event_channel();
        let step = StepId::new("a.b").unwrap();
        let stage = StageId::new("a").unwrap();
        for n in 0..10_000 {
            sink.send(EventKind::StepLine { step: step.clone(), line: n.to_string() });
        }
        sink.send(EventKind::StageStarted { stage });
        drop(sink);
        let (mut lines, mut lifecycle) = (0, 0);
        while let Ok(Some(event)) = events.next(Duration::ZERO) {
            if event.kind.may_drop() {
                lines += 1;
            } else {
                lifecycle += 1;
            }
        }
        assert_eq!((lines, lifecycle), (MAX_WAITING, 1));
    }
}
