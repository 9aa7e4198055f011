//! Networks of the daemon.

use std::collections::HashMap;

use bollard::models::NetworkCreateRequest;
use bollard::query_parameters::{InspectNetworkOptions, ListNetworksOptions};

use super::{Docker, failure};
use crate::error::Failure;
use crate::tools::process::shell_quoted;

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: HashMap<String, String>,
}

impl Docker {
    /// Creates a bridge network with one label.
    pub async fn create_network(&self, name: &str, label: (&str, &str)) -> Result<(), Failure> {
        let labels = HashMap::from([(label.0.to_owned(), label.1.to_owned())]);
        let request =
            NetworkCreateRequest { name: name.to_owned(), labels: Some(labels), ..NetworkCreateRequest::default() };
        self.call(|| format!("creating the network `{name}`"), self.client.create_network(request)).await.map(drop)
    }

    /// Returns the networks that have the label `label`, in the form `NAME` or `NAME=VALUE`.
    pub async fn networks_with_label(&self, label: &str) -> Result<Vec<Network>, Failure> {
        let filters = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
        let listing = self.client.list_networks(Some(ListNetworksOptions { filters: Some(filters) }));
        let found = self.call(|| format!("listing the networks with the label `{label}`"), listing).await?;
        let mut networks: Vec<Network> = found
            .into_iter()
            .map(|network| Network {
                id: network.id.unwrap_or_default(),
                name: network.name.unwrap_or_default(),
                labels: network.labels.unwrap_or_default(),
            })
            .collect();
        networks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(networks)
    }

    /// Removes the network `name`, which has the id or the name `id`; no error if there is none. The failure names the
    /// containers that keep it.
    pub async fn remove_network(&self, id: &str, name: &str) -> Result<(), Failure> {
        let removing = async {
            match self.client.remove_network(id).await {
                Err(error) if failure::is_not_found(&error) => Ok(()),
                other => other,
            }
        };
        let Err(failure) = self.call(|| format!("removing the network `{name}`"), removing).await else {
            return Ok(());
        };
        let within = self.containers_in_network(id).await.unwrap_or_default();
        if within.is_empty() {
            return Err(failure);
        }
        let names: Vec<String> = within.iter().map(|container| format!("`{container}`")).collect();
        let failure =
            failure.cause(format!("in it {}: {}", if names.len() == 1 { "is" } else { "are" }, names.join(", ")));
        Err(within.iter().fold(failure, |failure, container| {
            failure.hint(format!(
                "take it out of the network: `docker network disconnect -f {} {}`",
                shell_quoted(name),
                shell_quoted(container)
            ))
        }))
    }

    /// Returns the names of the containers that are in a network.
    async fn containers_in_network(&self, id: &str) -> Result<Vec<String>, Failure> {
        let inspecting = self.client.inspect_network(id, None::<InspectNetworkOptions>);
        let found = self.call(|| format!("inspecting the network `{id}`"), inspecting).await?;
        let within = found.containers.unwrap_or_default();
        let mut names: Vec<String> = within.into_iter().map(|(id, container)| container.name.unwrap_or(id)).collect();
        names.sort();
        Ok(names)
    }
}
