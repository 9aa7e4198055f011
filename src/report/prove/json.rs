//! `provision prove --format json`; docs/prove.md has its fields.

use std::io::{self, Write};

use serde::Serialize;

use crate::model::{FileTrial, ItemId, ItemTrial, Mutant, MutantCounts, NotTried, StepId, Survivor, Trials};
use crate::report::text::write_document;

/// The version of the document: raised when a field goes or means something else.
const VERSION: u32 = 1;

pub(super) fn write(out: &mut dyn Write, pipeline: &str, trials: &Trials) -> io::Result<()> {
    let MutantCounts { possible, refused, tried, noticed } = trials.counts();
    let unexplained = trials.unexplained().count();
    let document = Document {
        v: VERSION,
        pipeline,
        shown: trials.is_shown(),
        counts: WireCounts {
            possible,
            refused,
            tried,
            noticed,
            explained: trials.survivors.len() - unexplained,
            unexplained,
            items: trials.items.len(),
            items_without: trials.items.iter().filter(|item| item.shown_by.is_none()).count(),
            other_items: trials.other_items,
            checks: trials.checks,
        },
        items: trials.items.iter().map(WireItem::new).collect(),
        files: trials.files.iter().map(WireFile::new).collect(),
        survivors: trials.survivors.iter().map(WireSurvivor::new).collect(),
        expired: &trials.expired,
        failing: trials.failing.iter().map(WireNotTried::new).collect(),
        not_tried: trials.left_out.iter().map(WireNotTried::new).collect(),
    };
    write_document(out, &document)
}

/// The document.
#[derive(Serialize)]
struct Document<'a> {
    v: u32,
    /// The pipeline's name.
    pipeline: &'a str,
    /// Whether the command ends with exit code 0.
    shown: bool,
    counts: WireCounts,
    items: Vec<WireItem<'a>>,
    files: Vec<WireFile<'a>>,
    survivors: Vec<WireSurvivor<'a>>,
    /// Explanations that no survivor needs, a sentence each.
    expired: &'a [String],
    /// Checks that fail on the files as they are.
    failing: Vec<WireNotTried<'a>>,
    /// Checks that were left out.
    not_tried: Vec<WireNotTried<'a>>,
}

#[derive(Serialize)]
struct WireCounts {
    possible: usize,
    refused: usize,
    tried: usize,
    noticed: usize,
    explained: usize,
    unexplained: usize,
    items: usize,
    items_without: usize,
    other_items: usize,
    checks: usize,
}

#[derive(Serialize)]
struct WireMutant<'a> {
    file: &'a str,
    /// `None` for the whole file.
    line: Option<usize>,
    kind: &'static str,
    before: &'a str,
    after: &'a str,
}

impl<'a> WireMutant<'a> {
    fn new(mutant: &'a Mutant) -> Self {
        let Mutant { file, line, kind, before, after } = mutant;
        Self { file, line: Some(*line).filter(|line| *line > 0), kind: kind.name(), before, after }
    }
}

#[derive(Serialize)]
struct WireItem<'a> {
    id: &'a str,
    steps: Vec<&'a str>,
    files: usize,
    tried: usize,
    noticed: usize,
    shown_by: Option<WireMutant<'a>>,
}

impl<'a> WireItem<'a> {
    fn new(item: &'a ItemTrial) -> Self {
        Self {
            id: item.id.as_str(),
            steps: item.steps.iter().map(StepId::as_str).collect(),
            files: item.files,
            tried: item.tried,
            noticed: item.noticed,
            shown_by: item.shown_by.as_ref().map(WireMutant::new),
        }
    }
}

#[derive(Serialize)]
struct WireFile<'a> {
    file: &'a str,
    possible: usize,
    refused: usize,
    tried: usize,
    noticed: usize,
}

impl<'a> WireFile<'a> {
    fn new(trial: &'a FileTrial) -> Self {
        let FileTrial { file, possible, refused, tried, noticed } = trial;
        Self { file, possible: *possible, refused: *refused, tried: *tried, noticed: *noticed }
    }
}

#[derive(Serialize)]
struct WireSurvivor<'a> {
    #[serde(flatten)]
    mutant: WireMutant<'a>,
    items: Vec<&'a str>,
    /// Why it may survive; `None` if nothing explains it.
    reason: Option<&'a str>,
}

impl<'a> WireSurvivor<'a> {
    fn new(survivor: &'a Survivor) -> Self {
        Self {
            mutant: WireMutant::new(&survivor.mutant),
            items: survivor.items.iter().map(ItemId::as_str).collect(),
            reason: survivor.reason.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct WireNotTried<'a> {
    step: &'a str,
    items: Vec<&'a str>,
    why: &'a str,
}

impl<'a> WireNotTried<'a> {
    fn new(not_tried: &'a NotTried) -> Self {
        let NotTried { step, items, why } = not_tried;
        Self { step: step.as_str(), items: items.iter().map(ItemId::as_str).collect(), why }
    }
}
