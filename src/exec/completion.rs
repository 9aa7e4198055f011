//! [`complete`]: what is recorded and announced of a step that is over. A pure function: no time, no I/O.

use std::time::Duration;

use crate::error::{Failure, FailureKind};
use crate::event::StepFinished;
use crate::fingerprint::Inputs;
use crate::journal::{Entry, StepEnd};
use crate::model::{Attempt, Outcome, Output, ProofKind, RunId, StepId};
use crate::redact::Redactor;

/// Most characters of a line of evidence; the log has all of it.
const MAX_DETAIL: usize = 400;

/// A step that is over, with everything that decides what is said of it.
pub(super) struct Completion<'a> {
    pub(super) step: &'a StepId,
    pub(super) run: &'a RunId,
    pub(super) result: Result<Output, Failure>,
    /// The fallback that proved the same, with its output.
    pub(super) proven_by: Option<(&'a StepId, Output)>,
    /// Whether the run was asked to stop.
    pub(super) cancelled: bool,
    /// The inputs as they were before the action began.
    pub(super) inputs: Inputs,
    /// The labels of those that changed meanwhile.
    pub(super) changed: Vec<String>,
    /// The checklist items that the step covers, each with the digest of its text.
    pub(super) items: Inputs,
    /// The attempts that failed before the last one.
    pub(super) attempts: Vec<Attempt>,
    /// What can be seen of its success later on.
    pub(super) proof: Option<ProofKind>,
    /// The log's path, where there is a log, or why it is not complete.
    pub(super) log: Result<Option<String>, String>,
    /// Whether it left processes behind.
    pub(super) leaked: bool,
    pub(super) duration: Duration,
}

/// Returns the record and the event of a step's end.
pub(super) fn complete(completion: Completion<'_>, redactor: &Redactor) -> (Entry, StepFinished) {
    let Completion { step, run, result, proven_by, cancelled, inputs, changed, items, .. } = completion;
    let Completion { attempts, proof, log, leaked, duration, .. } = completion;
    let (log, mut note) = match log {
        Ok(log) => (log, None),
        Err(why) => (None, Some(format!("its log is not whole: {why}"))),
    };
    if leaked {
        note = Some("it left processes behind, which were stopped".to_owned());
    }
    if let Some(unmatched) = unmatched_note(&inputs) {
        note = Some(unmatched);
    }
    if !changed.is_empty() {
        note = Some(format!("{} changed while it ran: the next run does it again", changed.join(", ")));
    }
    let stand_in = proven_by.as_ref().filter(|_| result.is_err()).map(|(fallback, _)| (*fallback).clone());
    let (outcome, output, failure) = match (result, proven_by) {
        (Ok(output), _) => (Outcome::Succeeded, output, None),
        (Err(failure), Some((fallback, output))) => {
            note = Some(format!("proven by {fallback} instead"));
            (Outcome::Fallback, output, Some(failure))
        }
        (Err(failure), None) => {
            let stopped = cancelled && failure.kind == FailureKind::Interrupted;
            (if stopped { Outcome::Interrupted } else { Outcome::Failed }, Output::new(), Some(failure))
        }
    };
    let end = StepEnd {
        outcome,
        run: run.clone(),
        at_ms: 0,
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        inputs,
        changed,
        output: output.clone(),
        items,
        proven_by: stand_in,
        log: log.clone(),
        attempts: attempts.into_iter().map(|attempt| masked(attempt, redactor)).collect(),
        proof,
        message: failure.as_ref().map(|failure| redactor.text(&failure.to_string())),
        error: None,
    };
    let failure = failure.map(|failure| redacted(failure, redactor));
    let error = failure.as_ref().map(|failure| Box::new(failure.object(Some(step.as_str()))));
    let entry = Entry::StepFinished { step: step.clone(), end: Box::new(StepEnd { error, ..end }) };
    (entry, StepFinished { step: step.clone(), outcome, duration, output, failure, log, note })
}

/// Returns an attempt as it is recorded.
fn masked(mut attempt: Attempt, redactor: &Redactor) -> Attempt {
    attempt.message = redactor.text(&attempt.message);
    shorten(&mut attempt.message);
    attempt
}

/// Returns what is said of a step with a pattern that matches no file any more.
pub(super) fn unmatched_note(inputs: &Inputs) -> Option<String> {
    let label = inputs.all_unmatched().first()?;
    Some(format!("`inputs`: {} matches no file any more", label.trim_start_matches("files ")))
}

/// Returns the end of a step that did not run.
pub(super) fn end_without_run(step: StepId, outcome: Outcome, note: Option<String>) -> StepFinished {
    StepFinished { step, outcome, duration: Duration::ZERO, output: Output::new(), failure: None, log: None, note }
}

/// Returns `failure` without secrets, and with lines that can be shown.
pub(super) fn redacted(mut failure: Failure, redactor: &Redactor) -> Failure {
    failure.message = redactor.text(&failure.message);
    for text in failure.causes.iter_mut().chain(&mut failure.details).chain(&mut failure.hints) {
        *text = redactor.text(text);
    }
    failure.details.iter_mut().for_each(shorten);
    failure
}

