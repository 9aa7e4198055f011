//! [`write_diagnosis_json`]: the findings of `provision doctor` as one JSON document. docs/doctor.md describes it.

use std::io::{self, Write};

use serde::Serialize;

use super::{Checked, Diagnosis, Finding, Health};
use crate::report::text::write_document;

/// The version of the document. Fields may be added without another one.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    /// [`VERSION`].
    v: u32,
    /// The pipeline's name; `null` without one.
    pipeline: Option<&'a str>,
    /// Its file; `null` without one.
    file: Option<String>,
    /// Whether there are no problems.
    healthy: bool,
    counts: Counts,
    checks: Vec<WireCheck<'a>>,
}

#[derive(Serialize)]
struct Counts {
    good: usize,
    skipped: usize,
    warnings: usize,
    problems: usize,
}

#[derive(Serialize)]
struct WireCheck<'a> {
    /// The check's name.
    check: &'static str,
    duration_ms: u128,
    findings: Vec<WireFinding<'a>>,
}

#[derive(Serialize)]
struct WireFinding<'a> {
    /// What was checked.
    subject: &'a str,
    /// `good`, `skipped`, `warning` or `problem`.
    health: &'static str,
    message: &'a str,
    /// What helps: whole commands or sentences.
    fixes: &'a [String],
}

/// Writes the document.
pub(crate) fn write_diagnosis_json(out: &mut dyn Write, diagnosis: &Diagnosis<'_>) -> io::Result<()> {
    let document = Document {
        v: VERSION,
        pipeline: diagnosis.pipeline,
        file: diagnosis.file.map(|file| file.display().to_string()),
        healthy: diagnosis.count(Health::Problem) == 0,
        counts: Counts {
            good: diagnosis.count(Health::Good),
            skipped: diagnosis.count(Health::Skipped),
            warnings: diagnosis.count(Health::Warning),
            problems: diagnosis.count(Health::Problem),
        },
        checks: diagnosis.checks.iter().map(wire_check).collect(),
    };
    write_document(out, &document)
}

fn wire_check(checked: &Checked) -> WireCheck<'_> {
    WireCheck {
        check: checked.check,
        duration_ms: checked.duration.as_millis(),
        findings: checked.findings.iter().map(wire_finding).collect(),
    }
}

fn wire_finding(finding: &Finding) -> WireFinding<'_> {
    let health = match finding.health {
        Health::Good => "good",
        Health::Skipped => "skipped",
        Health::Warning => "warning",
        Health::Problem => "problem",
    };
    WireFinding { subject: &finding.subject, health, message: &finding.text, fixes: &finding.fixes }
}
