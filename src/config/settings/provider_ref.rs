//! [`ProviderRef`]: the provider that `[cluster]` names, with the place of its name.

use std::ops::Range;

use toml::Spanned;

use super::parser::SettingsParser;
use crate::cluster::{PROVIDERS, ProviderType};
use crate::config::syntax::node::Table;
use crate::tools::cluster::ClusterSpec;

/// A provider as `[cluster]` of the file names it.
pub(super) struct ProviderRef<'a> {
    pub(super) provider: &'static ProviderType,
    /// The place of its name.
    pub(super) place: Range<usize>,
    /// The pipeline's name.
    pub(super) pipeline: &'a str,
}

impl SettingsParser for ProviderRef<'_> {
    type Parsed = ClusterSpec;

    fn parse(&self, settings: &Table) -> Result<ClusterSpec, toml::de::Error> {
        (self.provider.parse)(Spanned::new(self.place.clone(), settings.to_toml()), self.pipeline)
    }

    fn subject(&self) -> String {
        format!("provider `{}`", self.provider.name)
    }

    fn place(&self) -> &Range<usize> {
        &self.place
    }

    fn schema(&self) -> schemars::Schema {
        (self.provider.schema)()
    }

    fn common_keys(&self) -> &'static [&'static str] {
        &[PROVIDER_KEY]
    }

    fn elsewhere(&self, setting: &str) -> Option<String> {
        let has_it = |other: &&ProviderType| (other.schema)().to_value()["properties"].get(setting).is_some();
        let name = PROVIDERS.iter().find(has_it)?.name;
        Some(format!("`{setting}` is a setting of provider `{name}`"))
    }

    fn reference(&self) -> Option<String> {
        None
    }
}

/// The key of `[cluster]` that names the provider.
pub(in crate::config) const PROVIDER_KEY: &str = "provider";
