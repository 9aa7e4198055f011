//! `provision report --format junit`: the items as test cases, which CI systems show.
//!
//! The form is the one that Jenkins and GitLab read: a `testsuite` for each phase, a `testcase` for each item.
//! An item that was never proven is skipped, not passed; one that is failed or stale is a failure.

use std::io::{self, Write};

use super::evidence::{basis, took};
use super::{ChecklistReport, Format};
use crate::model::{ItemStatus, Verdict};
use crate::report::style::timestamp;
use crate::report::text;

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
    let why = escaped(&format!("{}: {}", status.verdict.word(), basis(status)));
    match result(status.verdict) {
        CaseResult::Passed => {}
        CaseResult::Failed => writeln!(out, r#"      <failure message="{why}"/>"#)?,
        CaseResult::Skipped => writeln!(out, r#"      <skipped message="{why}"/>"#)?,
    }
    writeln!(out, "      <system-out>{}</system-out>", escaped(&basis(status)))?;
    writeln!(out, "    </testcase>")
}

/// What a test report says of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaseResult {
    Passed,
    Failed,
    Skipped,
}

/// Returns what a test report says of an item with this verdict.
pub(super) fn result(verdict: Verdict) -> CaseResult {
    match verdict {
        verdict if verdict.is_ticked() => CaseResult::Passed,
        Verdict::Failed | Verdict::Stale => CaseResult::Failed,
        _ => CaseResult::Skipped,
    }
}

/// Returns the attributes that count the cases.
fn numbers(items: &[ItemStatus]) -> String {
    let count = |wanted| items.iter().filter(|status| result(status.verdict) == wanted).count();
    let (failures, skipped) = (count(CaseResult::Failed), count(CaseResult::Skipped));
    let time: f64 = items.iter().map(|status| took(status).as_secs_f64()).sum();
    format!(r#"tests="{}" failures="{failures}" errors="0" skipped="{skipped}" time="{time:.3}""#, items.len())
}

/// Returns text for XML, in attributes too.
pub(super) fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in text::plain(value).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in XML, also not as references.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
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

    #[test]
    fn text_is_escaped() {
        assert_eq!(
            escaped("a<b> & \"c\" 'd'\x1b[2J\u{1}\u{ffff}"),
            "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;\u{fffd}"
        );
    }
}
