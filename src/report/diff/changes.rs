//! [`Diff`]: the items whose verdict or evidence is not the same after two runs.

use std::collections::BTreeMap;

use crate::error::ErrorObject;
use crate::fingerprint::Inputs;
use crate::model::{Checklist, Evidence, ItemStatus, Outcome, Output, StepId};
use crate::report::error_object::error_lines;
use crate::report::style::count;

/// A run, with what was known when it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownRun<'a> {
    /// Its id.
    pub(crate) run: &'a str,
    /// When it began, in milliseconds since the Unix epoch.
    pub(crate) began_ms: i64,
    /// The command that began it.
    pub(crate) command: &'a str,
    /// The commit that was checked out; `None` outside of a git work tree.
    pub(crate) commit: Option<&'a str>,
    /// How it ended; `None` if it was killed, or is still running.
    pub(crate) outcome: Option<Outcome>,
    /// The items, with the evidence that there was.
    pub(crate) checklist: &'a Checklist,
    /// The inputs of the last end of each step.
    pub(crate) inputs: &'a BTreeMap<StepId, Inputs>,
    /// Why steps failed whose last end is no success.
    pub(crate) errors: &'a BTreeMap<StepId, ErrorObject>,
}

/// What has changed between two runs. Both have the same items.
#[derive(Debug)]
pub(crate) struct Diff<'a> {
    /// The pipeline's name.
    pub(crate) pipeline: &'a str,
    /// The first run.
    pub(crate) before: KnownRun<'a>,
    /// The second run.
    pub(crate) after: KnownRun<'a>,
    /// The items that have changed, in the order of the files.
    pub(crate) items: Vec<ItemChange<'a>>,
    /// How many others were proven again, with the same result.
    pub(crate) n_again: usize,
}

/// An item that has changed.
#[derive(Debug)]
pub(crate) struct ItemChange<'a> {
    /// After the first run.
    pub(crate) before: &'a ItemStatus,
    /// After the second run.
    pub(crate) after: &'a ItemStatus,
    /// The steps whose evidence has changed.
    pub(crate) steps: Vec<StepChange<'a>>,
}

/// A step whose evidence has changed.
#[derive(Debug)]
pub(crate) struct StepChange<'a> {
    /// The step.
    pub(crate) step: &'a StepId,
    /// Its evidence after the first run, if it had ended then.
    pub(crate) before: Option<&'a Evidence>,
    /// Its evidence after the second run, if it had ended then.
    pub(crate) after: Option<&'a Evidence>,
    /// Why it had failed after the first run, and after the second one.
    pub(crate) errors: [Option<&'a ErrorObject>; 2],
    /// What has changed, each in a few words.
    pub(crate) what: Vec<String>,
    /// The labels of the inputs that are not the same.
    pub(crate) inputs: Vec<String>,
}

impl<'a> Diff<'a> {
    /// Compares two runs.
    pub(crate) fn between(pipeline: &'a str, before: KnownRun<'a>, after: KnownRun<'a>) -> Self {
        let mut diff = Self { pipeline, before, after, items: Vec::new(), n_again: 0 };
        for (then, now) in before.checklist.items.iter().zip(&after.checklist.items) {
            let steps = diff.steps(then, now);
            if then.verdict != now.verdict || !steps.is_empty() {
                diff.items.push(ItemChange { before: then, after: now, steps });
            } else if then.evidence.iter().zip(&now.evidence).any(|(then, now)| then.run != now.run) {
                diff.n_again += 1;
            }
        }
        diff
    }

    /// Returns how many items were compared.
    pub(crate) fn n_items(&self) -> usize {
        self.after.checklist.items.len()
    }

    /// Returns the counts in words: `3 of 79 items changed; 12 proven again with the same result`.
    pub(crate) fn summary(&self) -> String {
        let changed = format!("{} of {} changed", self.items.len(), count(self.n_items(), "item"));
        match self.n_again {
            0 => changed,
            n => format!("{changed}; {n} proven again with the same result"),
        }
    }

