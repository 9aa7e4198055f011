//! [`TemporaryTag`]: the name that an image has while it is built, and the removal of names that killed runs left.

use std::fmt;

use super::super::Docker;
use crate::error::Failure;
use crate::model::RunId;
use crate::tools::deletion::{Consent, Deletion, Proof};
use crate::tools::unique_id;

/// How the tag of every image that is being built begins.
const PREFIX: &str = "building-";

/// The run that something temporary belongs to: distinguishes its names from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The checkout: see [`crate::tools::checkout_id`].
    pub checkout: String,
    /// The run.
    pub run: RunId,
}

impl Owner {
    /// Returns a name that no other call gets and that names the owner.
    pub fn name(&self, prefix: &str) -> String {
        unique_id(&format!("{prefix}{}-{}", self.checkout, self.run))
    }

    /// Returns the owner that a name with this prefix names.
    pub fn of_name(prefix: &str, name: &str) -> Option<Self> {
        let (checkout, rest) = name.strip_prefix(prefix)?.split_once('-')?;
        let (run, number) = rest.rsplit_once('-')?;
        let is_hex = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hex(checkout, 12) || !is_hex(number, 16) {
            return None;
        }
        Some(Self { checkout: checkout.to_owned(), run: RunId::new(run).ok()? })
    }

    /// Whether something of `other` was left by a run of this checkout that is over. `None` if it is none of this
    /// checkout's business: of another checkout, or of this very run.
    pub fn has_left(&self, other: &Self, has_ended: &(dyn Fn(&RunId) -> bool + Sync)) -> Option<Proof> {
        if other.checkout != self.checkout || other.run == self.run {
            return None;
        }
        Some(if has_ended(&other.run) {
            Proof::Shown
        } else {
            Proof::Lacking(format!("this project's journal does not have the run {}", other.run))
        })
    }
}

/// The tag of an image until its build is known to have succeeded: names the checkout and the run that build it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemporaryTag {
    owner: Option<Owner>,
    text: String,
}

impl TemporaryTag {
    /// A tag that no other call gets. Without an owner it is never removed by another run.
    pub fn new(owner: Option<Owner>) -> Self {
        let text = owner.as_ref().map_or_else(|| unique_id("building"), |owner| owner.name(PREFIX));
        Self { owner, text }
    }

    /// Reads a tag back; `None` where it names no owner.
    fn parse(tag: &str) -> Option<Self> {
        Some(Self { owner: Some(Owner::of_name(PREFIX, tag)?), text: tag.to_owned() })
    }
}

impl fmt::Display for TemporaryTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Docker {
    /// Removes the temporary name `name`, which the calling step has given.
    pub async fn remove_temporary(&self, name: &str) -> Result<(), Failure> {
        deletion(name, "its build is over", Proof::Shown).permit(Consent::None)?;
        self.remove_image(name).await
    }

    /// Removes the temporary names that earlier runs of `owner`'s checkout left because they were killed. `has_ended`
    /// returns whether a run is known to this project and over. Returns a remark for each name that is removed, or that
    /// stays although it is of this checkout.
    pub async fn remove_leftovers(
        &self,
        owner: &Owner,
        has_ended: &(dyn Fn(&RunId) -> bool + Sync),
    ) -> Result<Vec<String>, Failure> {
        let mut remarks = Vec::new();
        for name in self.image_names().await? {
            let tag = name.rsplit_once(':').and_then(|(_, tag)| TemporaryTag::parse(tag));
            let Some(left_by) = tag.and_then(|tag| tag.owner) else { continue };
            let Some(ours) = owner.has_left(&left_by, has_ended) else { continue };
            let run = left_by.run;
            let permitted =
                deletion(&name, &format!("the run {run}, which built the image, ended without removing it"), ours);
            let removed = match permitted.permit(Consent::None) {
                Ok(()) => self.remove_image(&name).await,
                refused => refused,
            };
            remarks.push(match removed {
                Ok(()) => format!("removed `{name}`, left by the run {run}"),
                Err(failure) => format!("left `{name}` in place: {failure}; remove it with `docker rmi {name}`"),
            });
        }
        Ok(remarks)
    }
}

/// No step outputs this name of the image, and its Dockerfile builds it again: nothing in it can be lost. The
/// daemon itself refuses to remove the last name of an image that a container uses.
fn deletion(name: &str, reason: &str, ours: Proof) -> Deletion {
    Deletion {
        subject: format!("the temporary image name `{name}`"),
        reason: reason.to_owned(),
        ours,
        empty: Proof::Shown,
        in_use: None,
        consent_covers_ownership: false,
        by_hand: format!("docker rmi {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_its_owner_and_only_ours_read_back() {
        let owner = Owner { checkout: "0123456789ab".into(), run: RunId::new("20261126-050231-1a2b3c4d").unwrap() };
        let tag = TemporaryTag::new(Some(owner.clone()));
        assert_eq!(TemporaryTag::parse(&tag.to_string()), Some(tag.clone()));
        assert_eq!(tag.owner, Some(owner));
        assert!(tag.to_string().len() <= 128, "Docker takes no longer ones");
        let nobodys = TemporaryTag::new(None).to_string();
        for foreign in [nobodys.as_str(), "building-", "building-x", "latest", "building-0123456789ab-x-1", ""] {
            assert_eq!(TemporaryTag::parse(foreign), None, "{foreign}");
        }
    }
}
