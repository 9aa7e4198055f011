//! `provision report diff --format json`.

use std::io::{self, Write};

use serde::Serialize;

use super::changes::{Diff, ItemChange, KnownRun, StepChange};
use super::format::DiffFormat;
use crate::model::Outcome;
use crate::report::checklist::json::{VERSION, WireCounts, WireEvidence};
use crate::report::style::{Theme, timestamp};
use crate::report::text::write_document;

pub(super) const FORMAT: DiffFormat = DiffFormat { name: "json", write };

fn write(out: &mut dyn Write, diff: &Diff<'_>, _theme: Theme) -> io::Result<()> {
    let document = Document {
        v: VERSION,
        pipeline: diff.pipeline,
        before: WireRun::new(&diff.before),
        after: WireRun::new(&diff.after),
        counts: WireDiffCounts { total: diff.n_items(), changed: diff.items.len(), again: diff.n_again },
        items: diff.items.iter().map(WireChange::new).collect(),
    };
    write_document(out, &document)
}

/// The document.
#[derive(Serialize)]
struct Document<'a> {
    /// The version, that of the report.
    v: u32,
    /// The pipeline's name.
    pipeline: &'a str,
    /// The first run.
    before: WireRun<'a>,
    /// The second run.
    after: WireRun<'a>,
    /// How many items were compared, and with what result.
    counts: WireDiffCounts,
    /// The items that have changed, in the order of the files.
    items: Vec<WireChange<'a>>,
}

/// A run.
#[derive(Serialize)]
struct WireRun<'a> {
    /// Its id.
    run: &'a str,
    /// When its first step began: RFC 3339, UTC.
    began: String,
    /// The command that began it.
    command: &'a str,
    /// The commit that was checked out; `null` outside a git work tree.
    commit: Option<&'a str>,
    /// How it ended; `null` if it was killed, or is still running.
    outcome: Option<&'static str>,
    /// The number of items with each verdict when it ended.
    counts: WireCounts,
}

impl<'a> WireRun<'a> {
    fn new(run: &KnownRun<'a>) -> Self {
        Self {
            run: run.run,
            began: timestamp(run.began_ms),
            command: run.command,
            commit: run.commit,
            outcome: run.outcome.map(Outcome::word),
            counts: WireCounts::new(run.checklist.counts()),
        }
    }
}

/// How many items were compared, and with what result.
#[derive(Serialize)]
struct WireDiffCounts {
    /// All items.
    total: usize,
    /// Those whose verdict or evidence has changed.
    changed: usize,
    /// Those of the others that were proven again with the same result.
    again: usize,
}

/// An item that has changed.
#[derive(Serialize)]
struct WireChange<'a> {
    /// Its id, after the name of its list if the lists have names; `null` for a box without one.
    id: Option<&'a str>,
    /// Its text; empty if no checklist has it now.
    text: &'a str,
    /// Its verdict after the first run.
    before: &'static str,
    /// Its verdict after the second run.
    after: &'static str,
    /// The steps whose evidence has changed.
    steps: Vec<WireStep<'a>>,
}

impl<'a> WireChange<'a> {
    fn new(change: &'a ItemChange<'_>) -> Self {
        let item = &change.after.item;
        Self {
            id: item.has_id.then_some(item.id.as_str()),
            text: &item.text,
            before: change.before.verdict.word(),
            after: change.after.verdict.word(),
            steps: change.steps.iter().map(WireStep::new).collect(),
        }
    }
}

/// A step whose evidence has changed.
#[derive(Serialize)]
struct WireStep<'a> {
    /// The step.
    step: &'a str,
    /// What has changed, each in a few words, for people.
    what: &'a [String],
    /// The labels of the inputs that are not the same.
    inputs: &'a [String],
    /// Its evidence after the first run, as in the report; `null` if it had not ended then.
    before: Option<WireEvidence<'a>>,
    /// Its evidence after the second run; `null` if it had not ended then.
    after: Option<WireEvidence<'a>>,
}

impl<'a> WireStep<'a> {
    fn new(step: &'a StepChange<'_>) -> Self {
        Self {
            step: step.step.as_str(),
            what: &step.what,
            inputs: &step.inputs,
            before: step.before.map(|evidence| WireEvidence::new(evidence, step.errors[0].cloned())),
            after: step.after.map(|evidence| WireEvidence::new(evidence, step.errors[1].cloned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::documented;
    use crate::report::testing::runs::with_changes;

    #[test]
    fn every_field_is_documented() {
        with_changes(|diff| {
            let mut out = Vec::new();
            write(&mut out, diff, Theme::PLAIN).unwrap();
            let document = serde_json::from_slice(&out).unwrap();
            documented::check(&document);
            let step =
                &document["items"].as_array().unwrap().iter().find(|item| item["id"] == "T050").unwrap()["steps"][0];
            let message = |when: &str| step[when]["error"]["message"].as_str().unwrap();
            assert_eq!((message("before"), message("after")), ("the server said 404", "the server said 500,\nnot 200"));
        });
    }
}
