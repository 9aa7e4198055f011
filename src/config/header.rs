//! The tables before the stages: `[pipeline]`, `[secrets]`, `[cluster]`, `[profile.NAME]`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::diagnostic::{Diagnostic, Report};
use super::fields::{Fields, Text};
use super::nearest::suggest;
use super::node::{Entry, Table, Value};
use super::scope::Scope;
use super::template::fill;
use super::vars::is_name;
use crate::tools::cluster::{ClusterSpec, Provider};
use crate::tools::secrets::SecretSource;

/// Providers that the format names and this version can't make.
const LATER_PROVIDERS: [&str; 2] = ["kind", "k3d"];
const CLUSTER_KEYS: [&str; 8] =
    ["provider", "name", "context", "cpus", "memory", "driver", "kubernetes-version", "start-args"];

/// `[pipeline]`: the name, and the checklist files.
pub(super) fn pipeline(report: &Report, root: &mut Fields<'_>) -> (String, Vec<Text>) {
    let Some(mut fields) = root.table("pipeline", "`[pipeline]`") else {
        report.add(
            Diagnostic::error("the file has no `[pipeline]`")
                .at(report.source(), 0..0, "")
                .help("it begins with `[pipeline]` and `name = \"…\"`"),
        );
        return (String::new(), Vec::new());
    };
    let name = fields.required_text("name");
    let checklists = fields.texts("checklists").unwrap_or_default();
    fields.finish();
    let name = name.map_or_else(String::new, |name| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let text = name.get_ref();
        if text.is_empty() || text.len() > 63 || !text.bytes().all(fits) || text.starts_with('-') || text.ends_with('-')
        {
            report.add(
                Diagnostic::error(format!("`{text}` can't be a pipeline's name"))
                    .at(report.source(), name.span(), "")
                    .note("clusters and images are named after it: at most 63 lower-case letters, digits and `-`"),
            );
        }
        name.into_inner()
    });
    (name, checklists)
}

/// `[secrets]`.
pub(super) fn secrets(report: &Report, declared: Table) -> BTreeMap<String, SecretSource> {
    let mut secrets = BTreeMap::new();
    for entry in declared.0 {
        if !is_name(&entry.key) {
            report.error(entry.key_span.clone(), "", format!("`{}` is not a name", entry.key));
        }
        let name = entry.key.clone();
        // A wrong one is still known: what uses it is not wrong as well.
        let source =
            secret(report, entry).unwrap_or_else(|| SecretSource::Env { variable: name.clone(), optional: true });
        secrets.insert(name, source);
    }
    secrets
}

fn secret(report: &Report, entry: Entry) -> Option<SecretSource> {
    const FORMS: &str = "write `{ env = \"NAME\" }` or `{ generate = \"hex32\" }`";
    let Value::Table(table) = entry.node.value else {
        report.add(
            Diagnostic::error(format!("the secret `{}` has to be a table, not {}", entry.key, entry.node.kind()))
                .at(report.source(), entry.node.span, "")
                .unquoted()
                .note("a secret's value never stands in the file")
                .help(FORMS),
        );
        return None;
    };
    let mut fields = Fields::new(report, "a secret", entry.node.span.clone(), table);
    let (env, generate) = (fields.text("env"), fields.text("generate"));
    let optional = fields.flag("optional");
    fields.finish();
    let wrong = |message: String, span: Range<usize>| {
        report.add(Diagnostic::error(message).at(report.source(), span, "").help(FORMS));
        None
    };
    match (env, generate) {
        (Some(env), None) => {
            if env.get_ref().is_empty() || env.get_ref().contains(['=', '\0']) {
                return wrong("this is not the name of an environment variable".into(), env.span());
            }
            Some(SecretSource::Env { variable: env.into_inner(), optional: optional.unwrap_or(false) })
        }
        (None, Some(generate)) => {
            let bytes = generate.get_ref().strip_prefix("hex").and_then(|n| n.parse::<usize>().ok());
            match bytes.filter(|bytes| (8..=1024).contains(bytes)) {
                Some(bytes) => Some(SecretSource::Generate { bytes }),
                None => {
                    wrong("`generate` has to be `hexN`, with N between 8 and 1024 random bytes".into(), generate.span())
                }
            }
        }
        (Some(_), Some(generate)) => wrong("a secret has one source, not two".into(), generate.span()),
        (None, None) => wrong(format!("the secret `{}` has no source", entry.key), entry.node.span),
    }
}

