//! [`Freshness`]: whether a step has to run, with the reason.

use std::fmt;

use jiff::Timestamp;

use crate::model::StepId;

/// Whether a step has to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Its inputs are those of its last success, and the world still has what it made.
    Fresh,
    /// It has to run.
    Stale(StaleReason),
}

/// Why a step has to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StaleReason {
    /// No record of it.
    NeverRun,
    /// It was started and never finished: in doubt.
    Interrupted,
    /// A run that is on has started it, and it has not ended: in doubt as long as it works.
    Running,
    /// `down` has removed a part of what it had made, or nobody knows what: in doubt.
    HalfDown,
    /// It failed the last time.
    FailedLastTime,
    /// `down` has removed what it had made; when, in milliseconds since the Unix epoch.
    TakenDown(i64),
    /// These inputs are not those of its last success.
    InputsChanged(Vec<String>),
    /// These inputs changed while it ran the last time, so its result may be of the old or of the new ones.
    ChangedWhileRunning(Vec<String>),
    /// Nobody can say whether these are what they were at its last success.
    Unknown(Vec<String>),
    /// The texts of these checklist items are not those that it proved, or it did not cover them then.
    ItemsChanged(Vec<String>),
    /// What it made is gone, or has been replaced.
    Missing(String),
    /// It was seen too long ago, and can't be seen again without changing something. Says how long.
    TooOld(String),
    /// It runs every time: a verification is never fresh.
    AlwaysRuns,
    /// The command line says so.
    Forced,
    /// It was proven by its fallback, and can be done by itself now.
    NeedsNoFallback,
    /// This step has to run, and both count only together: an exercise with the others of its chain, or the fallback
    /// that stood in for it.
    AgainWith(StepId),
    /// A forecast only: it depends on what this step will have made.
    DependsOn(StepId),
}

impl StaleReason {
    /// A word for programs: it never changes.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NeverRun => "never-ran",
            Self::Interrupted | Self::HalfDown => "interrupted",
            Self::Running => "running",
            Self::FailedLastTime => "failed",
            Self::TakenDown(_) => "taken-down",
            Self::InputsChanged(_) => "inputs-changed",
            Self::ChangedWhileRunning(_) => "changed-while-running",
            Self::Unknown(_) => "unknown-inputs",
            Self::ItemsChanged(_) => "items-changed",
            Self::Missing(_) => "result-missing",
            Self::TooOld(_) => "too-old",
            Self::AlwaysRuns => "always-runs",
            Self::Forced => "forced",
            Self::NeedsNoFallback => "needs-no-fallback",
            Self::AgainWith(_) => "again-with",
            Self::DependsOn(_) => "depends-on",
        }
    }

    /// The inputs, items or steps that it names.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::InputsChanged(names)
            | Self::ChangedWhileRunning(names)
            | Self::Unknown(names)
            | Self::ItemsChanged(names) => names.iter().map(String::as_str).collect(),
            Self::AgainWith(step) | Self::DependsOn(step) => vec![step.as_str()],
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for StaleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverRun => f.write_str("never run"),
            Self::Interrupted => f.write_str("interrupted the last time"),
            Self::Running => f.write_str("is being run right now"),
            Self::HalfDown => f.write_str("was being taken down"),
            Self::FailedLastTime => f.write_str("failed the last time"),
            Self::TakenDown(ms) => match Timestamp::from_millisecond(*ms) {
                Ok(at) => write!(f, "taken down at {at:.0}"),
                // Out of range: a damaged record must still be shown.
                Err(_) => f.write_str("taken down"),
            },
            Self::InputsChanged(labels) => write!(f, "changed: {}", labels.join(", ")),
            Self::ChangedWhileRunning(labels) => write!(f, "changed while it ran: {}", labels.join(", ")),
            Self::Unknown(what) => write!(f, "can't be compared: {}", what.join(", ")),
            Self::ItemsChanged(items) => write!(f, "changed: the text of {}", items.join(", ")),
            Self::Missing(what) => f.write_str(what),
            Self::TooOld(when) => write!(f, "seen {when}"),
            Self::AlwaysRuns => f.write_str("runs every time"),
            Self::Forced => f.write_str("forced"),
            Self::NeedsNoFallback => f.write_str("its fallback is not needed any more"),
            Self::AgainWith(step) => write!(f, "again, together with {step}"),
            Self::DependsOn(step) => write!(f, "depends on {step}"),
        }
    }
}
