//! Named volumes of the daemon.

use std::collections::HashMap;

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ListVolumesOptions, RemoveVolumeOptions};

use super::{Docker, failure};
use crate::error::Failure;

/// A volume, as far as ownership is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    labels: HashMap<String, String>,
}

impl Volume {
    /// Returns the value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

impl Docker {
    /// Returns the names of the volumes that have the label `label`, in the form `NAME=VALUE`.
    pub async fn volumes_with_label(&self, label: &str) -> Result<Vec<String>, Failure> {
        let filters = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
        let listing = self.client.list_volumes(Some(ListVolumesOptions { filters: Some(filters) }));
        let found = self.call(|| format!("listing the volumes with the label `{label}`"), listing).await?;
        let mut names: Vec<String> = found.volumes.into_iter().flatten().map(|volume| volume.name).collect();
        names.sort();
        Ok(names)
    }

    /// Returns the volume `name`; `None` if there is none.
    pub async fn volume(&self, name: &str) -> Result<Option<Volume>, Failure> {
        let found = self.call(|| format!("inspecting the volume `{name}`"), async {
            match self.client.inspect_volume(name).await {
                Err(error) if failure::is_not_found(&error) => Ok(None),
                other => other.map(Some),
            }
        });
        Ok(found.await?.map(|volume| Volume { labels: volume.labels }))
    }

    /// Creates the volume `name`. An existing one is left as it is, with its own labels.
    pub async fn create_volume(&self, name: &str, labels: &[(&str, &str)]) -> Result<(), Failure> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let request =
            VolumeCreateRequest { name: Some(name.to_owned()), labels: Some(labels), ..VolumeCreateRequest::default() };
        self.call(|| format!("creating the volume `{name}`"), self.client.create_volume(request)).await.map(drop)
    }

    /// Removes the volume `name`, which no container may use; no error if there is none.
    pub async fn remove_volume(&self, name: &str) -> Result<(), Failure> {
        let removing = async {
            match self.client.remove_volume(name, None::<RemoveVolumeOptions>).await {
                Err(error) if failure::is_not_found(&error) => Ok(()),
                other => other,
            }
        };
        self.call(|| format!("removing the volume `{name}`"), removing).await
    }
}
