//! Containers of the daemon: what they are made of and how they are, and how they are stopped and removed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, ContainerState, HealthStatusEnum, MountPoint, PortMap};
use bollard::query_parameters::{ListContainersOptions, RemoveContainerOptions, StopContainerOptions};

use super::{CALL, Docker, failure};
use crate::error::Failure;

/// How long a container may take to end after it was asked to, until the daemon kills it.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// What the health check of a container says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It has none.
    #[default]
    Unchecked,
    /// It has not passed yet.
    Starting,
    /// It passed.
    Healthy,
    /// It failed too often.
    Unhealthy,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The id of its image.
    pub image_id: String,
    /// The name of its image, as it was given when it was created.
    pub image: String,
    /// What the daemon calls its state: `running`, `restarting`, `exited`.
    pub status: String,
    /// The code with which its program ended the last time.
    pub exit_code: i64,
    /// Whether its program was killed because its memory was used up.
    pub out_of_memory: bool,
    /// Why it could not be started.
    pub error: String,
    /// When it was started the last time, by the daemon's clock.
    pub started_at: String,
    /// How often the daemon has restarted it.
    pub restarts: i64,
    /// What its health check says.
    pub health: Health,
    /// What its health check printed the last time.
    pub health_output: String,
    /// The signal that asks it to stop; empty for `SIGTERM`.
    pub stop_signal: String,
    /// How long it may take to stop after it was asked to.
    pub stop_grace: Duration,
    /// When it was created, in nanoseconds since the Unix epoch by the daemon's clock.
    pub created_at: i128,
    /// Its TCP ports that are published: its own, and the one of the daemon's machine.
    pub ports: BTreeMap<u16, u16>,
    /// Whether it runs; a paused one does.
    pub running: bool,
    /// The limit of its memory in bytes, if it has one.
    pub memory: Option<u64>,
    /// The limit of its processors in thousandths, if it has one.
    pub milli_cpus: Option<u64>,
    /// Its labels.
    pub labels: HashMap<String, String>,
    /// Its volumes: where each is mounted, and its name.
    pub volumes: Vec<(String, String)>,
}

impl Container {
    /// Returns the value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// Returns the name of the volume that is mounted at `path`.
    pub fn volume_at(&self, path: &str) -> Option<&str> {
        self.volumes.iter().find(|(at, _)| at == path).map(|(_, name)| name.as_str())
    }

    fn of(found: ContainerInspectResponse) -> Self {
        let limits = found.host_config.unwrap_or_default();
        let positive = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
        let by_quota = || Some(positive(limits.cpu_quota)? * 1000 / positive(limits.cpu_period)?);
        let volume = |mount: MountPoint| Some((mount.destination?, mount.name.filter(|name| !name.is_empty())?));
        let config = found.config.unwrap_or_default();
        let ports = found.network_settings.and_then(|network| network.ports).unwrap_or_default();
        let container = Self {
            id: found.id.unwrap_or_default(),
            name: found.name.unwrap_or_default().trim_start_matches('/').to_owned(),
            image_id: found.image.unwrap_or_default(),
            image: config.image.unwrap_or_default(),
            restarts: found.restart_count.unwrap_or_default(),
            stop_signal: config.stop_signal.unwrap_or_default(),
            stop_grace: config
                .stop_timeout
                .and_then(|seconds| u64::try_from(seconds).ok())
                .map_or(STOP_GRACE, Duration::from_secs),
            created_at: match found.created {
                Some(time) => time.unix_timestamp_nanos(),
                None => 0,
            },
            ports: published(ports),
            memory: positive(limits.memory),
            milli_cpus: positive(limits.nano_cpus).map(|n| n / 1_000_000).or_else(by_quota),
            labels: config.labels.unwrap_or_default(),
            volumes: found.mounts.unwrap_or_default().into_iter().filter_map(volume).collect(),
            ..Self::default()
        };
        container.in_state(found.state.unwrap_or_default())
    }

    fn in_state(self, state: ContainerState) -> Self {
        let checked = state.health.unwrap_or_default();
        let last = checked.log.and_then(|log| log.into_iter().next_back());
        Self {
            running: state.running.unwrap_or(false),
            status: state.status.map(|status| status.to_string()).unwrap_or_default(),
            exit_code: state.exit_code.unwrap_or_default(),
            out_of_memory: state.oom_killed.unwrap_or(false),
            error: state.error.unwrap_or_default(),
            started_at: state.started_at.unwrap_or_default(),
            health: match checked.status {
                None | Some(HealthStatusEnum::EMPTY | HealthStatusEnum::NONE) => Health::Unchecked,
                Some(HealthStatusEnum::STARTING) => Health::Starting,
                Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
                Some(HealthStatusEnum::UNHEALTHY) => Health::Unhealthy,
            },
            health_output: last.and_then(|result| result.output).unwrap_or_default().trim().to_owned(),
            ..self
        }
    }

    /// Returns how it is, in a few words: `running (healthy)`, `ended with exit code 1`.
    pub fn words(&self) -> String {
        if !self.running && matches!(self.status.as_str(), "exited" | "dead" | "") {
            let memory = if self.out_of_memory { ", because its memory was used up" } else { "" };
            return format!("ended with exit code {}{memory}", self.exit_code);
        }
        let health = match self.health {
            Health::Unchecked => return self.status.clone(),
            Health::Starting => "its health check has not passed yet",
            Health::Healthy => "healthy",
            Health::Unhealthy => "unhealthy",
        };
        format!("{} ({health})", self.status)
    }
}

