//! `provision report --format ctrf`: the items in the Common Test Report Format (<https://ctrf.io>, schema version
//! 0.0.0).

use std::io::{self, Write};

use serde::Serialize;

use super::case::{CaseResult, headline, reasoned, result, trace};
use super::evidence::took;
use super::format::{ChecklistReport, Format};
use crate::model::{ItemStatus, Verdict};
use crate::report::error_object::WireError;

pub(super) const FORMAT: Format = Format { name: "ctrf", write };

fn write(out: &mut dyn Write, report: &ChecklistReport) -> io::Result<()> {
    let items = &report.checklist.items;
    let count = |wanted| items.iter().filter(|status| result(status.verdict) == wanted).count();
    let ends = || items.iter().flat_map(|status| &status.evidence);
    let document = Document {
        report_format: "CTRF",
        spec_version: "0.0.0",
        results: Results {
            tool: Tool { name: "provision", version: env!("CARGO_PKG_VERSION") },
            summary: Summary {
                tests: items.len(),
                passed: count(CaseResult::Passed),
                failed: count(CaseResult::Failed),
                pending: 0,
                skipped: count(CaseResult::Skipped),
                other: 0,
                start: ends()
                    .map(|end| end.finished_ms - i64::try_from(end.duration_ms).unwrap_or(0))
                    .min()
                    .unwrap_or(0),
                stop: ends().map(|end| end.finished_ms).max().unwrap_or(0),
            },
            tests: items.iter().map(|status| Test::new(report, status)).collect(),
        },
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    report_format: &'static str,
    spec_version: &'static str,
    results: Results<'a>,
}

#[derive(Serialize)]
struct Results<'a> {
    tool: Tool,
    summary: Summary,
    tests: Vec<Test<'a>>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Counts, and the first and the last moment in milliseconds since the Unix epoch.
#[derive(Serialize)]
struct Summary {
    tests: usize,
    passed: usize,
    failed: usize,
    pending: usize,
    skipped: usize,
    other: usize,
    start: i64,
    stop: i64,
}

/// An item; the duration in milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Test<'a> {
    name: String,
    status: &'static str,
    duration: u128,
    suite: [&'a str; 1],
    message: String,
    /// All that is known of the steps that failed, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    raw_status: &'static str,
    file_path: &'a str,
    line: usize,
    /// How many attempts failed before the steps succeeded; left out where none did.
    #[serde(skip_serializing_if = "is_zero")]
    retries: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    flaky: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<Extra<'a>>,
}

/// What the format has no field for, of an item with steps that failed.
#[derive(Serialize)]
struct Extra<'a> {
    /// The verdict, and what it is based on.
    basis: String,
    /// Why the steps failed.
    errors: Vec<StepError<'a>>,
}

/// Why a step failed: the same object as in the events and in the JSON report.
#[derive(Serialize)]
struct StepError<'a> {
    step: &'a str,
    error: WireError,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl<'a> Test<'a> {
    fn new(report: &ChecklistReport, status: &'a ItemStatus) -> Self {
        let errors = report.errors(status);
        let failed = !errors.is_empty();
        Self {
            name: status.item.title(),
            status: match result(status.verdict) {
                CaseResult::Passed => "passed",
                CaseResult::Failed => "failed",
                CaseResult::Skipped => "skipped",
            },
            duration: took(status).as_millis(),
            suite: [&status.item.phase],
            message: headline(status, &errors),
            trace: failed.then(|| trace(&errors).join("\n")),
            raw_status: status.verdict.word(),
            file_path: &status.item.place.file,
            line: status.item.place.line,
            retries: status.evidence.iter().map(|evidence| evidence.attempts.len()).sum(),
            flaky: status.verdict == Verdict::Flaky,
            extra: failed.then(|| Extra {
                basis: reasoned(status),
                errors: errors
                    .into_iter()
                    .map(|(step, error)| StepError { step: step.as_str(), error: error.into() })
                    .collect(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::testing::runs::report;

    #[test]
    fn the_document_has_the_fields_of_the_schema() {
        let mut out = Vec::new();
        write(&mut out, &report()).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(document["reportFormat"], "CTRF");
        let summary = json!({
            "tests": 11, "passed": 3, "failed": 4, "pending": 0, "skipped": 4, "other": 0,
            "start": 1_795_260_904_222_i64, "stop": 1_795_260_912_345_i64,
        });
        assert_eq!(document["results"]["summary"], summary);
        let first = json!({
            "name": "T015 Build the backend", "status": "passed", "duration": 8123, "suite": ["Phase 1: `Images`"],
            "message": "build.backend 2026-11-21T11:35:12Z (8.1s)", "rawStatus": "done", "filePath": "tasks.md", "line": 1,
        });
        assert_eq!(document["results"]["tests"][0], first);
        assert!(document["results"]["tests"][0].get("trace").is_none());
        insta::assert_snapshot!(serde_json::to_string_pretty(&document["results"]["tests"][3]).unwrap());
        let flaky = &document["results"]["tests"][8];
        assert_eq!(
            (&flaky["rawStatus"], &flaky["flaky"], &flaky["retries"]),
            (&json!("flaky"), &json!(true), &json!(2))
        );
    }
}
