//! `waivers` of `[pipeline]`: the file that says who answers for items that are not proven, and until when.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::checklist::{Items, read_text};
use super::pipeline::{Ceiling, WaiverFile};
use crate::config::syntax::diagnostic::{Diagnostic, Report, Source};
use crate::config::syntax::document;
use crate::config::syntax::fields::{Fields, SpannedString};
use crate::config::syntax::node::Value;
use crate::model::{Item, ItemId, ItemPlace, Waiver};

/// Returns the waivers of `file`, by their items.
pub(crate) fn read(report: &Report, root: &Path, file: Option<&WaiverFile>, items: &Items) -> BTreeMap<ItemId, Waiver> {
    let Some(WaiverFile { path, ceiling }) = file else { return BTreeMap::new() };
    let name = path.get_ref();
    let text = match read_text(&root.join(name)) {
        Ok(text) => text.replace("\r\n", "\n"),
        Err(why) => {
            report.error(path.span(), "", format!("can't read the waivers `{name}`: {why}"));
            return BTreeMap::new();
        }
    };
    let waivers = match document::parse(Arc::new(Source { name: name.clone(), text })) {
        Ok(document) => {
            // Its places are in the other file.
            let inner = Report::new(document.source);
            let waivers = entries(&inner, Fields::new(&inner, "the file of waivers", 0..0, document.table), items);
            let (errors, warnings) = inner.finish();
            errors.iter().chain(&warnings).for_each(|found| report.add(found.clone()));
            waivers
        }
        Err(errors) => {
            errors.iter().for_each(|error| report.add(error.clone()));
            return BTreeMap::new();
        }
    };
    let (n, total) = (waivers.len(), items.all.len());
    let most = ceiling.of(total);
    if n > most && items.complete {
        report.add(
            Diagnostic::error(format!("`{name}` waives {n} of {total} checklist items, and at most {most} may be"))
                .at(report.source(), path.span(), "")
                .note(ceiling.note())
                .help("prove some of them and take their waivers out; `max-waived` in `[pipeline]` is the limit"),
        );
    }
    waivers
}

fn entries(report: &Report, mut root: Fields<'_>, items: &Items) -> BTreeMap<ItemId, Waiver> {
    let mut waivers = BTreeMap::new();
    for mut fields in root.tables("waiver", "a waiver") {
        let at = fields.span();
        let item = fields.required_string("item");
        let owner = filled(report, &mut fields, "owner");
        let reason = filled(report, &mut fields, "reason");
        let expires = expires(report, &mut fields);
        fields.finish();
        let Some(name) = item else { continue };
        let Some(item) = items.resolve(report, &name) else { continue };
        if item.must {
            report.add(refused(report, &name, item));
            continue;
        }
        let (Some(owner), Some(reason), Some((expires, ends_ms))) = (owner, reason, expires) else { continue };
        let line = report.source().text[..at.start].matches('\n').count() + 1;
        let place = ItemPlace { file: report.source().name.as_str().into(), line };
        let waiver = Waiver { owner, reason, expires, ends_ms, place };
        if waivers.insert(item.id.clone(), waiver).is_some() {
            report.error(name.span(), "", format!("the item `{}` is waived twice", item.id));
        }
    }
    root.finish();
    waivers
}

/// Returns the error about the waiver of an item that is marked as a MUST.
fn refused(report: &Report, name: &SpannedString, item: &Item) -> Diagnostic {
    Diagnostic::error(format!("the item `{}` is marked as a MUST, which can't be waived", item.id))
        .at(report.source(), name.span(), "")
        .note(format!("{}: {}", item.place, item.title()))
        .help("prove it; or, if it is no MUST, say so where it stands: the mark is in its text or in a heading above")
}

/// Takes a required string that says something.
fn filled(report: &Report, fields: &mut Fields<'_>, key: &'static str) -> Option<String> {
    let value = fields.required_string(key)?;
    let text: Vec<&str> = value.get_ref().split_whitespace().collect();
    if text.is_empty() {
        report.error(value.span(), "", format!("`{key}` of a waiver is empty"));
        return None;
    }
    Some(text.join(" "))
}

/// Takes the last day on which a waiver holds. Returns it as text, and the moment at which it is over.
fn expires(report: &Report, fields: &mut Fields<'_>) -> Option<(String, i64)> {
    let Some(node) = fields.take("expires") else {
        fields.missing("expires");
        return None;
    };
    let date = match &node.value {
        Value::String(text) => text.parse::<Date>().ok().filter(|date| date.to_string() == *text),
        Value::Datetime(time) if time.time.is_none() => time.to_string().parse::<Date>().ok(),
        _ => None,
    };
    let end = date.and_then(|date| Some((date, date.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?)));
    let Some((date, end)) = end else {
        report.add(
            Diagnostic::error("`expires` of a waiver is not a day")
                .at(report.source(), node.span, "")
                .help("write the last day on which it holds: `expires = 2026-12-31`"),
        );
        return None;
    };
    Some((date.to_string(), end.timestamp().as_millisecond()))
}

impl Ceiling {
    /// Returns how many of `total` items may be waived.
    fn of(self, total: usize) -> usize {
        match self {
            Self::Default => (total / 10).max(1),
            Self::Percent(percent) => total.saturating_mul(percent as usize) / 100,
            Self::Number(number) => number as usize,
        }
    }

    fn note(self) -> String {
        match self {
            Self::Default => "without `max-waived`, a tenth of the items may be waived, or one of fewer than 20".into(),
            Self::Percent(percent) => format!("`max-waived` is {percent} % of the items"),
            Self::Number(number) => format!("`max-waived` is {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_is_a_tenth_by_default_and_never_more_than_it_says() {
        let of = |ceiling: Ceiling| [0, 1, 9, 10, 19, 20, 79, 1000].map(|total| ceiling.of(total));
        assert_eq!(of(Ceiling::Default), [1, 1, 1, 1, 1, 2, 7, 100]);
        assert_eq!(of(Ceiling::Percent(10)), [0, 0, 0, 1, 1, 2, 7, 100]);
        assert_eq!(of(Ceiling::Percent(100)), [0, 1, 9, 10, 19, 20, 79, 1000]);
        assert_eq!(of(Ceiling::Number(2)), [2; 8]);
        assert_eq!(of(Ceiling::Number(0)), [0; 8]);
    }
}
