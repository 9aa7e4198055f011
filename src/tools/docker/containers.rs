//! Containers of the daemon: what they are made of, and how they are stopped and removed.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, MountPoint};
use bollard::query_parameters::{ListContainersOptions, RemoveContainerOptions, StopContainerOptions};

use super::{Docker, failure};
use crate::error::Failure;

/// How long a container may take to end after it was asked to, until the daemon kills it.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: String,
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
        Self {
            id: found.id.unwrap_or_default(),
            running: found.state.and_then(|state| state.running).unwrap_or(false),
            memory: positive(limits.memory),
            milli_cpus: positive(limits.nano_cpus).map(|n| n / 1_000_000).or_else(by_quota),
            labels: found.config.and_then(|config| config.labels).unwrap_or_default(),
            volumes: found.mounts.unwrap_or_default().into_iter().filter_map(volume).collect(),
        }
    }
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

    /// Stops a container; no error if it does not run or is gone.
    pub async fn stop_container(&self, name: &str) -> Result<(), Failure> {
        let grace = i32::try_from(STOP_GRACE.as_secs()).ok();
        let options = StopContainerOptions { t: grace, ..StopContainerOptions::default() };
        let stopping = async {
            match self.client.stop_container(name, Some(options)).await {
                Err(error) if failure::is_not_found(&error) || failure::is_not_modified(&error) => Ok(()),
                other => other,
            }
        };
        self.call(|| format!("stopping the container `{name}`"), stopping).await
    }

    /// Removes a container, also a running one, and keeps its named volumes; no error if there is none.
    pub async fn remove_container(&self, name: &str) -> Result<(), Failure> {
        let options = RemoveContainerOptions { force: true, ..RemoveContainerOptions::default() };
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
