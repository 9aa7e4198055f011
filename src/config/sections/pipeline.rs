//! `[pipeline]`: the name, the checklist files, the file of waivers, and how long a proof lasts that can't be seen
//! again.

use std::time::Duration;

use super::vars::is_name;
use crate::config::syntax::diagnostic::{Diagnostic, Report};
use crate::config::syntax::fields::{Fields, SpannedString};
use crate::config::syntax::node::{Node, Value, decimal};

/// A checklist file.
#[derive(Debug)]
pub(crate) struct ChecklistFile {
    /// The name of the list: `auth` in `auth:T001`. All have one, or none has.
    pub(crate) list: Option<String>,
    pub(crate) path: SpannedString,
}

/// The file of waivers.
#[derive(Debug)]
pub(crate) struct WaiverFile {
    pub(crate) path: SpannedString,
    pub(crate) ceiling: Ceiling,
}

/// How many items may be waived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ceiling {
    /// A tenth of all, and at least one.
    Default,
    /// That part of all, rounded down.
    Percent(u32),
    /// So many.
    Number(u32),
}

/// `max-age` by default: a day.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// `[pipeline]`.
pub(crate) struct PipelineSection {
    pub(crate) name: String,
    pub(crate) checklists: Vec<ChecklistFile>,
    pub(crate) waivers: Option<WaiverFile>,
    /// The file with variables for expressions and secrets.
    pub(crate) env_file: Option<SpannedString>,
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
        return PipelineSection {
            name: String::new(),
            checklists: Vec::new(),
            waivers: None,
            env_file: None,
            max_age: MAX_AGE,
        };
    };
    let name = fields.required_string("name");
    let checklists = checklists(report, &mut fields);
    let max_age = fields.duration("max-age", Duration::from_secs(1)).unwrap_or(MAX_AGE);
    let waivers = waivers(report, &mut fields);
    let env_file = fields.string("env-file");
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
    PipelineSection { name, checklists, waivers, env_file, max_age }
}

/// Reads `waivers` and `max-waived`.
fn waivers(report: &Report, fields: &mut Fields<'_>) -> Option<WaiverFile> {
    let path = fields.string("waivers");
    let ceiling = fields.take("max-waived").map_or(Some(Ceiling::Default), |node| {
        let parsed = match &node.value {
            Value::Integer(number) => decimal(number).parse().ok().map(Ceiling::Number),
            Value::String(text) => {
                let percent = text.strip_suffix('%').and_then(|percent| percent.trim_end().parse().ok());
                percent.filter(|percent| *percent <= 100).map(Ceiling::Percent)
            }
            _ => None,
        };
        if parsed.is_none() {
            report.add(
                Diagnostic::error("`max-waived` is neither a number of items nor a part of them")
                    .at(report.source(), node.span, "")
                    .help("write `max-waived = 3` or `max-waived = \"10%\"`"),
            );
        }
        parsed
    });
    Some(WaiverFile { path: path?, ceiling: ceiling? })
}

/// Reads `checklists`: an array of files, or a table of files by the names of their lists.
fn checklists(report: &Report, fields: &mut Fields<'_>) -> Vec<ChecklistFile> {
    const EXPECTED: &str = "an array of files, or a table of files with names";
    let Some(node) = fields.take("checklists") else {
        return Vec::new();
    };
    let named: Vec<(Option<String>, Node)> = match node.value {
        Value::Array(items) => items.into_iter().map(|item| (None, item)).collect(),
        Value::Table(table) => {
            for entry in table.0.iter().filter(|entry| !is_name(&entry.key)) {
                let message = format!("invalid name of a checklist `{}`: use letters, digits, `-` and `_`", entry.key);
                report.error(entry.key_span.clone(), "", message);
            }
            table.0.into_iter().map(|entry| (Some(entry.key.into_owned()), entry.node)).collect()
        }
        _ => {
            let message = format!("`checklists` must be {EXPECTED}, not {}", node.kind());
            report.error(node.span, "", message);
            return Vec::new();
        }
    };
    let mut files = Vec::new();
    for (list, node) in named {
        if let Value::String(path) = node.value {
            files.push(ChecklistFile { list, path: SpannedString::new(node.span, path) });
        } else {
            report.error(
                node.span.clone(),
                "",
                format!("a file of `checklists` must be a string, not {}", node.kind()),
            );
        }
    }
    files
}
