//! What all formats of the checklist say about counts and evidence.

use std::time::Duration;

use crate::model::{Checklist, Counts, ItemStatus, StepId, Verdict};
use crate::report::style::{duration, timestamp};

/// Returns `75 of 79 items done (6 by fallback); 2 open, 1 stale, 1 failed, 1 dropped`.
pub(crate) fn counts(counts: Counts) -> String {
    let proven = counts.of(Verdict::Done) + counts.of(Verdict::Fallback);
    let mut line = format!("{proven} of {} items done", counts.total());
    if counts.of(Verdict::Fallback) > 0 {
        line = format!("{line} ({} by fallback)", counts.of(Verdict::Fallback));
    }
    let rest: Vec<String> = [Verdict::Open, Verdict::Stale, Verdict::Failed, Verdict::Dropped]
        .into_iter()
        .filter(|verdict| counts.of(*verdict) > 0)
        .map(|verdict| format!("{} {}", counts.of(verdict), verdict.word()))
        .collect();
    if rest.is_empty() { line } else { format!("{line}; {}", rest.join(", ")) }
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
    let known: Vec<String> = status
        .evidence
        .iter()
        .map(|evidence| {
            let took = duration(Duration::from_millis(evidence.duration_ms));
            format!("{} {} ({took})", evidence.step, timestamp(evidence.finished_ms))
        })
        .collect();
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
