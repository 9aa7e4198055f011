//! The tables before the stages: `[pipeline]`, `[secrets]`, `[profile.NAME]`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::cluster::{CLUSTER_KEYS, unknown_cluster_key};
use super::diagnostic::{Diagnostic, Report};
use super::fields::{Fields, SpannedTable, Text};
use super::nearest::suggest;
use super::node::{Entry, Table, Value};
use super::vars::is_name;
use crate::tools::secrets::SecretSource;

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

/// `[profile.NAME]`.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// The stages that are left in; all where it names none.
    pub(super) stages: Option<Vec<Text>>,
    pub(super) vars: Table,
    pub(super) cluster: Option<SpannedTable>,
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
        let profile = Profile { stages, vars: fields.names("vars"), cluster: fields.spanned_table("cluster") };
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
