//! [`FailureKind`]: what determines the exit code.

/// The kind of a failure, for scripts: it determines the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// A step failed, or a check did not find what it expects.
    Failed,
    /// The command line is invalid.
    Usage,
    /// `pipeline.toml` or a file that it names is invalid.
    Config,
    /// Something the pipeline needs on this machine is missing or too old.
    Prerequisite,
    /// `.provision` is locked by another run, or can't be read or written.
    State,
    /// Refused: the cluster or daemon is not the one that this pipeline may touch, or the user does not trust the
    /// pipeline.
    Target,
    /// Stopped by a signal: SIGINT.
    Interrupted,
    /// Stopped by a signal: SIGTERM or SIGHUP.
    Terminated,
    /// An internal error.
    Bug,
}

impl FailureKind {
    /// Returns the exit code of the process.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage | Self::Config => 2,
            Self::Prerequisite => 3,
            Self::State => 4,
            Self::Target => 5,
            Self::Bug => 70,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        let codes = [
            (FailureKind::Failed, 1),
            (FailureKind::Usage, 2),
            (FailureKind::Config, 2),
            (FailureKind::Prerequisite, 3),
            (FailureKind::State, 4),
            (FailureKind::Target, 5),
            (FailureKind::Bug, 70),
            (FailureKind::Interrupted, 130),
            (FailureKind::Terminated, 143),
        ];
        for (kind, code) in codes {
            assert_eq!(kind.exit_code(), code, "{kind:?}");
        }
    }
}
