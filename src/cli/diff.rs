//! `provision report diff`: what has changed between two runs on record.

use std::collections::{BTreeMap, BTreeSet};

use super::args::{Cli, DiffArgs};
use super::output::Terminal;
use super::project::Project;
use crate::error::{Failure, FailureKind};
use crate::journal::{Past, PastRun};
use crate::model::{Checklist, Item, ItemId, ItemPlace, Outcome, Outline, ProofKind, StepId};
use crate::plan::{KnownThen, Selection, candidates, known_then, select};
use crate::report::{Diff, KnownRun, timestamp};

/// Exit code of `diff --exit-code` when an item has changed: that of `plan --exit-code` when there is work.
const CHANGED: u8 = 10;

/// How many runs an error names.
const MAX_NAMED: usize = 5;

pub(super) fn diff(cli: &Cli, terminal: &Terminal, args: &DiffArgs) -> Result<u8, Failure> {
    let project = Project::load(cli, terminal)?;
    let past = Past::read(project.tools.state_dir(), project.pipeline.record_scope().as_deref())?;
    let [before, after] = [&args.from, &args.to].map(|name| named(past.runs(), name));
    let (before, after) = (before?, after?);
    let kinds = kinds(&project)?;
    let known = |run: &PastRun| {
        let kind = |step: &StepId| kinds.get(step).copied();
        past.known_after(run).map(|history| known_then(&history, &run.record, &kind))
    };
    let (then, now) = (known(before)?, known(after)?);
    let items = items(&project, [&then.outline, &now.outline]);
    let judged = |known: &KnownThen| Checklist::judge(&items, &known.outline, &known.proofs);
    let (checklist_then, checklist_now) = (judged(&then), judged(&now));
    let diff = Diff::between(
        &project.pipeline.name,
        known_run(before, &checklist_then, &then),
        known_run(after, &checklist_now, &now),
    );
    let theme = terminal.theme_for(args.output.as_ref());
    terminal.save_or_print(args.output.as_ref(), |out| (args.format.write)(out, &diff, theme))?;
    Ok(if args.exit_code && !diff.items.is_empty() { CHANGED } else { 0 })
}

fn known_run<'a>(run: &'a PastRun, checklist: &'a Checklist, known: &'a KnownThen) -> KnownRun<'a> {
    KnownRun {
        run: run.id.as_str(),
        began_ms: run.record.at_ms,
        command: &run.record.command,
        commit: run.record.commit.as_deref(),
        outcome: run.record.outcome,
        checklist,
        inputs: &known.inputs,
        errors: &known.errors,
    }
}

/// Returns what can be seen of each step's success, as its action is now: for records of an older version.
fn kinds(project: &Project) -> Result<BTreeMap<StepId, ProofKind>, Failure> {
    let plan = select(&project.graph, &Selection::default())?;
    let candidates = candidates(&project.graph, &plan, &project.history()?);
    Ok(candidates.into_iter().filter_map(|one| Some((one.step.id.clone(), one.action?.proof()))).collect())
}

/// Returns the items of the checklists, and those that steps covered then and no checklist has any more.
fn items(project: &Project, outlines: [&Outline; 2]) -> Vec<Item> {
    let mut items = project.items().to_vec();
    let known: BTreeSet<&ItemId> = project.items().iter().map(|item| &item.id).collect();
    let covered: BTreeSet<&ItemId> =
        outlines.into_iter().flat_map(Outline::steps).flat_map(|step| &step.covers).collect();
    items.extend(covered.difference(&known).map(|id| Item {
        id: (*id).clone(),
        has_id: true,
        phase: String::new(),
        text: "(in no checklist any more)".to_owned(),
        ticked: false,
        dropped: false,
        must: false,
        place: ItemPlace { file: "".into(), line: 0 },
    }));
    items
}

/// Returns the run that a user means: `latest`, `previous`, or the one whose id begins like that.
fn named<'a>(runs: &'a [PastRun], name: &str) -> Result<&'a PastRun, Failure> {
    let usage = |message: String| Failure::new(FailureKind::Usage, message).details(listed(runs.iter()));
    let hint = "name a run by the beginning of its id, or as `latest` or `previous`";
    match (name, runs) {
        (_, []) => Err(usage("no run is on record here".to_owned()).hint("provision up")),
        ("latest", [.., latest]) | ("previous", [.., latest, _]) => Ok(latest),
        ("previous", _) => Err(usage("there is only one run on record, and so no previous one".to_owned())),
        ("", _) => Err(usage("the name of a run is empty".to_owned()).hint(hint)),
        _ => {
            let found: Vec<&PastRun> = runs.iter().filter(|run| run.id.as_str().starts_with(name)).collect();
            match found.as_slice() {
                [one] => Ok(one),
                [] => Err(usage(format!("no run on record has an id that begins with `{name}`")).hint(hint)),
                several => {
                    let message = format!("the ids of {} runs begin with `{name}`", several.len());
                    Err(Failure::new(FailureKind::Usage, message)
                        .details(listed(several.iter().copied()))
                        .hint("write more of the id"))
                }
            }
        }
    }
}

/// Returns lines that name the last five of some runs.
fn listed<'a>(runs: impl Iterator<Item = &'a PastRun>) -> Vec<String> {
    let line = |run: &PastRun| {
        let outcome = run.record.outcome.map_or("unfinished", Outcome::word);
        format!("{}  {}  {}  {outcome}", run.id, timestamp(run.record.at_ms), run.record.command)
    };
    let mut lines: Vec<String> = runs.map(line).collect();
    let earlier = lines.len().saturating_sub(MAX_NAMED);
    if earlier > 0 {
        lines.splice(..earlier, [format!("{earlier} earlier ones")]);
    }
    lines
}
