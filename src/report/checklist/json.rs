//! `provision report --format json`.

use std::io::{self, Write};

use serde::Serialize;

use super::format::{ChecklistReport, Format};
use crate::error::ErrorObject;
use crate::model::{AppliedWaiver, Attempt, Counts, Evidence, ItemStatus, NearItem, StepId, Verdict};
use crate::report::error_object::WireError;
use crate::report::facts::Facts;
use crate::report::style::timestamp;
use crate::report::text::write_document;

pub(super) const FORMAT: Format = Format { name: "json", write };

fn write(out: &mut dyn Write, report: &ChecklistReport) -> io::Result<()> {
    let ChecklistReport { pipeline, checklist, generated_ms, error, .. } = *report;
    let document = Document {
        v: VERSION,
        pipeline,
        generated: timestamp(generated_ms),
        counts: WireCounts::new(checklist.counts()),
        items: checklist.items.iter().map(|status| WireItem::new(status, error)).collect(),
        near_items: checklist.near.iter().map(WireNear::new).collect(),
    };
    write_document(out, &document)
}

/// The version of the document: fields and verdicts may be added to one, and none changes its meaning or goes.
pub(in crate::report) const VERSION: u32 = 1;

/// The document.
#[derive(Serialize)]
struct Document<'a> {
    /// See [`VERSION`].
    v: u32,
    /// The pipeline's name.
    pipeline: &'a str,
    /// When it was generated: RFC 3339, UTC.
    generated: String,
    /// The number of items with each verdict.
    counts: WireCounts,
    /// Every item, in the order of the files.
    items: Vec<WireItem<'a>>,
    /// The lines that look like items and are none.
    near_items: Vec<WireNear<'a>>,
}

/// A line that looks like an item and is none.
#[derive(Serialize)]
struct WireNear<'a> {
    /// The path of its file, relative to the project.
    file: &'a str,
    /// The line, counted from 1.
    line: usize,
    /// Why it is none, and what to write instead.
    problem: &'a str,
}

impl<'a> WireNear<'a> {
    fn new(near: &'a NearItem) -> Self {
        Self { file: &near.place.file, line: near.place.line, problem: &near.problem }
    }
}

/// The number of items with each verdict.
#[derive(Serialize)]
pub(in crate::report) struct WireCounts {
    /// All items.
    total: usize,
    /// Proven, and still true at the last check.
    done: usize,
    /// Proven by a declared fallback.
    fallback: usize,
    /// Confirmed by a person.
    manual: usize,
    /// Not proven; somebody answers for them until a date.
    waived: usize,
    /// Proven only after a failed attempt.
    flaky: usize,
    /// A covering step ran, and nothing shows what that has brought about.
    ran: usize,
    /// Never proven, or nothing covers it.
    open: usize,
    /// Was proven; an input or the result has changed since.
    stale: usize,
    /// A covering step failed.
    failed: usize,
    /// Their boxes say that they are not going to be done, and no step covers them.
    dropped: usize,
}

impl WireCounts {
    pub(in crate::report) fn new(counts: Counts) -> Self {
        Self {
            total: counts.total(),
            done: counts.of(Verdict::Done),
            fallback: counts.of(Verdict::Fallback),
            manual: counts.of(Verdict::Manual),
            waived: counts.of(Verdict::Waived),
            flaky: counts.of(Verdict::Flaky),
            ran: counts.of(Verdict::Ran),
            open: counts.of(Verdict::Open),
            stale: counts.of(Verdict::Stale),
            failed: counts.of(Verdict::Failed),
            dropped: counts.of(Verdict::Dropped),
        }
    }
}

/// An item.
#[derive(Serialize)]
struct WireItem<'a> {
    /// Its id, after the name of its list if the lists have names; `null` for a box without one.
    id: Option<&'a str>,
    /// The path of its file, relative to the project.
    file: &'a str,
    /// Its line, counted from 1.
    line: usize,
    /// The heading it stands under.
    phase: &'a str,
    /// Its text.
    text: &'a str,
    /// `done`, `fallback`, `manual`, `waived`, `flaky`, `ran`, `open`, `stale`, `failed` or `dropped`.
    verdict: &'static str,
    /// Whether it is ticked in the file.
    ticked: bool,
    /// Whether it is marked as a MUST, which can be neither waived nor dropped.
    must: bool,
    /// Its waiver, else `null`.
    waiver: Option<WireWaiver<'a>>,
    /// The last run of each covering step that ever ended.
    evidence: Vec<WireEvidence<'a>>,
}

impl<'a> WireItem<'a> {
    fn new(status: &'a ItemStatus, error: &dyn Fn(&Evidence) -> Option<ErrorObject>) -> Self {
        Self {
            id: status.item.has_id.then_some(status.item.id.as_str()),
            file: &status.item.place.file,
            line: status.item.place.line,
            phase: &status.item.phase,
            text: &status.item.text,
            verdict: status.verdict.word(),
            ticked: status.item.ticked,
            must: status.item.must,
            waiver: status.waiver.as_ref().map(WireWaiver::new),
            evidence: status.evidence.iter().map(|evidence| WireEvidence::new(evidence, error(evidence))).collect(),
        }
    }
}

