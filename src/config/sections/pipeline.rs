//! `[pipeline]`: the name, and the checklist files.

use crate::config::syntax::diagnostic::{Diagnostic, Report};
use crate::config::syntax::fields::{Fields, SpannedString};

/// Reads `[pipeline]`: the name, and the checklist files.
pub(crate) fn read(report: &Report, root: &mut Fields<'_>) -> (String, Vec<SpannedString>) {
    let Some(mut fields) = root.table("pipeline", "`[pipeline]`") else {
        report.add(
            Diagnostic::error("missing section `[pipeline]`")
                .at(report.source(), 0..0, "")
                .help("start the file with `[pipeline]` and `name = \"…\"`"),
        );
        return (String::new(), Vec::new());
    };
    let name = fields.required_string("name");
    let checklists = fields.strings("checklists").unwrap_or_default();
    fields.finish();
    let name = name.map_or_else(String::new, |name| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let text = name.get_ref();
        if text.is_empty()
            || text.len() > 63
            || !text.bytes().all(allowed)
            || text.starts_with('-')
            || text.ends_with('-')
        {
            report.add(
                Diagnostic::error(format!("invalid pipeline name `{text}`"))
                    .at(report.source(), name.span(), "")
                    .note("clusters and images are named after it: use at most 63 lower-case letters, digits and `-`"),
            );
        }
        name.into_inner()
    });
    (name, checklists)
}