    fn steps(&self, then: &'a ItemStatus, now: &'a ItemStatus) -> Vec<StepChange<'a>> {
        let mut ids: Vec<&StepId> = then.covered_by.iter().chain(&now.covered_by).collect();
        ids.sort();
        ids.dedup();
        ids.into_iter().filter_map(|step| self.step(step, then, now)).collect()
    }

    fn step(&self, step: &'a StepId, then: &'a ItemStatus, now: &'a ItemStatus) -> Option<StepChange<'a>> {
        let of = |status: &'a ItemStatus| status.evidence.iter().find(|evidence| evidence.step == *step);
        let (before, after) = (of(then), of(now));
        let mut what = Vec::new();
        match (then.covered_by.contains(step), now.covered_by.contains(step)) {
            (false, true) => what.push("did not cover it before".to_owned()),
            (true, false) => what.push("covers it no longer".to_owned()),
            _ => {}
        }
        let mut inputs = Vec::new();
        let errors = [before.and(self.before.errors.get(step)), after.and(self.after.errors.get(step))];
        if let [Some(then), Some(now)] = errors
            && (&then.id, &then.message) != (&now.id, &now.message)
        {
            let same = then.id == now.id;
            what.push(if same {
                "it failed otherwise".to_owned()
            } else {
                format!("error: {} → {}", then.id, now.id)
            });
        }
        match (before, after) {
            (Some(before), Some(after)) => {
                what.extend(differences(before, after));
                if let (Some(then), Some(now)) = (self.before.inputs.get(step), self.after.inputs.get(step)) {
                    inputs = now.changed_labels(then);
                }
            }
            // It had not ended yet; or it was started again, and stopped before its end.
            (None, Some(after)) => what.push(format!("outcome: none → {}", after.outcome.word())),
            (Some(before), None) => what.push(format!("outcome: {} → none", before.outcome.word())),
            (None, None) => {}
        }
        if !inputs.is_empty() {
            what.push(format!("inputs changed: {}", inputs.join(", ")));
        }
        (!what.is_empty()).then_some(StepChange { step, before, after, errors, what, inputs })
    }
}

impl StepChange<'_> {
    /// Returns all that is known of its failures: lines of the one that is gone begin with `-`, those of the one that
    /// has come with `+`, and those of one that is the same with a space.
    pub(super) fn error_lines(&self) -> Vec<String> {
        let signed = |sign: char, error: Option<&ErrorObject>| {
            let lines = error.map(|error| error_lines(self.step, error)).unwrap_or_default();
            lines.into_iter().map(move |line| format!("{sign} {line}"))
        };
        match self.errors {
            [then, now] if then == now => signed(' ', now).collect(),
            [then, now] => signed('-', then).chain(signed('+', now)).collect(),
        }
    }
}

/// Returns what is not the same in two ends of a step, besides their times.
fn differences<'a>(before: &'a Evidence, after: &'a Evidence) -> Vec<String> {
    let mut what = Vec::new();
    let mut compare = |name: &str, then: Option<&str>, now: Option<&str>| {
        if then != now {
            let (then, now) = (then.unwrap_or("none"), now.unwrap_or("none"));
            what.push(format!("{name}: {then} → {now}"));
        }
    };
    compare("outcome", Some(before.outcome.word()), Some(after.outcome.word()));
    compare("proof", Some(before.kind.word()), Some(after.kind.word()));
    let by = |evidence: &'a Evidence| evidence.proven_by.as_ref().map(StepId::as_str);
    compare("proven by", by(before), by(after));
    compare("stale", before.stale.as_deref(), after.stale.as_deref());
    let failed = |evidence: &Evidence| evidence.attempts.len().to_string();
    compare("failed attempts", Some(&failed(before)), Some(&failed(after)));
    for name in names(&before.output, &after.output) {
        compare(name, before.output.get(name), after.output.get(name));
    }
    what
}

/// Returns the names of the facts of both outputs, in order.
fn names<'a>(one: &'a Output, other: &'a Output) -> Vec<&'a str> {
    let mut names: Vec<&str> = one.iter().chain(other.iter()).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    names
}
