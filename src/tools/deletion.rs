//! [`Deletion`]: the one decision whether something that is not a private file of ours may be deleted.
//!
//! The rule, for every action: the thing itself has to show that this pipeline made it **and** that nobody's data is in
//! it; the user's consent (`--yes`, or `ephemeral = true` for a cluster) can stand in for the second proof, and for
//! both where the subject allows it. What is in use is never deleted. A file in the state folder is never proof: it
//! says what we intended, not what became of a thing that others can reach. docs/reliability.md lists every subject.

use crate::error::{Failure, ids};

/// The reason of every removal by `down`.
pub const TAKEN_DOWN: &str = "what the pipeline has made is taken down";

/// What a check of the thing itself has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It holds.
    Shown,
    /// It does not hold, or it could not be established; says why.
    Lacking(String),
}

/// Whether the user has agreed to the loss of data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consent {
    /// Nothing was said.
    #[default]
    None,
    /// `--yes`, or a setting that declares the thing disposable.
    Given,
}

impl Consent {
    /// `Given` if `given`.
    pub fn from_flag(given: bool) -> Self {
        if given { Self::Given } else { Self::None }
    }

    /// Returns `Given` if either is.
    pub fn or(self, other: Self) -> Self {
        if self == Self::Given { self } else { other }
    }
}

/// Something that is about to be deleted, with what it shows about itself.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// The thing, as a message names it: "the cluster `todo`".
    pub subject: String,
    /// Why it has to go: "its first start was killed".
    pub reason: String,
    /// Whether the thing itself shows that this pipeline made it.
    pub ours: Proof,
    /// Whether a check of its content shows that nothing of value is in it.
    pub empty: Proof,
    /// Why it is in use right now, if it is.
    pub in_use: Option<String>,
    /// Whether consent also stands in for the proof that it is ours.
    pub consent_covers_ownership: bool,
    /// The command with which a person deletes it.
    pub by_hand: String,
}

impl Deletion {
    /// Returns `Ok` if it may be deleted; otherwise a failure that names what is missing and the commands that help.
    pub fn permit(&self, consent: Consent) -> Result<(), Failure> {
        let consented = consent == Consent::Given;
        let mut obstacles = Vec::new();
        if let Some(how) = &self.in_use {
            obstacles.push(format!("it is in use: {how}"));
        }
        if let Proof::Lacking(why) = &self.ours
            && !(consented && self.consent_covers_ownership)
        {
            obstacles.push(format!("it is not proven to be ours: {why}"));
        }
        let data_at_risk = match &self.empty {
            Proof::Lacking(why) if !consented => Some(why),
            _ => None,
        };
        if let Some(why) = data_at_risk {
            obstacles.push(format!("it is not proven to be empty: {why}"));
        }
        if obstacles.is_empty() {
            return Ok(());
        }
        let failure = Failure::of(
            ids::DELETION_REFUSED,
            format!("{} has to be deleted ({}), and is not", self.subject, self.reason),
        );
        let mut failure = obstacles.into_iter().fold(failure, Failure::cause);
        if self.consent_helps() {
            failure = failure.hint("if its data may be lost, run the same command with `--yes`");
        }
        let is_ours_alone = self.ours == Proof::Shown && self.in_use.is_none();
        let unless_needed = if is_ours_alone { "" } else { "if nobody needs it, " };
        Err(failure.hint(format!("{unless_needed}delete it by hand, with all data in it: `{}`", self.by_hand)))
    }

    /// Whether consent would be enough.
    fn consent_helps(&self) -> bool {
        self.in_use.is_none() && (self.ours == Proof::Shown || self.consent_covers_ownership)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacking() -> Proof {
        Proof::Lacking("no label".into())
    }

    fn deletion(ours: Proof, empty: Proof) -> Deletion {
        Deletion {
            subject: "the cluster `x`".into(),
            reason: "its first start was killed".into(),
            ours,
            empty,
            in_use: None,
            consent_covers_ownership: false,
            by_hand: "minikube delete -p x".into(),
        }
    }

    #[test]
    fn deletion_needs_both_proofs_or_consent() {
        use Consent::{Given, None as Silent};
        let cases = [
            (Proof::Shown, Proof::Shown, Silent, true),
            (Proof::Shown, Proof::Shown, Given, true),
            (Proof::Shown, lacking(), Silent, false),
            (Proof::Shown, lacking(), Given, true),
            (lacking(), Proof::Shown, Silent, false),
            (lacking(), Proof::Shown, Given, false),
            (lacking(), lacking(), Silent, false),
            (lacking(), lacking(), Given, false),
        ];
        for (ours, empty, consent, permitted) in cases {
            let subject = deletion(ours, empty);
            assert_eq!(subject.permit(consent).is_ok(), permitted, "{subject:?} {consent:?}");
        }
    }

    #[test]
    fn consent_covers_ownership_only_where_the_subject_says_so() {
        let release = Deletion { consent_covers_ownership: true, ..deletion(lacking(), lacking()) };
        assert!(release.permit(Consent::None).is_err());
        assert!(release.permit(Consent::Given).is_ok());
    }

    #[test]
    fn what_is_in_use_is_never_deleted() {
        let used = Deletion { in_use: Some("it runs".into()), ..deletion(Proof::Shown, Proof::Shown) };
        for consent in [Consent::None, Consent::Given] {
            let failure = used.permit(consent).unwrap_err();
            assert_eq!(failure.causes, ["it is in use: it runs"]);
            assert_eq!(
                failure.hints,
                ["if nobody needs it, delete it by hand, with all data in it: `minikube delete -p x`"]
            );
        }
    }

    #[test]
    fn a_refusal_names_every_missing_proof_and_what_helps() {
        let failure = deletion(Proof::Shown, Proof::Lacking("namespace `shop`".into())).permit(Consent::None);
        let failure = failure.unwrap_err();
        assert_eq!(failure.message, "the cluster `x` has to be deleted (its first start was killed), and is not");
        assert_eq!(failure.causes, ["it is not proven to be empty: namespace `shop`"]);
        assert_eq!(failure.hints[0], "if its data may be lost, run the same command with `--yes`");
        assert_eq!(failure.hints[1], "delete it by hand, with all data in it: `minikube delete -p x`");
    }
}
