//! [`SettingsParser`]: what reads a table of settings, with the terms in which its errors are explained.

use std::ops::Range;

use crate::config::syntax::node::Table;

/// What reads a table of settings: an action or a cluster's provider, as the file names it.
pub(super) trait SettingsParser {
    /// What valid settings become.
    type Parsed;

    fn parse(&self, settings: &Table) -> Result<Self::Parsed, toml::de::Error>;

    /// Its kind and name, as a message names it.
    fn subject(&self) -> String;

    /// The place of its name in the file.
    fn place(&self) -> &Range<usize>;

    /// The JSON Schema of its settings.
    fn schema(&self) -> schemars::Schema;

    /// Keys that may stand beside the settings.
    fn common_keys(&self) -> &'static [&'static str];

    /// Returns the hint for an unknown setting that is known in another place.
    fn elsewhere(&self, setting: &str) -> Option<String>;

    /// The hint for an unknown setting where no known one is similar.
    fn reference(&self) -> Option<String>;

    /// Returns the description of a setting in the reference.
    fn description(&self, key: &str) -> Option<String> {
        let schema = self.schema();
        let text = schema.get("properties")?.get(key)?.get("description")?.as_str()?;
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Returns the names of the required settings.
    fn required(&self) -> Vec<String> {
        let schema = self.schema();
        let names = schema.get("required").and_then(|names| names.as_array());
        let names = names.into_iter().flatten().filter_map(|name| name.as_str());
        names.map(str::to_owned).collect()
    }
}
