//! The environments of this machine, for people and for programs.

mod json;
mod text;

use std::path::PathBuf;

pub(crate) use json::write_environments_json;
pub(crate) use text::write_environments;

/// All that is on record.
#[derive(Debug)]
pub(crate) struct Environments {
    /// By name.
    pub(crate) all: Vec<ListedEnvironment>,
    /// Records that can't be read.
    pub(crate) unreadable: Vec<PathBuf>,
}

/// What a pipeline has deployed from one checkout.
#[derive(Clone, Debug)]
pub(crate) struct ListedEnvironment {
    pub(crate) name: String,
    pub(crate) pipeline: String,
    /// The pipeline's file.
    pub(crate) file: PathBuf,
    /// Whether that is still there.
    pub(crate) exists: bool,
    pub(crate) profile: Option<String>,
    pub(crate) cluster: Option<EnvironmentCluster>,
    pub(crate) state: EnvironmentState,
    /// The last run that did something.
    pub(crate) run: Option<EnvironmentRun>,
    /// When it was taken down, in milliseconds since the Unix epoch.
    pub(crate) down_ms: Option<i64>,
}

/// A cluster.
#[derive(Clone, Debug)]
pub(crate) struct EnvironmentCluster {
    pub(crate) name: String,
    pub(crate) context: String,
    pub(crate) provider: String,
}

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct EnvironmentRun {
    pub(crate) id: String,
    pub(crate) command: String,
    /// How it ended; `None` until it does, or if it was killed.
    pub(crate) outcome: Option<String>,
    pub(crate) finished_ms: Option<i64>,
}

/// What was last known of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnvironmentState {
    /// A command is at work in its checkout.
    Busy,
    /// The last run succeeded.
    Up,
    /// The last run failed.
    Failed,
    /// The last run was stopped or killed.
    Interrupted,
    /// It was taken down; its cluster may still be there.
    Down,
}

impl EnvironmentState {
    /// The word used in text and in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Up => "up",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Down => "down",
        }
    }
}