/// A table of the file with its place.
pub(super) type Placed = (Range<usize>, Table);

/// `[profile.NAME]`.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// The stages that are left in; all where it names none.
    pub(super) stages: Option<Vec<Text>>,
    pub(super) vars: Table,
    pub(super) cluster: Option<Placed>,
}

/// All profiles.
pub(super) fn profiles(report: &Report, declared: Table, vars: &Table) -> BTreeMap<String, Profile> {
    let mut profiles = BTreeMap::new();
    for entry in declared.0 {
        let Value::Table(table) = entry.node.value else {
            let message = format!("the profile `{}` has to be a table, not {}", entry.key, entry.node.kind());
            report.error(entry.node.span, "", message);
            continue;
        };
        let mut fields = Fields::new(report, "a profile", entry.node.span, table);
        let stages = fields.texts("stages");
        let profile = Profile { stages, vars: fields.names("vars"), cluster: placed(&mut fields, "cluster") };
        fields.finish();
        for var in profile.vars.0.iter().filter(|var| vars.get(&var.key).is_none()) {
            report.add(
                Diagnostic::error(format!("there is no variable `{}`", var.key))
                    .at(report.source(), var.key_span.clone(), "a profile overrides, it does not declare")
                    .maybe_help(suggest(&var.key, vars.0.iter().map(|var| var.key.as_str()))),
            );
        }
        for key in profile.cluster.iter().flat_map(|(_, table)| &table.0) {
            if !CLUSTER_KEYS.contains(&key.key.as_str()) {
                unknown_cluster_key(report, key);
            }
        }
        profiles.insert(entry.key, profile);
    }
    profiles
}

/// A table of its own with its place.
pub(super) fn placed(fields: &mut Fields<'_>, key: &'static str) -> Option<Placed> {
    let table = fields.table(key, "a table")?;
    Some((table.span(), table.rest()))
}

fn unknown_cluster_key(report: &Report, entry: &Entry) {
    report.add(
        Diagnostic::error(format!("unknown key `{}` in `[cluster]`", entry.key))
            .at(report.source(), entry.key_span.clone(), "not known here")
            .maybe_help(suggest(&entry.key, CLUSTER_KEYS)),
    );
}

/// `[cluster]`, with what the profile has of its own: a provider of its own replaces all of it.
pub(super) fn cluster(
    report: &Report,
    declared: Option<Placed>,
    profile: Option<Placed>,
    scope: &Scope<'_>,
) -> Option<ClusterSpec> {
    let (span, mut table) = match (declared, profile) {
        (None, None) => return None,
        (Some(only), None) | (None, Some(only)) => only,
        (Some((_, base)), Some((span, over))) => {
            let provider = |table: &Table| match table.get("provider").map(|entry| &entry.node.value) {
                Some(Value::Text(text)) => Some(text.clone()),
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
    let provider = fields.required_text("provider")?;
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
            name: fields.text("name").map_or_else(|| scope.pipeline.to_owned(), Text::into_inner),
            cpus: fields.whole("cpus", 1..=1024),
            memory: fields.text("memory").map(Text::into_inner),
            driver: fields.text("driver").map(Text::into_inner),
            kubernetes_version: fields.text("kubernetes-version").map(Text::into_inner),
            start_args: (fields.texts("start-args").unwrap_or_default().into_iter().map(Text::into_inner)).collect(),
        },
        Provider::Context => ClusterSpec {
            provider: *kind,
            name: fields.required_text("context")?.into_inner(),
            cpus: None,
            memory: None,
            driver: None,
            kubernetes_version: None,
            start_args: Vec::new(),
        },
    };
    for entry in fields.rest().0 {
        let message = format!("`{}` has no meaning for the provider `{}`", entry.key, provider.get_ref());
        report.error(entry.key_span, "", message);
    }
    Some(spec)
}

/// What expressions know of a cluster.
pub(super) fn cluster_facts(
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
