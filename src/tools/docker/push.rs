//! Pushing an image to a registry.

use std::time::Duration;

use bollard::auth::DockerCredentials;
use bollard::query_parameters::PushImageOptions;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{Docker, failure};
use crate::error::Failure;

/// Most that the daemon may take to ask a registry on its own machine for an image. Where a firewall drops what it
/// sends, there is no response at all.
const ASK: Duration = Duration::from_secs(5);

/// A name and a password for a registry. They reach the daemon in a header, and no log.
#[derive(Clone)]
pub struct RegistryLogin {
    /// The name.
    pub user: &'static str,
    /// The password.
    pub password: String,
}

impl RegistryLogin {
    fn credentials(&self) -> DockerCredentials {
        DockerCredentials {
            username: Some(self.user.to_owned()),
            password: Some(self.password.clone()),
            ..DockerCredentials::default()
        }
    }
}

impl Docker {
    /// Makes the daemon ask the registry that is part of `name` for that image. What the daemon reports afterwards says
    /// nothing: whether it has reached the registry, only the registry knows.
    pub async fn ask_registry(&self, name: &str, login: &RegistryLogin) {
        drop(timeout(ASK, self.client.inspect_registry_image(name, Some(login.credentials()))).await);
    }

    /// Pushes the image `repository:tag`. Dropping the call ends it in the daemon too.
    pub async fn push(&self, repository: &str, tag: &str, login: &RegistryLogin) -> Result<(), Failure> {
        let what = format!("pushing the image `{repository}:{tag}`");
        let options = PushImageOptions { tag: Some(tag.to_owned()), ..PushImageOptions::default() };
        let mut reports = Box::pin(self.client.push_image(repository, Some(options), Some(login.credentials())));
        while let Some(report) = self.attend(&what, reports.next()).await? {
            report.map_err(|error| failure::of_call(what.clone(), &error))?;
        }
        Ok(())
    }
}
