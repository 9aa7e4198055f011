//! [`ActionType`]: an action's entry in the list, with its reference.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::DeTable;

use super::Action;
use crate::fingerprint::Digest;
use crate::tools::cluster::ClusterSpec;

/// A step's own settings as they stand in the file, every value with its place; expressions are filled in already.
pub type SettingsTable<'a> = Spanned<DeTable<'a>>;

/// An action's settings: what a step's table deserializes to. The struct has `#[serde(deny_unknown_fields,
/// rename_all = "kebab-case")]`; the doc comments of its fields are the reference that `provision actions NAME` prints.
pub trait ActionSettings: Action + DeserializeOwned + JsonSchema + 'static {
    /// What `action = "…"` names it.
    const NAME: &'static str;
    /// Raised when the same settings do something else than before, so that steps done by the old code run again.
    const REVISION: u32;
    /// What it does and what it proves, in a sentence.
    const SUMMARY: &'static str;
    /// A step's settings as one would write them, without `id` and `action`; it has to parse.
    const EXAMPLE: &'static str;
    /// Its outputs: name and meaning.
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[];
    /// The outputs that name what it makes, if `down` removes it: what the same step of another profile has made under
    /// the same names is the same thing.
    const IDENTITY: &'static [&'static str] = &[];
    /// Whether what it makes is in the cluster, and so gone with it. Then the cluster's uid is one of the inputs.
    const IN_CLUSTER: bool = false;
    /// Whether it hands the cluster to a program of the user's. Then the cluster is one of the inputs if it is there
    /// before the step begins, but the step does not fail without it.
    const HANDS_CLUSTER_ON: bool = false;
    /// Whether it makes the cluster that later steps use.
    const MAKES_CLUSTER: bool = false;
    /// Whether it only looks whether something is installed. Such steps begin although another step has failed, so
    /// that one run reports all that is missing.
    const PREREQUISITE: bool = false;
    /// The programs that it calls, as they are looked up in `PATH`; a setting may name another one in their place.
    const PROGRAMS: &'static [&'static str] = &[];
    /// Whether it works with the Docker daemon.
    const USES_DOCKER: bool = false;
    /// The settings in which `${{ secrets.NAME }}` may stand; the action fills them in itself, so that no value is
    /// ever part of the settings.
    const SECRET_SETTINGS: &'static [&'static str] = &[];
    /// The settings that name a program which the inputs or the probe run, and not only `run`.
    const PROBE_SETTINGS: &'static [&'static str] = &[];
    /// The settings in which a string is a script for a shell. Such a setting deserializes to a
    /// [`crate::tools::shell::Script`], which keeps values from outside of the file out of its text.
    const SCRIPTS: &'static [&'static str] = &[];

    /// Fails with the reason if it can't work with the cluster that the pipeline declares. Asked when the file is read.
    fn check_cluster(cluster: &ClusterSpec) -> Result<(), String> {
        let _ = cluster;
        Ok(())
    }

    /// What types can't say: settings that exclude each other, a range that does not parse.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// An action's entry in the list of actions.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property of the action, which nothing else decides")]
pub struct ActionType {
    /// See [`ActionSettings::NAME`].
    pub name: &'static str,
    /// See [`ActionSettings::REVISION`].
    pub revision: u32,
    /// See [`ActionSettings::SUMMARY`].
    pub summary: &'static str,
    /// See [`ActionSettings::EXAMPLE`].
    pub example: &'static str,
    /// See [`ActionSettings::OUTPUTS`].
    pub outputs: &'static [(&'static str, &'static str)],
    /// See [`ActionSettings::IDENTITY`].
    pub identity: &'static [&'static str],
    /// See [`ActionSettings::IN_CLUSTER`].
    pub in_cluster: bool,
    /// See [`ActionSettings::HANDS_CLUSTER_ON`].
    pub hands_cluster_on: bool,
    /// See [`ActionSettings::MAKES_CLUSTER`].
    pub makes_cluster: bool,
    /// See [`ActionSettings::PREREQUISITE`].
    pub prerequisite: bool,
    /// See [`ActionSettings::PROGRAMS`].
    pub programs: &'static [&'static str],
    /// See [`ActionSettings::USES_DOCKER`].
    pub uses_docker: bool,
    /// See [`ActionSettings::SECRET_SETTINGS`].
    pub secret_settings: &'static [&'static str],
    /// See [`ActionSettings::PROBE_SETTINGS`].
    pub probe_settings: &'static [&'static str],
    /// See [`ActionSettings::SCRIPTS`].
    pub scripts: &'static [&'static str],
    /// See [`ActionSettings::check_cluster`].
    pub check_cluster: fn(&ClusterSpec) -> Result<(), String>,
    /// Makes the action from a step's settings. The error has the place of what is wrong.
    pub parse: fn(SettingsTable<'_>) -> Result<Arc<dyn Action>, toml::de::Error>,
    /// The JSON Schema of its settings.
    pub schema: fn() -> schemars::Schema,
}

impl ActionType {
    /// What stands for its name and revision in a step's inputs.
    pub fn digest(&self) -> Digest {
        Digest::of(format!("{} {}", self.name, self.revision).as_bytes())
    }

    /// The entry of `A`.
    pub const fn of<A: ActionSettings>() -> Self {
        Self {
            name: A::NAME,
            revision: A::REVISION,
            summary: A::SUMMARY,
            example: A::EXAMPLE,
            outputs: A::OUTPUTS,
            identity: A::IDENTITY,
            in_cluster: A::IN_CLUSTER,
            hands_cluster_on: A::HANDS_CLUSTER_ON,
            makes_cluster: A::MAKES_CLUSTER,
            prerequisite: A::PREREQUISITE,
            programs: A::PROGRAMS,
            uses_docker: A::USES_DOCKER,
            secret_settings: A::SECRET_SETTINGS,
            probe_settings: A::PROBE_SETTINGS,
            scripts: A::SCRIPTS,
            check_cluster: A::check_cluster,
            parse: parse::<A>,
            schema: schema::<A>,
        }
    }
}

fn parse<A: ActionSettings>(table: SettingsTable<'_>) -> Result<Arc<dyn Action>, toml::de::Error> {
    let action = A::deserialize(toml::Deserializer::from(table))?;
    action.validate().map_err(serde::de::Error::custom)?;
    Ok(Arc::new(action))
}

fn schema<A: ActionSettings>() -> schemars::Schema {
    schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<A>()
}
