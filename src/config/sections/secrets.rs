//! `[secrets]`: where the value of each secret comes from.

use std::collections::BTreeMap;
use std::ops::Range;

use super::vars::is_name;
use crate::config::syntax::diagnostic::{Diagnostic, Report};
use crate::config::syntax::fields::Fields;
use crate::config::syntax::node::{Entry, Table, Value};
use crate::tools::secrets::SecretSource;

/// Reads `[secrets]`.
pub(crate) fn read(report: &Report, declared: Table) -> BTreeMap<String, SecretSource> {
    let mut secrets = BTreeMap::new();
    for entry in declared.0 {
        if !is_name(&entry.key) {
            report.error(entry.key_span.clone(), "", format!("invalid secret name `{}`", entry.key));
        }
        let name = entry.key.clone().into_owned();
        // An invalid secret is still declared: its uses are not errors as well.
        let source =
            secret(report, entry).unwrap_or_else(|| SecretSource::Env { variable: name.clone(), optional: true });
        secrets.insert(name, source);
    }
    secrets
}

/// Returns the environment variables that hold declared secrets, with the names of those.
pub(crate) fn variables(secrets: &BTreeMap<String, SecretSource>) -> BTreeMap<String, String> {
    let variable = |(name, source): (&String, &SecretSource)| match source {
        SecretSource::Env { variable, .. } => Some((variable.clone(), name.clone())),
        SecretSource::Generate { .. } => None,
    };
    secrets.iter().filter_map(variable).collect()
}

fn secret(report: &Report, entry: Entry) -> Option<SecretSource> {
    const FORMS: &str = "write `{ env = \"NAME\" }` or `{ generate = \"hex32\" }`";
    let Value::Table(table) = entry.node.value else {
        report.add(
            Diagnostic::error(format!("the secret `{}` must be a table, not {}", entry.key, entry.node.kind()))
                .at(report.source(), entry.node.span, "")
                .unquoted()
                .note("the file never contains the value of a secret")
                .help(FORMS),
        );
        return None;
    };
    let mut fields = Fields::new(report, "a secret", entry.node.span.clone(), table);
    let (env, generate) = (fields.string("env"), fields.string("generate"));
    let optional = fields.boolean("optional");
    fields.finish();
    let invalid = |message: String, span: Range<usize>| {
        report.add(Diagnostic::error(message).at(report.source(), span, "").help(FORMS));
        None
    };
    match (env, generate) {
        (Some(env), None) => {
            if env.get_ref().is_empty() || env.get_ref().contains(['=', '\0']) {
                return invalid("invalid name of an environment variable".into(), env.span());
            }
            Some(SecretSource::Env { variable: env.into_inner(), optional: optional.unwrap_or(false) })
        }
        (None, Some(generate)) => {
            let bytes = generate.get_ref().strip_prefix("hex").and_then(|n| n.parse::<usize>().ok());
            match bytes.filter(|bytes| (8..=1024).contains(bytes)) {
                Some(bytes) => Some(SecretSource::Generate { bytes }),
                None => invalid(
                    "`generate` must be `hexN`, with N, the number of random bytes, between 8 and 1024".into(),
                    generate.span(),
                ),
            }
        }
        (Some(_), Some(generate)) => invalid("the secret has two sources".into(), generate.span()),
        (None, None) => invalid(format!("the secret `{}` has no source", entry.key), entry.node.span),
    }
}
