//! A step's states, the one function that moves between them, its outcome and its output.

use std::collections::BTreeMap;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It ran in this run, and a probe confirmed it.
    Succeeded,
    /// It did not have to run: its inputs are unchanged, and the probe still finds its result.
    Fresh,
    /// It failed; its declared fallback proved the same.
    Fallback,
    /// It ran or was checked, and it failed.
    Failed,
    /// A signal stopped it.
    Interrupted,
    /// Something it needs did not succeed, or nobody was there to answer its question, so it was never started.
    Blocked,
    /// Its `when` says that it does not apply here.
    Skipped,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 7] =
        [Self::Succeeded, Self::Fresh, Self::Fallback, Self::Failed, Self::Interrupted, Self::Blocked, Self::Skipped];

    /// The word used in the journal, in JSON and in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Fresh => "fresh",
            Self::Fallback => "fallback",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Blocked => "blocked",
            Self::Skipped => "skipped",
        }
    }

    /// The outcome that [`Outcome::word`] names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == word)
    }

    /// Returns the one of both that says more about a stage.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let rank = |outcome: Self| match outcome {
            Self::Fresh | Self::Skipped => 0,
            Self::Succeeded => 1,
            Self::Fallback => 2,
            Self::Blocked => 3,
            Self::Interrupted => 4,
            Self::Failed => 5,
        };
        if rank(other) > rank(self) { other } else { self }
    }

    /// Whether what the step stands for is confirmed.
    pub fn is_proof(self) -> bool {
        matches!(self, Self::Succeeded | Self::Fresh)
    }
}

/// Where a step is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StepState {
    /// Not checked yet: something it needs is unfinished, or there is no free slot.
    #[default]
    Waiting,
    /// Its inputs are being compared and the world is being probed.
    Checking,
    /// Its intent is in the journal and its action runs.
    Running,
    /// It ended.
    Finished(Outcome),
}

/// What can happen to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its needs are done; its inputs are compared and the world is probed.
    Check,
    /// Its intent is durable; the action begins (again, for a further attempt).
    Start,
    /// It ended.
    Finish(Outcome),
}

impl StepState {
    /// Returns the state after `change`, or `None` where that can't happen. The only transition function: execution
    /// uses it, and so does the fold of the journal's records, so that neither believes in an impossible life.
    pub fn advance(self, change: Change) -> Option<Self> {
        match (self, change) {
            (Self::Waiting, Change::Check) => Some(Self::Checking),
            // Some steps have nothing to check first.
            (Self::Waiting | Self::Checking | Self::Running, Change::Start) => Some(Self::Running),
            (
                Self::Waiting,
                Change::Finish(outcome @ (Outcome::Fresh | Outcome::Blocked | Outcome::Skipped | Outcome::Interrupted)),
            )
            | (
                Self::Checking,
                Change::Finish(
                    outcome @ (Outcome::Fresh
                    | Outcome::Fallback
                    | Outcome::Failed
                    | Outcome::Interrupted
                    | Outcome::Blocked
                    | Outcome::Skipped),
                ),
            )
            | (
                Self::Running,
                Change::Finish(
                    outcome @ (Outcome::Succeeded | Outcome::Failed | Outcome::Interrupted | Outcome::Fallback),
                ),
            ) => Some(Self::Finished(outcome)),
            _ => None,
        }
    }
}

/// Facts that a step has for others, by name: an image id, a release's revision. Small, never secret, kept in the
/// journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output(BTreeMap<String, String>);

impl Output {
    /// The fact with what the step's programs warned of; any step may have it.
    pub const WARNINGS: &'static str = "warnings";

    /// No facts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fact.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// The fact `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All facts for a reader, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter(|(name, _)| !name.starts_with('.'))
    }

    /// All facts, by name, with those that only the next check of the step needs: their names begin with a dot.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, String)> for Output {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(facts: I) -> Self {
        Self(facts.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_both_ways() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_word(outcome.word()), Some(outcome));
        }
        assert_eq!(Outcome::from_word("ok"), None);
    }

    #[test]
    fn nothing_follows_the_end_and_success_needs_a_run() {
        for outcome in Outcome::ALL {
            let finished = StepState::Finished(outcome);
            assert_eq!(finished.advance(Change::Check), None);
            assert_eq!(finished.advance(Change::Start), None);
            for next in Outcome::ALL {
                assert_eq!(finished.advance(Change::Finish(next)), None);
            }
        }
        assert_eq!(StepState::Waiting.advance(Change::Finish(Outcome::Succeeded)), None);
        assert_eq!(StepState::Checking.advance(Change::Finish(Outcome::Succeeded)), None);
        assert_eq!(StepState::Running.advance(Change::Finish(Outcome::Fresh)), None);
    }
}
