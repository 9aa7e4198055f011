//! [`Node`]: the node of minikube's docker driver, as the daemon shows it: whose it is, and what is in it.
//!
//! The driver keeps everything of a node in a volume that is named after the profile. provision creates that volume
//! itself before the first start, with the creation's id as a label; minikube uses the one that is there, and removes
//! it with the profile. So the node that is there now can show which start made it.

use futures_util::StreamExt;

use super::archive_check::ArchiveCheck;
use super::etcd::EtcdScan;
use crate::error::{Failure, ids};
use crate::tools::deletion::{Consent, Deletion, Proof};
use crate::tools::docker::{Container, Docker};

/// The label of a node's volume with the id of the creation that made it.
const START_LABEL: &str = "dev.provision.start";

/// minikube's own labels: the profile, and that it made the thing. It removes what has the first with the profile.
const PROFILE_LABEL: &str = "name.minikube.sigs.k8s.io";
const MADE_LABEL: &str = "created_by.minikube.sigs.k8s.io";

/// Where a node mounts its volume.
const VOLUME_PATH: &str = "/var";

/// The folder of etcd's data in a node. The dot makes the daemon refuse a link.
const ETCD_PATH: &str = "/var/lib/minikube/etcd/.";

/// Most foreign objects that a message names.
const MAX_NAMED: usize = 5;

/// The node of one profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    docker: &'a Docker,
    profile: &'a str,
}

impl<'a> Node<'a> {
    pub(super) fn new(docker: &'a Docker, profile: &'a str) -> Self {
        Self { docker, profile }
    }

    /// Returns its container, if there is one.
    pub(super) async fn container(&self) -> Result<Option<Container>, Failure> {
        self.docker.container(self.profile).await
    }

    /// Creates the volume for the creation `id`, unless it is there.
    pub(super) async fn create_volume(&self, id: &str) -> Result<(), Failure> {
        let labels = [(PROFILE_LABEL, self.profile), (MADE_LABEL, "true"), (START_LABEL, id)];
        self.docker.create_volume(self.profile, &labels).await
    }

    /// Removes the volume if no container ever took it: minikube chose another driver. Without a container nothing can
    /// have been written to it since it was created.
    pub(super) async fn remove_unused_volume(&self, id: &str) -> Result<(), Failure> {
        let users = self.docker.containers_with_volume(self.profile).await?;
        if !users.is_empty() || self.docker.volume(self.profile).await?.is_none() {
            return Ok(());
        }
        let deletion = Deletion {
            subject: format!("the volume `{}`", self.profile),
            reason: "minikube does not use it".into(),
            ours: self.volume_is_of(self.profile, id).await?,
            empty: Proof::Shown,
            in_use: None,
            consent_covers_ownership: false,
            by_hand: format!("docker volume rm {}", self.profile),
        };
        deletion.permit(Consent::None)?;
        self.docker.remove_volume(self.profile).await
    }

    /// Fails if the daemon has a node or a volume of this profile that the creation `id` did not make: the profile is
    /// another user's, or what is left of one.
    pub(super) async fn refuse_foreign(&self, id: Option<&str>) -> Result<(), Failure> {
        let profile = self.profile;
        let refusal = |what: &str| {
            Failure::of(
                ids::CLUSTER_FOREIGN,
                format!("minikube knows no profile `{profile}`, but Docker has a {what} of that name"),
            )
        };
        let by_hand = format!(
            "if nobody needs it, remove it with all data in it: `docker rm -f {profile}; docker volume rm {profile}`"
        );
        if let Some(container) = self.container().await? {
            let failure = if container.label(PROFILE_LABEL) == Some(profile) {
                refusal("cluster's node")
                    .cause("it belongs to another minikube folder: another user, `sudo`, or another MINIKUBE_HOME")
                    .hint("run `provision up` as the user, and with the MINIKUBE_HOME, that created the cluster")
            } else {
                refusal("container").cause("minikube did not create it")
            };
            return Err(failure.hint(by_hand).hint("or choose another `name` in [cluster]"));
        }
        let ours = match (id, self.docker.volume(profile).await?) {
            (_, None) => return Ok(()),
            (Some(id), Some(volume)) => volume.label(START_LABEL) == Some(id),
            (None, Some(_)) => false,
        };
        if ours {
            return Ok(());
        }
        Err(refusal("volume")
            .cause("it may hold the data of an earlier cluster, or of one in another MINIKUBE_HOME")
            .hint(by_hand)
            .hint("or choose another `name` in [cluster]"))
    }

