//! `provision report --format junit`: the items as test cases, which CI systems show.
//!
//! The form is the one that Jenkins and GitLab read: a `testsuite` for each phase, a `testcase` for each item.
//! An item that was never proven, or is waived, is skipped, not passed; one that is failed, stale or flaky is a
//! failure.

use std::io::{self, Write};

use super::case::{CaseResult, escaped, reasoned, result};
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
            write_case(out, status, &name)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn write_case(out: &mut dyn Write, status: &ItemStatus, phase: &str) -> io::Result<()> {
    let name = escaped(&status.item.title());
    let (file, line) = (escaped(&status.item.place.file), status.item.place.line);
    let time = took(status).as_secs_f64();
    writeln!(out, r#"    <testcase name="{name}" classname="{phase}" file="{file}" line="{line}" time="{time:.3}">"#)?;
    let why = escaped(&reasoned(status));
    match result(status.verdict) {
        CaseResult::Passed => {}
        CaseResult::Failed => writeln!(out, r#"      <failure message="{why}"/>"#)?,
        CaseResult::Skipped => writeln!(out, r#"      <skipped message="{why}"/>"#)?,
    }
    writeln!(out, "      <system-out>{why}</system-out>")?;
    writeln!(out, "    </testcase>")
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
