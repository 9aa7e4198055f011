//! `[pipeline]`: the name, the checklist files, and how long a proof lasts that can't be seen again.

use std::time::Duration;

use crate::config::syntax::diagnostic::{Diagnostic, Report};
use crate::config::syntax::fields::{Fields, SpannedString};

/// `max-age` by default: a day.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// `[pipeline]`.
pub(crate) struct PipelineSection {
    pub(crate) name: String,
    pub(crate) checklists: Vec<SpannedString>,
    /// How old a proof may be that can't be seen again without changing something.
    pub(crate) max_age: Duration,
}

/// Reads `[pipeline]`.
pub(crate) fn read(report: &Report, root: &mut Fields<'_>) -> PipelineSection {
    let Some(mut fields) = root.table("pipeline", "`[pipeline]`") else {
        report.add(
            Diagnostic::error("missing section `[pipeline]`")
                .at(report.source(), 0..0, "")
                .help("start the file with `[pipeline]` and `name = \"…\"`"),
        );
        return PipelineSection { name: String::new(), checklists: Vec::new(), max_age: MAX_AGE };
    };
    let name = fields.required_string("name");
    let checklists = fields.strings("checklists").unwrap_or_default();
    let max_age = fields.duration("max-age", Duration::from_secs(1)).unwrap_or(MAX_AGE);
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
    PipelineSection { name, checklists, max_age }
}
