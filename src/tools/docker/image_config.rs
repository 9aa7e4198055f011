//! [`ImageConfig`]: what an image says of the containers that are made of it.

use std::collections::BTreeMap;

use super::{Docker, failure};
use crate::error::Failure;

/// How the containers of an image are run, unless something else is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// The user, with a group if one is set: `1001`, `app:app`; empty for root.
    pub user: String,
    /// The ports that are exposed: `8000/tcp`.
    pub ports: Vec<String>,
    /// The variables, `NAME=value` each.
    pub env: Vec<String>,
    /// What is run, without the entrypoint.
    pub command: Vec<String>,
    /// What `command` is handed to.
    pub entrypoint: Vec<String>,
    /// The folder in which it runs; empty for `/`.
    pub workdir: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The command of the health check: `["CMD-SHELL", "…"]`; empty where there is none.
    pub health: Vec<String>,
}

impl Docker {
    /// Returns the configuration of the image `name`, which may be an id; `None` where there is no such image.
    pub async fn image_config(&self, name: &str) -> Result<Option<ImageConfig>, Failure> {
        let found = self.call(|| format!("inspecting the image `{name}`"), async {
            match self.client.inspect_image(name).await {
                Err(error) if failure::is_not_found(&error) => Ok(None),
                other => other.map(Some),
            }
        });
        let Some(found) = found.await? else { return Ok(None) };
        let config = found.config.unwrap_or_default();
        let health = config.healthcheck.and_then(|check| check.test).unwrap_or_default();
        Ok(Some(ImageConfig {
            user: config.user.unwrap_or_default(),
            ports: config.exposed_ports.unwrap_or_default(),
            env: config.env.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            entrypoint: config.entrypoint.unwrap_or_default(),
            workdir: config.working_dir.unwrap_or_default(),
            labels: config.labels.unwrap_or_default().into_iter().collect(),
            // `HEALTHCHECK NONE` takes back what the base image has.
            health: if health.first().is_some_and(|first| first == "NONE") { Vec::new() } else { health },
        }))
    }
}
