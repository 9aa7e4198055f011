//! [`Provider`]: what one kind of cluster does in its own way; [`ProviderType`]: its entry in the list.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::DeTable;

use super::session::{Ready, Session};
use crate::error::Failure;
use crate::fingerprint::Inputs;
use crate::images::Delivery;
use crate::tools::Tools;
use crate::tools::cluster::ClusterSpec;
use crate::tools::deletion::Deletion;

/// The settings of `[cluster]` without `provider`, every value with its place; expressions are filled in already.
pub type SettingsTable<'a> = Spanned<DeTable<'a>>;

/// One cluster of a provider: its settings, and what is done with it.
pub trait Provider: Debug + Send + Sync {
    /// Adds the settings of `[cluster]` that decide whether the cluster is still the declared one.
    fn inputs(&self, inputs: &mut Inputs) {
        let _ = inputs;
    }

    /// Checks once whether the cluster is ready, within a few seconds. Starts no process.
    fn check<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Ready, Failure>>;

    /// Returns the settings of `[cluster]` that the cluster does not have and that can't be changed on it, each with
    /// both values. None by default.
    fn differences<'a>(
        &'a self,
        tools: &'a Tools,
        spec: &'a ClusterSpec,
    ) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        let _ = (tools, spec);
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Creates, resumes or repairs the cluster until it is ready; `program` is the provider's program, by default the
    /// one in
    /// `PATH`. May be interrupted anywhere and called again.
    fn ensure_up<'a>(
        &'a self,
        cx: &'a Session<'a>,
        spec: &'a ClusterSpec,
        program: Option<&'a Path>,
    ) -> BoxFuture<'a, Result<Ready, Failure>>;

    /// What it needs of this machine. Nothing by default.
    fn demand(&self) -> Demand {
        Demand::default()
    }

    /// The ways in which images reach its node, the cheapest first. None by default.
    fn deliveries(&self) -> &'static [&'static dyn Delivery] {
        &[]
    }

    /// What turns its addons on; `None` by default: it has no addons.
    fn addons(&self) -> Option<&dyn Addons> {
        None
    }

    /// Returns whether this checkout made the cluster that is there now, by what the cluster itself shows; `false`
    /// where that can't be seen, as by default.
    fn is_made_here<'a>(&'a self, tools: &'a Tools, spec: &'a ClusterSpec) -> BoxFuture<'a, Result<bool, Failure>> {
        let _ = (tools, spec);
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Returns what `down` would delete of the cluster, each with the proof that it is ours. Nothing by default.
    fn removals<'a>(
        &'a self,
        tools: &'a Tools,
        spec: &'a ClusterSpec,
    ) -> BoxFuture<'a, Result<Vec<Deletion>, Failure>> {
        let _ = (tools, spec);
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Deletes one of [`Provider::removals`], which was permitted. Has to be safe to call twice.
    fn delete<'a>(
        &'a self,
        cx: &'a Session<'a>,
        spec: &'a ClusterSpec,
        removal: &'a Deletion,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        let _ = (cx, spec, removal);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What a cluster needs of the machine that it runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// The programs that make it.
    pub programs: &'static [&'static str],
    /// Whether its nodes are containers of the Docker daemon, as far as the settings decide that.
    pub in_docker: bool,
    /// The processors that the settings ask for.
    pub cpus: Option<u64>,
    /// The memory that they ask for, in bytes.
    pub memory: Option<u64>,
    /// Where it keeps data, besides the daemon.
    pub folders: Vec<PathBuf>,
}

/// An addon as a step declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addon {
    /// Its name.
    pub name: String,
    /// Images in place of its own, by the names that the provider's tool has for them.
    pub images: BTreeMap<String, String>,
    /// The registries that they come from, by the same names.
    pub registries: BTreeMap<String, String>,
}

/// Where the workloads of an addon are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddonPlace {
    /// Their namespace.
    pub namespace: String,
    /// The labels that they have; empty for everything in the namespace.
    pub selector: String,
}

/// The addons of a provider: parts of a cluster that its tool turns on.
pub trait Addons: Debug + Send + Sync {
    /// Returns whether the addon `name` is on, as the provider's tool has it on record. Starts no process.
    fn is_enabled(&self, spec: &ClusterSpec, name: &str) -> Result<bool, Failure>;

    /// Turns an addon on. May wait for its pods, which the caller does too. May be interrupted anywhere and called
    /// again.
    fn enable<'a>(
        &'a self,
        cx: &'a Session<'a>,
        spec: &'a ClusterSpec,
        addon: &'a Addon,
        program: Option<&'a Path>,
    ) -> BoxFuture<'a, Result<(), Failure>>;

    /// Returns where the workloads of the addon `name` are; `None` for one that has none.
    fn place(&self, name: &str) -> Option<AddonPlace>;

    /// The command that turns an addon off, as a person types it.
    fn disable_line(&self, spec: &ClusterSpec, name: &str) -> String;
}

/// A provider's settings: what `[cluster]` without `provider` deserializes to. The struct has
/// `#[serde(deny_unknown_fields, rename_all = "kebab-case")]`; the doc comments of its fields are the reference that
/// errors quote.
pub trait ProviderSettings: Provider + DeserializeOwned + JsonSchema + 'static {
    /// What `provider = "…"` names it.
    const NAME: &'static str;
    /// Settings as one would write them, without `provider`; they have to parse.
    const EXAMPLE: &'static str;

    /// Returns the cluster that the settings declare for `pipeline`. [`ProviderType::parse`] attaches the settings to
    /// it. Fails with the reason for settings that exclude each other, and for a name that its tool can't take.
    fn spec(&self, pipeline: &str) -> Result<ClusterSpec, String>;
}

/// A provider's entry in the list of providers.
#[derive(Clone, Copy, Debug)]
pub struct ProviderType {
    /// See [`ProviderSettings::NAME`].
    pub name: &'static str,
    /// See [`ProviderSettings::EXAMPLE`].
    pub example: &'static str,
    /// Creates the cluster of a pipeline from `[cluster]`. The error has the place of what is wrong.
    pub parse: fn(SettingsTable<'_>, &str) -> Result<ClusterSpec, toml::de::Error>,
    /// The JSON Schema of its settings.
    pub schema: fn() -> schemars::Schema,
}

/// What a [`ClusterSpec`] has attached.
type Attached = Arc<dyn Provider>;

impl ProviderType {
    /// The entry of `P`.
    pub const fn of<P: ProviderSettings>() -> Self {
        Self { name: P::NAME, example: P::EXAMPLE, parse: parse::<P>, schema: schema::<P> }
    }
}

fn parse<P: ProviderSettings>(table: SettingsTable<'_>, pipeline: &str) -> Result<ClusterSpec, toml::de::Error> {
    let settings = P::deserialize(toml::Deserializer::from(table))?;
    let spec = settings.spec(pipeline).map_err(serde::de::Error::custom)?;
    let attached: Attached = Arc::new(settings);
    Ok(spec.with_implementation(attached))
}

fn schema<P: ProviderSettings>() -> schemars::Schema {
    schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<P>()
}

/// Returns what creates and checks the cluster of `spec`.
pub fn provider(spec: &ClusterSpec) -> Result<&dyn Provider, Failure> {
    let attached = spec.implementation::<Attached>().map(AsRef::as_ref);
    attached.ok_or_else(|| Failure::bug(format!("the cluster `{}` was not created by a provider", spec.name)))
}
