//! Networks of the daemon.

use std::collections::HashMap;

use bollard::models::NetworkCreateRequest;
use bollard::query_parameters::ListNetworksOptions;

use super::{Docker, failure};
use crate::error::Failure;

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

    /// Removes a network that no container is in; no error if there is none.
    pub async fn remove_network(&self, name: &str) -> Result<(), Failure> {
        let removing = async {
            match self.client.remove_network(name).await {
                Err(error) if failure::is_not_found(&error) => Ok(()),
                other => other,
            }
        };
        self.call(|| format!("removing the network `{name}`"), removing).await
    }
}
