//! [`Group`]: what happened, on as few tracks as there are things at once.

use std::time::Duration;

use serde_json::{Map, Value};

use super::wire::TraceEvent;

/// Something that took time, with what it consists of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slice {
    pub(super) name: String,
    pub(super) from: Duration,
    pub(super) to: Duration,
    pub(super) args: Map<String, Value>,
    /// Its parts: they lie within it.
    pub(super) inner: Vec<Slice>,
}

impl Slice {
    pub(super) fn new(name: String, from: Duration, to: Duration) -> Self {
        Self { name, from, to: to.max(from), args: Map::new(), inner: Vec::new() }
    }

    fn events(mut self, place: (u32, u32), events: &mut Vec<TraceEvent>) {
        // A part may lie within another one, which comes first then.
        self.inner.sort_by_key(|inner| (inner.from, std::cmp::Reverse(inner.to)));
        events.push(TraceEvent::slice(self.name, place, self.from, self.to, self.args));
        for inner in self.inner {
            inner.events(place, events);
        }
    }
}

/// Tracks that are shown together.
#[derive(Debug)]
pub(super) struct Group {
    pid: u32,
    name: &'static str,
    slices: Vec<Slice>,
}

impl Group {
    pub(super) fn new(pid: u32, name: &'static str, mut slices: Vec<Slice>) -> Self {
        slices.sort_by_key(|slice| (slice.from, slice.to));
        Self { pid, name, slices }
    }

    /// Returns its events. A slice is on the first track that is free by then: slices of one track never overlap.
    pub(super) fn events(self) -> Vec<TraceEvent> {
        if self.slices.is_empty() {
            return Vec::new();
        }
        let mut events = vec![TraceEvent::label("process_name", self.pid, 0, self.name), TraceEvent::place(self.pid)];
        let mut free_at: Vec<Duration> = Vec::new();
        for slice in self.slices {
            let track = free_at.iter().position(|free| *free <= slice.from).unwrap_or(free_at.len());
            let tid = u32::try_from(track + 1).unwrap_or(u32::MAX);
            if track == free_at.len() {
                free_at.push(slice.to);
                events.push(TraceEvent::label("thread_name", self.pid, tid, &format!("{} {tid}", self.name)));
            } else {
                free_at[track] = slice.to;
            }
            slice.events((self.pid, tid), &mut events);
        }
        events
    }
}
