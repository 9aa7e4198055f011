//! `provision report --format junit`: the items as test cases, which CI systems show.
//!
//! The form is the one that Jenkins and GitLab read: a `testsuite` for each phase, a `testcase` for each item.
//! An item that was never proven, or is waived, is skipped, not passed; one that is failed, stale or flaky is a
//! failure. Its type is the id of the error if a step failed, else the verdict; its text is all that is known of it.

use std::io::{self, Write};

use super::case::{CaseResult, escaped, headline, reasoned, result, trace};
use super::evidence::took;
use super::format::{ChecklistReport, Format};
use crate::model::ItemStatus;
use crate::report::style::timestamp;

pub(super) const FORMAT: Format = Format { name: "junit", write };

fn write(out: &mut dyn Write, report: &ChecklistReport) -> io::Result<()> {
    let items = &report.checklist.items;
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<testsuites name="{}" {}>"#, escaped(report.pipeline), numbers(items))?;
    for phase in items.chunk_by(|a, b| a.item.phase == b.item.phase) {
        let name = escaped(&phase[0].item.phase);
        let at = timestamp(report.generated_ms);
        writeln!(out, r#"  <testsuite name="{name}" timestamp="{at}" {}>"#, numbers(phase))?;
        for status in phase {
            write_case(out, report, status, &name)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn write_case(out: &mut dyn Write, report: &ChecklistReport, status: &ItemStatus, phase: &str) -> io::Result<()> {
    let name = escaped(&status.item.title());
    let (file, line) = (escaped(&status.item.place.file), status.item.place.line);
    let time = took(status).as_secs_f64();
    writeln!(out, r#"    <testcase name="{name}" classname="{phase}" file="{file}" line="{line}" time="{time:.3}">"#)?;
    let errors = report.errors(status);
    let message = escaped(&headline(status, &errors));
    match result(status.verdict) {
        CaseResult::Passed => {}
        CaseResult::Failed => {
            let kind = errors.first().map_or(status.verdict.word(), |(_, error)| &error.id);
            let start = format!(r#"failure type="{}" message="{message}""#, escaped(kind));
            write_element(out, "failure", &start, &trace(&errors))?;
        }
        CaseResult::Skipped => {
            write_element(out, "skipped", &format!(r#"skipped message="{message}""#), &trace(&errors))?;
        }
    }
    writeln!(out, "      <system-out>{}</system-out>", escaped(&reasoned(status)))?;
    writeln!(out, "    </testcase>")
}

/// Writes an element with its start as it is and lines of text; without lines as an empty one.
fn write_element(out: &mut dyn Write, name: &str, start: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return writeln!(out, "      <{start}/>");
    }
    // Spaces around the text would be a part of it.
    let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
    writeln!(out, "      <{start}>{}</{name}>", lines.join("\n"))
}

/// Returns the attributes that count the cases.
fn numbers(items: &[ItemStatus]) -> String {
    let count = |wanted| items.iter().filter(|status| result(status.verdict) == wanted).count();
    let (failures, skipped) = (count(CaseResult::Failed), count(CaseResult::Skipped));
    let time: f64 = items.iter().map(|status| took(status).as_secs_f64()).sum();
    format!(r#"tests="{}" failures="{failures}" errors="0" skipped="{skipped}" time="{time:.3}""#, items.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::runs::report;

    #[test]
    fn items_are_test_cases() {
        let mut out = Vec::new();
        write(&mut out, &report()).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
