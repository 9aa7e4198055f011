//! The types of a profile: the Trace Event Format.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

/// An event of a profile.
#[derive(Debug, Serialize)]
pub(super) struct TraceEvent {
    pub(super) name: String,
    /// `X`: something with a duration; `i`: a moment; `M`: the name of a group or of a track.
    pub(super) ph: &'static str,
    /// The group.
    pub(super) pid: u32,
    /// The track in it.
    pub(super) tid: u32,
    /// When, in microseconds since the beginning of the run.
    pub(super) ts: u64,
    /// How long, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dur: Option<u64>,
    /// What a moment is about: `g`, everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) s: Option<&'static str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) args: Map<String, Value>,
}

impl TraceEvent {
    /// Something that took from one time to another.
    pub(super) fn slice(
        name: String,
        (pid, tid): (u32, u32),
        from: Duration,
        to: Duration,
        args: Map<String, Value>,
    ) -> Self {
        let (ts, end) = (micros(from), micros(to));
        Self { name, ph: "X", pid, tid, ts, dur: Some(end.saturating_sub(ts)), s: None, args }
    }

    /// Something of the whole run that has no duration.
    pub(super) fn moment(name: String, at: Duration) -> Self {
        Self { name, ph: "i", pid: 1, tid: 1, ts: micros(at), dur: None, s: Some("g"), args: Map::new() }
    }

    /// What a group (`process_name`) or a track (`thread_name`) is called.
    pub(super) fn label(kind: &str, pid: u32, tid: u32, label: &str) -> Self {
        let args = Map::from_iter([("name".to_owned(), Value::from(label))]);
        Self { name: kind.to_owned(), ph: "M", pid, tid, ts: 0, dur: None, s: None, args }
    }

    /// The place of a group among the others.
    pub(super) fn place(pid: u32) -> Self {
        let args = Map::from_iter([("sort_index".to_owned(), Value::from(pid))]);
        Self { name: "process_sort_index".to_owned(), ph: "M", pid, tid: 0, ts: 0, dur: None, s: None, args }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
