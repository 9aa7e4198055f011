//! `[cluster]`, merged with the section of a profile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::check::{Checked, check};
use super::provider_ref::{PROVIDER_KEY, ProviderRef};
use crate::cluster::{PROVIDERS, ProviderType};
use crate::config::expr::scope::Scope;
use crate::config::expr::template::fill;
use crate::config::syntax::diagnostic::{Diagnostic, Report};
use crate::config::syntax::fields::{Fields, SpannedTable};
use crate::config::syntax::node::{Table, Value};
use crate::suggest::{nearest, suggest};
use crate::tools::cluster::ClusterSpec;

/// Reports the keys of a profile's `cluster` that no provider knows.
pub(in crate::config) fn check_override(report: &Report, table: &Table) {
    let schemas: Vec<_> = PROVIDERS.iter().map(|provider| (provider.schema)().to_value()).collect();
    let settings = schemas.iter().filter_map(|schema| schema["properties"].as_object()).flat_map(|keys| keys.keys());
    let known: BTreeSet<&str> = settings.map(String::as_str).chain([PROVIDER_KEY]).collect();
    for entry in table.0.iter().filter(|entry| !known.contains(&*entry.key)) {
        report.add(
            Diagnostic::error(format!("unknown key `{}` in `[cluster]`", entry.key))
                .at(report.source(), entry.key_span.clone(), "not known here")
                .maybe_help(suggest(&entry.key, known.iter().copied())),
        );
    }
}

/// `[cluster]`, with what the profile has of its own: a provider of its own replaces all of it.
pub(in crate::config) fn resolve(
    report: &Report,
    declared: Option<SpannedTable>,
    profile: Option<SpannedTable>,
    scope: &Scope<'_>,
) -> Option<ClusterSpec> {
    let (span, mut table) = match (declared, profile) {
        (None, None) => return None,
        (Some(only), None) | (None, Some(only)) => only,
        (Some((_, base)), Some((span, over))) => (span, merge(base, over)),
    };
    if !fill(report, &mut table, scope) {
        return None;
    }
    let mut fields = Fields::new(report, "`[cluster]`", span, table);
    let name = fields.required_string(PROVIDER_KEY)?;
    let Some(provider) = PROVIDERS.iter().find(|provider| provider.name == name.get_ref()) else {
        report.add(unknown_provider(name.get_ref()).at(report.source(), name.span(), ""));
        return None;
    };
    if let Some(error) = divided_path(scope.state_dir) {
        report.add(error.at(report.source(), name.span(), "its kubeconfig would be two files"));
        return None;
    }
    let parser = ProviderRef { provider, place: name.span(), pipeline: scope.pipeline };
    match check(report, &parser, &fields.rest(), &[]) {
        Checked::Valid(spec) => Some(spec),
        Checked::Unknown | Checked::Invalid => None,
    }
}

fn merge(base: Table, over: Table) -> Table {
    let provider = |table: &Table| match table.get(PROVIDER_KEY).map(|entry| &entry.node.value) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    let mut table = match provider(&over) {
        Some(other) if Some(&other) != provider(&base).as_ref() => Table::default(),
        _ => base,
    };
    for entry in over.0 {
        table.take(&entry.key);
        table.0.push(entry);
    }
    table
}

/// Returns what is wrong with the path of the state folder. Programs divide KUBECONFIG at `:`; they would write to
/// another place, and read the user's own kubeconfig in place of the pipeline's.
fn divided_path(state_dir: &Path) -> Option<Diagnostic> {
    let folder = state_dir.parent()?.to_string_lossy();
    folder.contains(':').then(|| {
        Diagnostic::error(format!("the path of the project has a `:`, at which programs divide KUBECONFIG: `{folder}`"))
            .help("move the project to a folder without `:` in its path, or rename that")
    })
}

fn unknown_provider(name: &str) -> Diagnostic {
    let names = || PROVIDERS.iter().map(|provider: &ProviderType| provider.name);
    let known = names().collect::<Vec<_>>().join(", ");
    Diagnostic::error(format!("unknown provider `{name}`; known: {known}"))
        .maybe_help(nearest(name, names()).map(|near| format!("did you mean `{near}`?")))
}

/// The facts of a cluster that expressions can use.
pub(in crate::config) const FACTS: [&str; 4] = ["name", "context", "kubeconfig", "provider"];

/// Returns the values of [`FACTS`] for a cluster.
pub(in crate::config) fn facts(
    spec: &ClusterSpec,
    state_dir: &Path,
    env: &BTreeMap<String, String>,
) -> BTreeMap<&'static str, String> {
    let own = spec.kubeconfig(state_dir).map(|path| path.display().to_string());
    // kubectl's own rule for a cluster that is not ours.
    let kubeconfig = own
        .or_else(|| env.get("KUBECONFIG").filter(|path| !path.is_empty()).cloned())
        .unwrap_or_else(|| format!("{}/.kube/config", env.get("HOME").map_or("~", String::as_str)));
    BTreeMap::from([
        ("name", spec.name.clone()),
        ("context", spec.context.clone()),
        ("kubeconfig", kubeconfig),
        (PROVIDER_KEY, spec.provider.to_owned()),
    ])
}
