//! [`ComposeProject`]: what the daemon has of a compose project, by the labels that compose gives, and its removal.

use std::collections::BTreeSet;

use super::{Container, Docker};
use crate::error::Failure;
use crate::tools::deletion::{Consent, Deletion, Proof};

/// The project that something belongs to.
const PROJECT: &str = "com.docker.compose.project";
/// The service of a container.
const SERVICE: &str = "com.docker.compose.service";
/// A digest of the service's definition.
const CONFIG: &str = "com.docker.compose.config-hash";
/// `True` for a container of `compose run`.
const ONE_OFF: &str = "com.docker.compose.oneoff";

impl Container {
    /// The compose project that it belongs to.
    pub fn project(&self) -> Option<&str> {
        self.label(PROJECT)
    }

    /// The service of a compose project that it belongs to.
    pub fn service(&self) -> Option<&str> {
        self.label(SERVICE)
    }

    /// A digest of the definition of its service.
    pub fn service_digest(&self) -> Option<&str> {
        self.label(CONFIG)
    }
}

impl Docker {
    /// The names of the compose projects that have containers or networks and begin with `prefix`.
    pub async fn compose_projects(&self, prefix: &str) -> Result<BTreeSet<String>, Failure> {
        let containers = self.containers_with_label(PROJECT).await?;
        let networks = self.networks_with_label(PROJECT).await?;
        let of_containers = containers.iter().filter_map(Container::project);
        let of_networks = networks.iter().filter_map(|network| network.labels.get(PROJECT).map(String::as_str));
        let names = of_containers.chain(of_networks).filter(|name| name.starts_with(prefix));
        Ok(names.map(str::to_owned).collect())
    }
}

/// A compose project in a daemon.
#[derive(Clone, Copy, Debug)]
pub struct ComposeProject<'a> {
    docker: &'a Docker,
    name: &'a str,
}

/// What was done to a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many containers were removed.
    pub containers: usize,
    /// How many networks were removed.
    pub networks: usize,
    /// How many volumes were removed.
    pub volumes: usize,
    /// What was left in place, each with the reason.
    pub kept: Vec<String>,
}

impl<'a> ComposeProject<'a> {
    /// The project `name`, whose name has to be of one checkout alone.
    pub fn new(docker: &'a Docker, name: &'a str) -> Self {
        Self { docker, name }
    }

    fn label(&self) -> String {
        format!("{PROJECT}={}", self.name)
    }

    /// Its containers, also those that do not run, without those of `compose run`.
    pub async fn containers(&self) -> Result<Vec<Container>, Failure> {
        let mut containers = self.docker.containers_with_label(&self.label()).await?;
        containers
            .retain(|container| !container.label(ONE_OFF).is_some_and(|value| value.eq_ignore_ascii_case("true")));
        Ok(containers)
    }

    /// Stops and removes its containers, those that depend on others first, and removes its networks; `consent` is the
    /// user's word on the loss of the data in its volumes, which are kept without it.
    pub async fn remove(&self, consent: Consent, on_line: &(dyn Fn(&str) + Sync)) -> Result<Removed, Failure> {
        let mut removed = Removed::default();
        let mut containers = self.docker.containers_with_label(&self.label()).await?;
        // Compose makes a container after those that it depends on.
        containers.sort_by_key(|container| std::cmp::Reverse(container.created_at));
        for container in containers {
            let inherited = self.docker.image_label(&container.image_id, PROJECT).await?;
            let ours = match inherited {
                Some(of) if of == self.name => Proof::Lacking("its image brings the project's label along".to_owned()),
                _ => Proof::Shown,
            };
            let name = &container.name;
            let deletion = self.deletion("container", name, &format!("docker rm -f {name}"), ours, Proof::Shown);
            if let Err(refused) = deletion.permit(Consent::None) {
                removed.kept.push(refused.to_string());
                continue;
            }
            on_line(&format!("stopping `{name}`"));
            self.docker.stop_container_within(&container.id, container.stop_grace).await?;
            match consent {
                Consent::Given => self.docker.remove_container_with_volumes(&container.id).await?,
                Consent::None => self.docker.remove_container(&container.id).await?,
            }
            removed.containers += 1;
        }
        for network in self.docker.networks_with_label(&self.label()).await? {
            let by_hand = format!("docker network rm {}", network.name);
            self.deletion("network", &network.name, &by_hand, Proof::Shown, Proof::Shown).permit(Consent::None)?;
            self.docker.remove_network(&network.id, &network.name).await?;
            removed.networks += 1;
        }
        for volume in self.docker.volumes_with_label(&self.label()).await? {
            let by_hand = format!("docker volume rm {volume}");
            let data = Proof::Lacking("it may hold data".to_owned());
            match self.deletion("volume", &volume, &by_hand, Proof::Shown, data).permit(consent) {
                Ok(()) => {
                    self.docker.remove_volume(&volume).await?;
                    removed.volumes += 1;
                }
                Err(_) => removed.kept.push(format!("the volume `{volume}` stays: it may hold data (`{by_hand}`)")),
            }
        }
        Ok(removed)
    }

    /// Returns what taking it down with its data would remove, as one; `None` if there is nothing of it. Volumes count
    /// as data.
    pub async fn removal(&self, by_hand: &str) -> Result<Option<Deletion>, Failure> {
        let containers = self.docker.containers_with_label(&self.label()).await?.len();
        let networks = self.docker.networks_with_label(&self.label()).await?.len();
        let volumes = self.docker.volumes_with_label(&self.label()).await?;
        if containers + networks + volumes.len() == 0 {
            return Ok(None);
        }
        let parts = [(containers, "container"), (networks, "network"), (volumes.len(), "volume")];
        let parts = parts.into_iter().filter(|(n, _)| *n > 0);
        let parts: Vec<String> = parts.map(|(n, one)| format!("{n} {one}{}", if n == 1 { "" } else { "s" })).collect();
        let empty = if volumes.is_empty() {
            Proof::Shown
        } else {
            Proof::Lacking(format!("the volumes {} may hold data", volumes.join(", ")))
        };
        Ok(Some(Deletion {
            subject: format!("the compose project `{}`", self.name),
            reason: parts.join(", "),
            // Its name is of one checkout alone; what has the label for another reason is kept when it is removed.
            ours: Proof::Shown,
            empty,
            in_use: None,
            consent_covers_ownership: false,
            by_hand: by_hand.to_owned(),
        }))
    }

    /// Whether it has containers or networks.
    pub async fn is_there(&self) -> Result<bool, Failure> {
        Ok(!self.docker.containers_with_label(&self.label()).await?.is_empty()
            || !self.docker.networks_with_label(&self.label()).await?.is_empty())
    }

    fn deletion(&self, what: &str, name: &str, by_hand: &str, ours: Proof, empty: Proof) -> Deletion {
        Deletion {
            subject: format!("the {what} `{name}`"),
            reason: format!("the compose project `{}` is taken down", self.name),
            ours,
            empty,
            in_use: None,
            consent_covers_ownership: false,
            by_hand: by_hand.to_owned(),
        }
    }
}
