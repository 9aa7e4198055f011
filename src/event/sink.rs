//! The channel between a run and its reporters.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::{Event, EventKind};

/// How many droppable events may wait before further ones are dropped: a second's worth for a terminal, and little
/// memory.
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

/// Makes a channel; the clock of the run starts here.
pub fn event_channel() -> (EventSink, Events) {
    let (sender, receiver) = channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let sink = EventSink { started: Instant::now(), sender, waiting: Arc::clone(&waiting) };
    (sink, Events { receiver, waiting })
}

impl EventSink {
    /// Sends an event. Lifecycle events always arrive, as long as somebody listens: their number is bounded by the
    /// number of steps. Droppable ones are dropped while too many wait.
    pub fn send(&self, kind: EventKind) {
        if kind.may_drop() {
            if !self.has_room() {
                return;
            }
            self.waiting.fetch_add(1, Ordering::Relaxed);
        }
        // Nobody listening is not the run's concern.
        drop(self.sender.send(Event { elapsed: self.started.elapsed(), kind }));
    }

    /// Whether a droppable event would be taken now: where there are very many, it saves making them.
    pub fn has_room(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < MAX_WAITING
    }

    /// Since the run began.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Events {
    /// The next event; `Ok(None)` when none came within `timeout`; `Err(())` when the run is over.
    #[expect(clippy::result_unit_err, reason = "there is nothing to say about the end")]
    pub fn next(&self, timeout: Duration) -> Result<Option<Event>, ()> {
        match self.receiver.recv_timeout(timeout) {
            Ok(event) => {
                if event.kind.may_drop() {
                    self.waiting.fetch_sub(1, Ordering::Relaxed);
                }
                Ok(Some(event))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{StageId, StepId};

    #[test]
    fn a_flood_of_lines_never_costs_a_lifecycle_event() {
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
