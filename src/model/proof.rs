//! [`ProofKind`]: what can be seen of a step's success later on.

/// What can be seen of an action's success later on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofKind {
    /// A probe shows at any time whether the result is still there.
    Probe,
    /// The action only verifies, and a probe verifies the same once: there is nothing to confirm after the run.
    Check,
    /// It was seen when the step ran. To see it again would change something, as a request by POST does.
    Seen,
    /// A person said so when the step ran.
    Confirmed,
    /// It shows only that the step ran.
    Ran,
}

impl ProofKind {
    /// Whether a probe can see it at any time.
    pub fn is_visible(self) -> bool {
        matches!(self, Self::Probe | Self::Check)
    }

    /// Returns the word used in reports for where the evidence is from: a probe of this moment, or the run.
    pub fn word(self) -> &'static str {
        match self {
            Self::Probe | Self::Check => "probed",
            Self::Seen => "seen",
            Self::Confirmed => "confirmed",
            Self::Ran => "ran",
        }
    }

    /// Returns the kind that [`ProofKind::word`] names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Probe, Self::Seen, Self::Confirmed, Self::Ran].into_iter().find(|kind| kind.word() == word)
    }
}
