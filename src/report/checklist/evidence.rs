//! What all formats of the checklist say about counts and evidence.

use std::time::Duration;

use crate::model::{Checklist, Counts, Evidence, ItemStatus, ProofKind, StepId, Verdict};
use crate::report::style::{duration, timestamp};

/// Returns `75 of 79 items done (6 by fallback); 2 open, 1 stale, 1 failed, 1 dropped`.
pub(crate) fn counts(counts: Counts) -> String {
    let proven = counts.of(Verdict::Done) + counts.of(Verdict::Fallback);
    let mut line = format!("{proven} of {} items done", counts.total());
    if counts.of(Verdict::Fallback) > 0 {
        line = format!("{line} ({} by fallback)", counts.of(Verdict::Fallback));
    }
    let rest: Vec<String> = [Verdict::Open, Verdict::Ran, Verdict::Stale, Verdict::Failed, Verdict::Dropped]
        .into_iter()
        .filter(|verdict| counts.of(*verdict) > 0)
        .map(|verdict| format!("{} {}", counts.of(verdict), words(verdict)))
        .collect();
    if rest.is_empty() { line } else { format!("{line}; {}", rest.join(", ")) }
}

/// Returns what a count says of a verdict.
fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ran => "only ran",
        verdict => verdict.word(),
    }
}

/// Returns a piece of evidence in a few words: `build.backend 2026-11-21T11:35:12Z (8.1s)`.
fn brief(evidence: &Evidence) -> String {
    let seen = if evidence.kind == ProofKind::Seen { "seen at " } else { "" };
    let mut remarks = vec![duration(Duration::from_millis(evidence.duration_ms))];
    remarks.extend(evidence.proven_by.as_ref().map(|fallback| format!("by {fallback}")));
    if evidence.kind == ProofKind::Confirmed {
        remarks.push(format!("confirmed by {}", evidence.output.get("by").unwrap_or("a person")));
    }
    remarks.extend((evidence.kind == ProofKind::Ran).then(|| "it shows only that it ran".to_owned()));
    remarks.extend(evidence.stale.clone());
    format!("{} {seen}{} ({})", evidence.step, timestamp(evidence.finished_ms), remarks.join("; "))
}

/// Returns how long the steps took that cover an item.
pub(super) fn took(status: &ItemStatus) -> Duration {
    Duration::from_millis(status.evidence.iter().map(|evidence| evidence.duration_ms).sum())
}

/// Returns what to say about the lines that look like items and are none; `None` if there is none.
pub(super) fn near(checklist: &Checklist) -> Option<String> {
    match checklist.near.len() {
        0 => None,
        1 => Some("1 line looks like an item and is none".to_owned()),
        n => Some(format!("{n} lines look like items and are none")),
    }
}

/// Returns the steps that a verdict is based on, in a line.
pub(super) fn basis(status: &ItemStatus) -> String {
    if status.verdict == Verdict::Dropped {
        return format!("its box in {} says so", status.item.place);
    }
    if status.covered_by.is_empty() {
        return "no step covers it".to_owned();
    }
    let known: Vec<String> = status.evidence.iter().map(brief).collect();
    let missing: Vec<&str> = status
        .covered_by
        .iter()
        .filter(|step| status.evidence.iter().all(|evidence| evidence.step != **step))
        .map(StepId::as_str)
        .collect();
    match (known.is_empty(), missing.is_empty()) {
        (_, true) => known.join(", "),
        (true, false) => format!("{} never ran", missing.join(", ")),
        (false, false) => format!("{}; {} never ran", known.join(", "), missing.join(", ")),
    }
}