/// The published TCP ports: the container's, and the daemon's machine's.
fn published(ports: PortMap) -> BTreeMap<u16, u16> {
    let port = |(inner, bindings): (String, Option<Vec<_>>)| {
        let inner = inner.strip_suffix("/tcp")?.parse().ok()?;
        let outer = bindings?
            .into_iter()
            .find_map(|binding: bollard::models::PortBinding| binding.host_port.and_then(|port| port.parse().ok()))?;
        Some((inner, outer))
    };
    ports.into_iter().filter_map(port).collect()
}

impl Docker {
    /// Returns the container `name`, which may be an id; `None` if there is none.
    pub async fn container(&self, name: &str) -> Result<Option<Container>, Failure> {
        let found = self.call(|| format!("inspecting the container `{name}`"), async {
            match self.client.inspect_container(name, None).await {
                Err(error) if failure::is_not_found(&error) => Ok(None),
                other => other.map(Some),
            }
        });
        Ok(found.await?.map(Container::of))
    }

    /// Returns the ids of all containers, also stopped ones, that mount the volume `name`.
    pub async fn containers_with_volume(&self, name: &str) -> Result<Vec<String>, Failure> {
        let filters = HashMap::from([("volume".to_owned(), vec![name.to_owned()])]);
        let options = ListContainersOptions { all: true, filters: Some(filters), ..ListContainersOptions::default() };
        let listing = self.client.list_containers(Some(options));
        let found = self.call(|| format!("listing the containers with the volume `{name}`"), listing).await?;
        Ok(found.into_iter().filter_map(|container| container.id).collect())
    }

    /// Returns the container that publishes `port` on the daemon's machine; `None` if none does.
    pub async fn publisher_of(&self, port: u16) -> Result<Option<Container>, Failure> {
        let filters = HashMap::from([("publish".to_owned(), vec![port.to_string()])]);
        let options = ListContainersOptions { filters: Some(filters), ..ListContainersOptions::default() };
        let listing = self.client.list_containers(Some(options));
        let found = self.call(|| format!("listing the containers that publish the port {port}"), listing).await?;
        for id in found.into_iter().filter_map(|container| container.id) {
            if let Some(container) = self.container(&id).await? {
                return Ok(Some(container));
            }
        }
        Ok(None)
    }

    /// Returns all containers, also stopped ones, that have the label `label`, in the form `NAME` or `NAME=VALUE`.
    pub async fn containers_with_label(&self, label: &str) -> Result<Vec<Container>, Failure> {
        let filters = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
        let options = ListContainersOptions { all: true, filters: Some(filters), ..ListContainersOptions::default() };
        let listing = self.client.list_containers(Some(options));
        let found = self.call(|| format!("listing the containers with the label `{label}`"), listing).await?;
        let mut containers = Vec::new();
        for id in found.into_iter().filter_map(|container| container.id) {
            // One that has gone since is none.
            containers.extend(self.container(&id).await?);
        }
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(containers)
    }

    /// Returns the ids of the images that containers use, also stopped ones.
    pub async fn images_of_containers(&self) -> Result<BTreeSet<String>, Failure> {
        let options = ListContainersOptions { all: true, ..ListContainersOptions::default() };
        let listing = self.client.list_containers(Some(options));
        let found = self.call(|| "listing the containers".into(), listing).await?;
        Ok(found.into_iter().filter_map(|container| container.image_id).collect())
    }

    /// Stops a container; no error if it does not run or is gone.
    pub async fn stop_container(&self, name: &str) -> Result<(), Failure> {
        self.stop_container_within(name, STOP_GRACE).await
    }

    /// Lets the processes of a paused container go on; no error if it is not paused or is gone.
    pub async fn unpause_container(&self, name: &str) -> Result<(), Failure> {
        let resuming = async {
            match self.client.unpause_container(name).await {
                Err(error) if failure::is_not_found(&error) || failure::is_not_paused(&error) => Ok(()),
                other => other,
            }
        };
        self.call(|| format!("resuming the container `{name}`"), resuming).await
    }

    /// Asks a container to stop; the daemon kills it after `grace`. No error if it does not run or is gone.
    pub async fn stop_container_within(&self, name: &str, grace: Duration) -> Result<(), Failure> {
        let options = StopContainerOptions {
            // Whole seconds are all that it takes.
            t: i32::try_from(grace.as_secs() + u64::from(grace.subsec_nanos() > 0)).ok(),
            ..StopContainerOptions::default()
        };
        let stopping = async {
            match self.client.stop_container(name, Some(options)).await {
                Err(error) if failure::is_not_found(&error) || failure::is_not_modified(&error) => Ok(()),
                other => other,
            }
        };
        self.call_within(|| format!("stopping the container `{name}`"), grace + CALL, stopping).await
    }

    /// Removes a container, also a running one, and keeps its volumes; no error if there is none.
    pub async fn remove_container(&self, name: &str) -> Result<(), Failure> {
        self.remove(name, false).await
    }

    /// The same with the volumes that have no name and were made for it alone.
    pub async fn remove_container_with_volumes(&self, name: &str) -> Result<(), Failure> {
        self.remove(name, true).await
    }

    async fn remove(&self, name: &str, volumes: bool) -> Result<(), Failure> {
        let options = RemoveContainerOptions { force: true, v: volumes, ..RemoveContainerOptions::default() };
        let removing = async {
            match self.client.remove_container(name, Some(options)).await {
                // A container with `--rm` may be on its way out already.
                Err(error) if failure::is_not_found(&error) || failure::is_conflict(&error) => Ok(()),
                other => other,
            }
        };
        self.call(|| format!("removing the container `{name}`"), removing).await
    }
}