    /// Whether the creation `id` made the node that is there now.
    pub(super) async fn is_of(&self, id: &str) -> Result<Proof, Failure> {
        let container = self.container().await?;
        let volume = match &container {
            Some(node) if node.label(PROFILE_LABEL) != Some(self.profile) => {
                return Ok(Proof::Lacking(format!("minikube did not create the container `{}`", self.profile)));
            }
            Some(node) => node.volume_at(VOLUME_PATH),
            None => Some(self.profile),
        };
        match volume {
            Some(volume) => self.volume_is_of(volume, id).await,
            None => Ok(Proof::Lacking("its node has no volume".into())),
        }
    }

    /// Whether a start whose id begins with `prefix`, that of a checkout, made the node that is there now.
    pub(super) async fn is_of_checkout(&self, prefix: &str) -> Result<Proof, Failure> {
        let container = self.container().await?;
        if let Some(node) = container.as_ref().filter(|node| node.label(PROFILE_LABEL) != Some(self.profile)) {
            return Ok(Proof::Lacking(format!("minikube did not create the container `{}`", node.name)));
        }
        let name = self.volume_name(container.as_ref());
        let volume = self.docker.volume(name).await?;
        Ok(match volume.as_ref().map(|volume| volume.label(START_LABEL)) {
            Some(Some(made_by)) if made_by.starts_with(prefix) => Proof::Shown,
            Some(Some(_)) => Proof::Lacking(format!("the volume `{name}` was created from another checkout")),
            Some(None) => Proof::Lacking(format!("the volume `{name}` was not created by provision")),
            None => Proof::Lacking(format!("there is no volume `{name}` that shows who created it")),
        })
    }

    /// Whether a start of `provision` from another checkout than that of `prefix` made the volume of the node.
    pub(super) async fn is_of_another_checkout(&self, prefix: &str) -> Result<bool, Failure> {
        let container = self.container().await?;
        let volume = self.docker.volume(self.volume_name(container.as_ref())).await?;
        let made_by = volume.as_ref().and_then(|volume| volume.label(START_LABEL));
        Ok(made_by.is_some_and(|made_by| !made_by.starts_with(prefix)))
    }