fn shorten(line: &mut String) {
    if let Some((cut, _)) = line.char_indices().nth(MAX_DETAIL) {
        line.truncate(cut);
        line.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is expected of an end: its outcome, output, failure's kind, and a part of its note.
    type Expected = (Outcome, Option<&'static str>, Option<FailureKind>, &'static str);

    fn output(image: &str) -> Output {
        Output::new().with("image", image)
    }

    #[test]
    fn every_result_has_one_outcome_and_record_and_event_agree() {
        let ok = || Ok(output("a"));
        let failed = || Err(Failure::failed("no"));
        let interrupted = || Err(Failure::interrupted("it"));
        let (step, other) = (StepId::new("s.main").unwrap(), StepId::new("s.other").unwrap());
        let run = RunId::new("20261121-113512-4f2a").unwrap();
        let plain = |result| Completion {
            step: &step,
            run: &run,
            result,
            proven_by: None,
            cancelled: false,
            inputs: Inputs::new(),
            changed: Vec::new(),
            items: Inputs::new(),
            attempts: vec![Attempt { at_ms: 7, duration_ms: 5, message: "hunter2222 was refused".into() }],
            proof: Some(ProofKind::Seen),
            log: Ok(None),
            leaked: false,
            duration: Duration::from_millis(12),
        };
        let cases: [(Completion<'_>, Expected); 9] = [
            (plain(ok()), (Outcome::Succeeded, Some("a"), None, "")),
            (Completion { cancelled: true, ..plain(ok()) }, (Outcome::Succeeded, Some("a"), None, "")),
            (plain(failed()), (Outcome::Failed, None, Some(FailureKind::Failed), "")),
            (
                Completion { proven_by: Some((&other, output("b"))), ..plain(failed()) },
                (Outcome::Fallback, Some("b"), Some(FailureKind::Failed), "proven by s.other instead"),
            ),
            (
                Completion { cancelled: true, ..plain(interrupted()) },
                (Outcome::Interrupted, None, Some(FailureKind::Interrupted), ""),
            ),
            // Its own time limit: nobody asked the run to stop.
            (plain(interrupted()), (Outcome::Failed, None, Some(FailureKind::Interrupted), "")),
            (Completion { cancelled: true, ..plain(failed()) }, (Outcome::Failed, None, Some(FailureKind::Failed), "")),
            (
                Completion { log: Err("no space".into()), ..plain(ok()) },
                (Outcome::Succeeded, Some("a"), None, "its log is not whole: no space"),
            ),
            (
                Completion { leaked: true, changed: vec!["files in".into()], ..plain(ok()) },
                (Outcome::Succeeded, Some("a"), None, "files in changed while it ran"),
            ),
        ];
        for (n, (completion, (outcome, image, kind, note))) in cases.into_iter().enumerate() {
            let (entry, event) = complete(completion, &Redactor::new());
            let Entry::StepFinished { step: recorded, end } = entry else { panic!("case {n}") };
            assert_eq!((event.outcome, event.output.get("image")), (outcome, image), "case {n}");
            assert_eq!((end.outcome, &end.output, end.duration_ms), (outcome, &event.output, 12), "case {n}");
            assert_eq!((&recorded, &event.step, &end.run), (&step, &step, &run), "case {n}");
            assert_eq!(event.failure.as_ref().map(|failure| failure.kind), kind, "case {n}");
            assert_eq!(end.proven_by.as_ref(), (outcome == Outcome::Fallback).then_some(&other), "case {n}");
            assert_eq!(end.message.is_some(), event.failure.is_some(), "case {n}");
            assert_eq!((end.attempts.len(), end.proof), (1, Some(ProofKind::Seen)), "case {n}");
            assert!(event.note.as_deref().unwrap_or_default().contains(note), "case {n}: {:?}", event.note);
        }
    }

    #[test]
    fn neither_record_nor_event_has_a_secret() {
        let redactor = Redactor::new();
        redactor.register("hunter2222");
        let (step, run) = (StepId::new("s.a").unwrap(), RunId::new("20261121-113512-4f2a").unwrap());
        let failure =
            Failure::failed("hunter2222 is wrong").cause("hunter2222").detail("x hunter2222").hint("hunter2222");
        let completion = Completion {
            step: &step,
            run: &run,
            result: Err(failure),
            proven_by: None,
            cancelled: false,
            inputs: Inputs::new(),
            changed: Vec::new(),
            items: Inputs::new(),
            attempts: vec![Attempt { at_ms: 7, duration_ms: 5, message: "hunter2222 was refused".into() }],
            proof: Some(ProofKind::Seen),
            log: Ok(None),
            leaked: false,
            duration: Duration::ZERO,
        };
        let text = format!("{:?}", complete(completion, &redactor));
        assert!(!text.contains("hunter2222") && text.contains("*** is wrong"), "{text}");
        assert!(text.contains("*** was refused"), "{text}");
    }
}
