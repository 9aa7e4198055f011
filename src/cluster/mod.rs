//! The cluster of a pipeline: how it is brought up and checked. One file or folder a provider, one entry in
//! [`PROVIDERS`] each; what only one provider does is in its own file.

mod existing;
mod minikube;
mod provider;
mod session;

pub use provider::{Provider, ProviderSettings, ProviderType, SettingsTable, provider};
pub use session::{Ready, Session};

/// Every provider there is, in the order in which errors list them.
pub static PROVIDERS: &[ProviderType] =
    &[ProviderType::of::<minikube::MinikubeCluster>(), ProviderType::of::<existing::ExistingCluster>()];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_parses_to_a_cluster_of_its_provider() {
        for entry in PROVIDERS {
            let table = toml::de::DeTable::parse(entry.example).unwrap();
            let spec = (entry.parse)(table, "shop").unwrap_or_else(|error| panic!("{}: {error}", entry.name));
            assert_eq!(spec.provider, entry.name);
            provider(&spec).unwrap();
        }
    }

    #[test]
    fn every_setting_is_documented() {
        for entry in PROVIDERS {
            let schema = (entry.schema)().to_value();
            for (name, setting) in schema["properties"].as_object().unwrap() {
                assert!(setting["description"].is_string(), "`{name}` of the provider `{}`", entry.name);
            }
        }
    }
}