    /// The name of the volume that the node has, or that minikube would give it.
    fn volume_name<'n>(&self, container: Option<&'n Container>) -> &'n str
    where
        'a: 'n,
    {
        container.and_then(|node| node.volume_at(VOLUME_PATH)).unwrap_or(self.profile)
    }

    async fn volume_is_of(&self, name: &str, id: &str) -> Result<Proof, Failure> {
        let volume = self.docker.volume(name).await?;
        Ok(match volume.as_ref().map(|volume| volume.label(START_LABEL)) {
            Some(Some(made_by)) if made_by == id => Proof::Shown,
            Some(Some(_)) => Proof::Lacking(format!("the volume `{name}` was created by another start")),
            Some(None) => Proof::Lacking(format!("the volume `{name}` was not created by provision")),
            None => Proof::Lacking(format!("there is no volume `{name}`")),
        })
    }

    /// Stops it; nothing of it is lost. Its data can be read when nothing writes to it any more.
    pub(super) async fn stop(&self) -> Result<(), Failure> {
        self.docker.stop_container(self.profile).await
    }

    /// Lets it go on if its container is paused.
    pub(super) async fn unpause(&self) -> Result<(), Failure> {
        self.docker.unpause_container(self.profile).await
    }

    /// Whether nothing was ever stored in the cluster but what every new one has.
    pub(super) async fn is_empty(&self) -> Result<Proof, Failure> {
        let Some(container) = self.container().await? else {
            return Ok(Proof::Lacking("its node is gone, and without it the volume can't be read".into()));
        };
        // Nothing was ever stored in a cluster without etcd's folder.
        let Some(mut archive) = self.docker.read_archive(&container.id, ETCD_PATH).await? else {
            return Ok(Proof::Shown);
        };
        let (mut scan, mut check) = (EtcdScan::default(), ArchiveCheck::default());
        while let Some(piece) = archive.next().await {
            let piece = piece?;
            scan.push(&piece);
            check.push(&piece);
        }
        if let Some(why) = check.missing() {
            return Ok(Proof::Lacking(why.into()));
        }
        Ok(match scan.finish() {
            Ok(foreign) if foreign.is_empty() => Proof::Shown,
            Ok(foreign) => Proof::Lacking(format!("it has {}", named(&foreign))),
            Err(why) => Proof::Lacking(why),
        })
    }

    /// Decides whether the node of the creation `id` may be deleted with all that is in it.
    pub(super) async fn deletion(&self, id: &str, by_hand: String) -> Result<Deletion, Failure> {
        let running = self.container().await?.is_some_and(|container| container.running);
        Ok(Deletion {
            ours: self.is_of(id).await?,
            empty: self.is_empty().await?,
            in_use: running.then(|| "its node runs".to_owned()),
            ..self.killed(by_hand)
        })
    }

    /// Fails if the node runs meanwhile, or is not the one of the creation `id` any more. For right before it is
    /// deleted; what is in it was checked while it was stopped.
    pub(super) async fn check_still_deletable(&self, id: &str, by_hand: String) -> Result<(), Failure> {
        let running = self.container().await?.is_some_and(|container| container.running);
        let deletion = Deletion {
            ours: self.is_of(id).await?,
            empty: Proof::Shown,
            in_use: running.then(|| "its node was started after it was checked".to_owned()),
            ..self.killed(by_hand)
        };
        deletion.permit(Consent::None)
    }

    /// The deletion of what a killed creation left, with nothing shown yet.
    fn killed(&self, by_hand: String) -> Deletion {
        let lacking = || Proof::Lacking("it was not checked".into());
        Deletion {
            subject: format!("the cluster `{}`", self.profile),
            reason: "the start that was creating it was killed".into(),
            ours: lacking(),
            empty: lacking(),
            in_use: None,
            consent_covers_ownership: false,
            by_hand,
        }
    }

    /// Removes the containers with which a killed start was filling the volume: their names and the volume are needed
    /// again. What can't be shown to be such a container stays.
    pub(super) async fn clear_helpers(&self, id: Option<&str>) -> Result<(), Failure> {
        let sidecar = format!("{}-preload-sidecar", self.profile);
        let mut helpers = self.docker.containers_with_volume(self.profile).await?;
        helpers.push(sidecar);
        let node = self.container().await?;
        for name in helpers {
            let Some(helper) = self.docker.container(&name).await? else { continue };
            if node.as_ref().is_some_and(|node| node.id == helper.id) {
                continue;
            }
            let fills = helper.volume_at("/extractDir") == Some(self.profile);
            let prepares =
                helper.label(MADE_LABEL) == Some("true") && helper.label(PROFILE_LABEL) == Some(self.profile);
            let of_our_start = match id {
                Some(id) => self.volume_is_of(self.profile, id).await? == Proof::Shown,
                None => false,
            };
            let ours = if fills && of_our_start || prepares && (of_our_start || !helper.running) {
                Proof::Shown
            } else {
                Proof::Lacking("it is no helper of a start of ours".into())
            };
            let deletion = Deletion {
                subject: format!("the container `{name}`"),
                reason: "a killed start left it".into(),
                ours,
                // Its work is to fill the node's volume, which stays.
                empty: Proof::Shown,
                in_use: None,
                consent_covers_ownership: false,
                by_hand: format!("docker rm -f {name}"),
            };
            match deletion.permit(Consent::None) {
                Ok(()) => self.docker.remove_container(&helper.id).await?,
                Err(failure) => tracing::debug!("{failure}"),
            }
        }
        Ok(())
    }
}

fn named(keys: &[String]) -> String {
    let text = keys.iter().take(MAX_NAMED).map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    if keys.len() > MAX_NAMED { format!("{text} and {} more", keys.len() - MAX_NAMED) } else { text }
}