/// The waiver of an item.
#[derive(Serialize)]
struct WireWaiver<'a> {
    /// `in force`, `expired` or `not needed`.
    state: &'static str,
    /// Who answers for the item.
    owner: &'a str,
    /// Why it may stay unproven.
    reason: &'a str,
    /// The last day on which it holds, in UTC.
    expires: &'a str,
    /// The path of its file, relative to the project.
    file: &'a str,
    /// Its line, counted from 1.
    line: usize,
}

impl<'a> WireWaiver<'a> {
    fn new(AppliedWaiver { waiver, state }: &'a AppliedWaiver) -> Self {
        Self {
            state: state.word(),
            owner: &waiver.owner,
            reason: &waiver.reason,
            expires: &waiver.expires,
            file: &waiver.place.file,
            line: waiver.place.line,
        }
    }
}

/// One run of a covering step.
#[derive(Serialize)]
pub(in crate::report) struct WireEvidence<'a> {
    /// The step.
    step: &'a str,
    /// How it ended: `succeeded`, `fallback`, `failed` or `interrupted`.
    outcome: &'static str,
    /// The run.
    run: &'a str,
    /// When it ended: RFC 3339, UTC.
    finished: String,
    /// The duration of its action.
    duration_ms: u64,
    /// The path of its log, relative to the project; `null` if it printed nothing.
    log: Option<&'a str>,
    /// Its output.
    output: Facts<'a>,
    /// The commit that was checked out; `null` outside a git work tree.
    commit: Option<&'a str>,
    /// `probed` for this report, only `seen` when the step ended, `confirmed` by a person, or that it `ran` alone.
    proof: &'static str,
    /// The fallback that stood in for the step, else `null`.
    proven_by: Option<&'a str>,
    /// The attempts that failed before the one that proved it.
    attempts: Vec<WireAttempt<'a>>,
    /// Why it is out of date, else `null`.
    stale: Option<&'a str>,
    /// Why the step failed, as one object; omitted if it did not, and in records of older versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WireError>,
}

impl<'a> WireEvidence<'a> {
    pub(in crate::report) fn new(evidence: &'a Evidence, error: Option<ErrorObject>) -> Self {
        Self {
            step: evidence.step.as_str(),
            outcome: evidence.outcome.word(),
            run: evidence.run.as_str(),
            finished: timestamp(evidence.finished_ms),
            duration_ms: evidence.duration_ms,
            log: evidence.log.as_deref(),
            output: Facts(&evidence.output),
            commit: evidence.commit.as_deref(),
            proof: evidence.kind.word(),
            proven_by: evidence.proven_by.as_ref().map(StepId::as_str),
            attempts: evidence.attempts.iter().map(WireAttempt::new).collect(),
            stale: evidence.stale.as_deref(),
            error: error.map(WireError::from),
        }
    }
}

/// An attempt that failed, and was followed by another one.
#[derive(Serialize)]
struct WireAttempt<'a> {
    /// When it ended: RFC 3339, UTC.
    finished: String,
    /// Its duration.
    duration_ms: u64,
    /// Why it failed.
    message: &'a str,
}

impl<'a> WireAttempt<'a> {
    fn new(attempt: &'a Attempt) -> Self {
        Self { finished: timestamp(attempt.at_ms), duration_ms: attempt.duration_ms, message: &attempt.message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use crate::model::Outcome;
    use crate::report::testing::documented;
    use crate::report::testing::runs::{self, report};

    #[test]
    fn the_document_has_the_specified_format() {
        let mut checklist = runs::checklist();
        checklist.items.retain(|status| ["T015", "T055", "T056"].contains(&status.item.id.as_str()));
        let mut out = Vec::new();
        write(&mut out, &ChecklistReport { checklist: &checklist, ..report() }).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn a_step_that_failed_says_why_as_one_object() {
        let error = |evidence: &Evidence| {
            let failure = Failure::failed("no").detail("line");
            (evidence.outcome == Outcome::Failed).then(|| failure.object(Some(evidence.step.as_str())))
        };
        let mut out = Vec::new();
        write(&mut out, &ChecklistReport { error: &error, ..report() }).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let evidence =
            document["items"].as_array().unwrap().iter().flat_map(|item| item["evidence"].as_array().unwrap());
        let (failed, others): (Vec<_>, Vec<_>) = evidence.partition(|evidence| evidence["outcome"] == "failed");
        assert!(!failed.is_empty() && others.iter().all(|evidence| evidence.get("error").is_none()));
        for evidence in failed {
            assert_eq!(evidence["error"]["id"], "step-failed");
            assert_eq!(evidence["error"]["details"], serde_json::json!(["line"]));
            assert_eq!(evidence["error"]["page"], "docs/errors/step-failed.md");
            assert_eq!(evidence["error"]["next"], format!("provision logs {}", evidence["step"].as_str().unwrap()));
        }
    }

    #[test]
    fn every_field_is_documented() {
        let error = |_: &Evidence| Some(Failure::failed("no").object(None));
        let mut out = Vec::new();
        write(&mut out, &ChecklistReport { checklist: &runs::checklist(), error: &error, ..report() }).unwrap();
        documented::check(&serde_json::from_slice(&out).unwrap());
    }
}
