//! `[cluster]`, merged with the section of a profile.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::expr::scope::Scope;
use crate::config::expr::template::fill;
use crate::config::syntax::diagnostic::{Diagnostic, Report};
use crate::config::syntax::fields::{Fields, SpannedString, SpannedTable};
use crate::config::syntax::node::{Entry, Table, Value};
use crate::suggest::suggest;
use crate::tools::cluster::{ClusterSpec, Provider};

/// Providers that the format names and this version can't make.
const LATER_PROVIDERS: [&str; 2] = ["kind", "k3d"];
pub(crate) const CLUSTER_KEYS: [&str; 9] =
    ["provider", "name", "context", "cpus", "memory", "driver", "kubernetes-version", "start-args", "ephemeral"];

/// The longest name of a host, and so of a node.
const MAX_NAME: usize = 63;

pub(crate) fn unknown_cluster_key(report: &Report, entry: &Entry) {
    report.add(
        Diagnostic::error(format!("unknown key `{}` in `[cluster]`", entry.key))
            .at(report.source(), entry.key_span.clone(), "not known here")
            .maybe_help(suggest(&entry.key, CLUSTER_KEYS)),
    );
}

/// `[cluster]`, with what the profile has of its own: a provider of its own replaces all of it.
pub(crate) fn resolve(
    report: &Report,
    declared: Option<SpannedTable>,
    profile: Option<SpannedTable>,
    scope: &Scope<'_>,
) -> Option<ClusterSpec> {
    let (span, mut table) = match (declared, profile) {
        (None, None) => return None,
        (Some(only), None) | (None, Some(only)) => only,
        (Some((_, base)), Some((span, over))) => {
            let provider = |table: &Table| match table.get("provider").map(|entry| &entry.node.value) {
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
            (span, table)
        }
    };
    for key in &table.0 {
        if !CLUSTER_KEYS.contains(&key.key.as_str()) {
            unknown_cluster_key(report, key);
        }
    }
    table.0.retain(|entry| CLUSTER_KEYS.contains(&entry.key.as_str()));
    if !fill(report, &mut table, scope) {
        return None;
    }
    let mut fields = Fields::new(report, "`[cluster]`", span, table);
    let provider = fields.required_string("provider")?;
    let found = Provider::ALL.iter().find(|(name, _)| name == provider.get_ref());
    let Some((_, kind)) = found else {
        let names = Provider::ALL.iter().map(|(name, _)| *name);
        let name = provider.get_ref();
        let message = if LATER_PROVIDERS.contains(&name.as_str()) {
            format!("the provider `{name}` is not supported by this version yet")
        } else {
            format!("there is no provider `{name}`")
        };
        report
            .add(Diagnostic::error(message).at(report.source(), provider.span(), "").maybe_help(suggest(name, names)));
        return None;
    };
    let spec = match kind {
        Provider::Minikube => ClusterSpec {
            provider: *kind,
            name: name(report, &mut fields, scope),
            cpus: fields.integer("cpus", 1..=1024),
            memory: fields.string("memory").map(SpannedString::into_inner),
            driver: fields.string("driver").map(SpannedString::into_inner),
            kubernetes_version: fields.string("kubernetes-version").map(SpannedString::into_inner),
            start_args: start_args(report, &mut fields),
            ephemeral: fields.boolean("ephemeral").unwrap_or(false),
        },
        Provider::Context => ClusterSpec {
            provider: *kind,
            name: fields.required_string("context")?.into_inner(),
            cpus: None,
            memory: None,
            driver: None,
            kubernetes_version: None,
            start_args: Vec::new(),
            ephemeral: false,
        },
    };
    for entry in fields.rest().0 {
        let message = format!("`{}` has no meaning for the provider `{}`", entry.key, provider.get_ref());
        report.error(entry.key_span, "", message);
    }
    Some(spec)
}

/// The name of a minikube profile: of the form that minikube takes, which is also that of a host name.
fn name(report: &Report, fields: &mut Fields<'_>, scope: &Scope<'_>) -> String {
    let Some(name) = fields.string("name") else { return scope.pipeline.to_owned() };
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-')
    };
    let text = name.get_ref();
    if !(2..=MAX_NAME).contains(&text.len()) || !text.split('.').all(is_label) {
        report.add(
            Diagnostic::error(format!("minikube can't name a cluster `{text}`"))
                .at(report.source(), name.span(), "")
                .note(format!("2 to {MAX_NAME} letters, digits, `-` and `.`; a letter or digit at both ends")),
        );
    }
    name.into_inner()
}

fn start_args(report: &Report, fields: &mut Fields<'_>) -> Vec<String> {
    let args = fields.strings("start-args").unwrap_or_default();
    for arg in args.iter().filter(|arg| arg.get_ref().starts_with("--delete-on-failure")) {
        report.add(
            Diagnostic::error("`--delete-on-failure` deletes a cluster with all data in it")
                .at(report.source(), arg.span(), "")
                .help("for a cluster whose data may be lost, set `ephemeral = true`"),
        );
    }
    args.into_iter().map(SpannedString::into_inner).collect()
}

/// The facts of a cluster that expressions can use.
pub(crate) const FACTS: [&str; 4] = ["name", "context", "kubeconfig", "provider"];

/// Returns the values of [`FACTS`] for a cluster.
pub(crate) fn facts(
    spec: &ClusterSpec,
    state_dir: &Path,
    env: &BTreeMap<String, String>,
) -> BTreeMap<&'static str, String> {
    let own = spec.kubeconfig(state_dir).map(|path| path.display().to_string());
    // kubectl's own rule for a cluster that is not ours.
    let kubeconfig = own
        .or_else(|| env.get("KUBECONFIG").filter(|path| !path.is_empty()).cloned())
        .unwrap_or_else(|| format!("{}/.kube/config", env.get("HOME").map_or("~", String::as_str)));
    let provider = Provider::ALL.iter().find(|(_, provider)| *provider == spec.provider);
    BTreeMap::from([
        ("name", spec.name.clone()),
        ("context", spec.context().to_owned()),
        ("kubeconfig", kubeconfig),
        ("provider", provider.map_or_else(String::new, |(name, _)| (*name).to_owned())),
    ])
}
