//! What all formats of the checklist say about counts and evidence.

use std::time::Duration;

use crate::model::{
    AppliedWaiver, Checklist, Counts, Evidence, ItemStatus, Output, ProofKind, StepId, Verdict, WaiverState,
};
use crate::report::style::{count, duration, timestamp};

/// Returns `75 of 79 items done (6 by fallback, 1 by a person); 1 waived, 2 open, 1 stale`.
pub(crate) fn counts(counts: Counts) -> String {
    use Verdict::{Done, Dropped, Failed, Fallback, Flaky, Manual, Open, Ran, Stale, Waived};
    if counts.total() == 0 {
        return "0 of 0 items done: there is no item".to_owned();
    }
    let all = |verdicts: &[(Verdict, &str)]| {
        let known = verdicts.iter().filter(|(verdict, _)| counts.of(*verdict) > 0);
        let words: Vec<String> = known.map(|(verdict, words)| format!("{} {words}", counts.of(*verdict))).collect();
        words.join(", ")
    };
    let proven = counts.of(Done) + counts.of(Fallback) + counts.of(Manual);
    let by = all(&[(Fallback, "by fallback"), (Manual, "by a person")]);
    let by = if by.is_empty() { by } else { format!(" ({by})") };
    let rest = all(&[
        (Waived, "waived"),
        (Open, "open"),
        (Ran, "only ran"),
        (Flaky, "flaky"),
        (Stale, "stale"),
        (Failed, "failed"),
        (Dropped, "dropped"),
    ]);
    let rest = if rest.is_empty() { rest } else { format!("; {rest}") };
    format!("{proven} of {} items done{by}{rest}", counts.total())
}

/// Returns a piece of evidence in a few words: `build.backend 2026-11-21T11:35:12Z (8.1s)`.
fn brief(evidence: &Evidence) -> String {
    let seen = if evidence.kind == ProofKind::Seen { "seen at " } else { "" };
    let mut remarks = vec![duration(Duration::from_millis(evidence.duration_ms))];
    remarks.extend(evidence.proven_by.as_ref().map(|fallback| format!("by {fallback}")));
    if evidence.kind == ProofKind::Confirmed {
        remarks.push(confirmed(evidence));
    }
    remarks.extend((evidence.kind == ProofKind::Ran).then(|| "it shows only that it ran".to_owned()));
    remarks.extend(evidence.attempts.last().map(|last| {
        let (failed, message) = (count(evidence.attempts.len(), "failed attempt"), &last.message);
        if evidence.attempts.len() == 1 {
            format!("after {failed}: {message}")
        } else {
            format!("after {failed}, the last one: {message}")
        }
    }));
    remarks.extend(evidence.output.get(Output::WARNINGS).map(|warnings| format!("warning: {warnings}")));
    remarks.extend(evidence.stale.clone());
    format!("{} {seen}{} ({})", evidence.step, timestamp(evidence.finished_ms), remarks.join("; "))
}

/// Returns who has confirmed what.
fn confirmed(evidence: &Evidence) -> String {
    let by = evidence.output.get("by").unwrap_or("a person");
    let text = evidence.output.get("text").map(|text| format!(": {text}")).unwrap_or_default();
    format!("confirmed by {by}{text}")
}

/// Returns what a waiver does for its item, who answers for that, and why.
pub(super) fn waiver(AppliedWaiver { waiver, state }: &AppliedWaiver) -> String {
    let (owner, expires, reason) = (&waiver.owner, &waiver.expires, &waiver.reason);
    match state {
        WaiverState::InForce => format!("{owner} answers for it until {expires}: {reason}"),
        WaiverState::Expired => format!("the waiver of {owner} expired on {expires}: {reason}"),
        WaiverState::Unneeded => format!("the waiver of {owner} ({}) is not needed", waiver.place),
    }
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

/// Returns what a verdict is based on, in a line: the waiver, and the steps.
pub(super) fn basis(status: &ItemStatus) -> String {
    let steps = steps(status);
    match &status.waiver {
        None => steps,
        Some(applied) if applied.state == WaiverState::Unneeded => format!("{steps}; {}", waiver(applied)),
        Some(applied) => format!("{}; {steps}", waiver(applied)),
    }
}

/// Returns the steps that a verdict is based on, in a line.
fn steps(status: &ItemStatus) -> String {
    let place = &status.item.place;
    match (status.verdict, status.covered_by.is_empty()) {
        (Verdict::Dropped, _) => return format!("its box in {place} says so"),
        (_, true) if status.item.dropped => return format!("its box in {place} drops it, and a MUST can't be dropped"),
        (_, true) => return "no step covers it".to_owned(),
        _ => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Item;
    use crate::report::testing::runs::checklist;

    #[test]
    fn the_number_of_items_is_always_said() {
        assert_eq!(counts(Checklist::default().counts()), "0 of 0 items done: there is no item");
        let mut list = checklist();
        list.items.retain(|status| status.verdict == Verdict::Done);
        assert_eq!(counts(list.counts()), "1 of 1 items done");
        list.items[0].verdict = Verdict::Manual;
        assert_eq!(counts(list.counts()), "1 of 1 items done (1 by a person)");
        list.items[0].verdict = Verdict::Waived;
        assert_eq!(counts(list.counts()), "0 of 1 items done; 1 waived");
    }

    #[test]
    fn a_must_that_its_file_drops_says_so() {
        let list = checklist();
        let open = list.items.iter().find(|status| status.covered_by.is_empty()).unwrap();
        let item = Item { dropped: true, must: true, ..open.item.clone() };
        let status = ItemStatus { item, waiver: None, ..open.clone() };
        assert_eq!(basis(&status), "its box in tasks.md:1 drops it, and a MUST can't be dropped");
    }
}
