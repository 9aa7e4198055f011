//! [`TemporaryName`]: what the containers and networks are called that exist only while a step runs, and the removal of
//! those that killed runs left.

use super::Docker;
use super::build::Owner;
use crate::error::Failure;
use crate::model::RunId;
use crate::tools::deletion::{Consent, Deletion, Proof};
use crate::tools::unique_id;

/// How every such name begins.
const PREFIX: &str = "provision-";

/// The label of what has such a name; its value is the name. An image that somebody makes of a container inherits the
/// container's labels, and so do the containers of that image: they have other names.
const LABEL: &str = "dev.provision.temporary";

/// The name of a container or of a network; names the checkout and the run that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemporaryName(String);

impl TemporaryName {
    /// A name that no other call gets. What has no owner is never removed by another run.
    pub fn new(owner: Option<&Owner>) -> Self {
        Self(owner.map_or_else(|| unique_id("provision"), |owner| owner.name(PREFIX)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The label that what has this name has to get.
    pub fn label(&self) -> (&'static str, &str) {
        (LABEL, &self.0)
    }
}

/// Something of a killed run.
struct Left {
    what: &'static str,
    name: String,
    is_labelled: bool,
}

impl Docker {
    /// Removes the containers and networks that earlier runs of `owner`'s checkout left because they were killed.
    /// `has_ended` returns whether a run is known to this project and over. Returns a remark for each that is removed,
    /// or that stays although it is of this checkout.
    pub async fn remove_left_containers(
        &self,
        owner: &Owner,
        has_ended: &(dyn Fn(&RunId) -> bool + Sync),
    ) -> Result<Vec<String>, Failure> {
        let label = |labels: &std::collections::HashMap<String, String>, name: &str| {
            labels.get(LABEL).is_some_and(|value| value == name)
        };
        let containers = self.containers_with_label(LABEL).await?.into_iter().map(|container| Left {
            what: "container",
            is_labelled: label(&container.labels, &container.name),
            name: container.name,
        });
        let networks = self.networks_with_label(LABEL).await?.into_iter().map(|network| Left {
            what: "network",
            is_labelled: label(&network.labels, &network.name),
            name: network.name,
        });
        let mut remarks = Vec::new();
        for left in containers.chain(networks).filter(|left| left.is_labelled) {
            let Some(left_by) = Owner::of_name(PREFIX, &left.name) else { continue };
            let Some(ours) = owner.has_left(&left_by, has_ended) else { continue };
            let reason = format!("the run {}, which started it, ended without removing it", left_by.run);
            let removed = match left.deletion(&reason, ours).permit(Consent::None) {
                Ok(()) => left.remove(self).await,
                refused => refused,
            };
            let named = format!("the {} `{}`", left.what, left.name);
            remarks.push(match removed {
                Ok(()) => format!("removed {named}, left by the run {}", left_by.run),
                Err(failure) => format!("left {named} in place: {failure}; remove it with `{}`", left.by_hand()),
            });
        }
        Ok(remarks)
    }
}

impl Left {
    /// What such a container holds was made by the step that ran it, and is gone with it.
    fn deletion(&self, reason: &str, ours: Proof) -> Deletion {
        Deletion {
            subject: format!("the {} `{}`", self.what, self.name),
            reason: reason.to_owned(),
            ours,
            empty: Proof::Shown,
            in_use: None,
            consent_covers_ownership: false,
            by_hand: self.by_hand(),
        }
    }

    fn by_hand(&self) -> String {
        match self.what {
            "container" => format!("docker container rm -f {}", self.name),
            _ => format!("docker network rm {}", self.name),
        }
    }

    async fn remove(&self, docker: &Docker) -> Result<(), Failure> {
        match self.what {
            "container" => docker.remove_container_with_volumes(&self.name).await,
            _ => docker.remove_network(&self.name, &self.name).await,
        }
    }
}
