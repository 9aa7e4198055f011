//! `[profile.NAME]`: a named variant of the pipeline.

use std::collections::BTreeMap;

use crate::config::syntax::diagnostic::{Diagnostic, Report};
use crate::config::syntax::fields::{Fields, SpannedString, SpannedTable};
use crate::config::syntax::node::{Table, Value};
use crate::suggest::suggest;

/// A `[profile.NAME]`.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    /// The stages that it includes; `None` for all.
    pub(crate) stages: Option<Vec<SpannedString>>,
    pub(crate) vars: Table,
    pub(crate) cluster: Option<SpannedTable>,
}

/// Reads all profiles.
pub(crate) fn read(report: &Report, declared: Table, vars: &Table) -> BTreeMap<String, Profile> {
    let mut profiles = BTreeMap::new();
    for entry in declared.0 {
        if entry.key.contains('\n') {
            report.error(entry.key_span.clone(), "", "the name of a profile is one line");
        }
        let Value::Table(table) = entry.node.value else {
            let message = format!("the profile `{}` must be a table, not {}", entry.key, entry.node.kind());
            report.error(entry.node.span, "", message);
            continue;
        };
        let mut fields = Fields::new(report, "a profile", entry.node.span, table);
        let stages = fields.strings("stages");
        let profile = Profile { stages, vars: fields.names("vars"), cluster: fields.spanned_table("cluster") };
        fields.finish();
        for var in profile.vars.0.iter().filter(|var| vars.get(&var.key).is_none()) {
            report.add(
                Diagnostic::error(format!("unknown variable `{}`", var.key))
                    .at(
                        report.source(),
                        var.key_span.clone(),
                        "a profile can only override variables that `[vars]` declares",
                    )
                    .maybe_help(suggest(&var.key, vars.0.iter().map(|var| &*var.key))),
            );
        }
        profiles.insert(entry.key.into_owned(), profile);
    }
    profiles
}
