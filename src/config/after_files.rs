//! [`link`]: which steps read files that other steps make.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::syntax::diagnostic::{Diagnostic, Report};
use crate::action::Action;
use crate::files::{FileSet, is_plain, split_glob};
use crate::model::StepId;
use crate::pipeline::{Stage, Step};

/// Where a step stands, and its action as far as it is known when the file is read: what names the files.
pub(super) struct FileUse {
    pub(super) span: Range<usize>,
    pub(super) step: StepId,
    /// Its settings may still have `${{ … }}` in the place of other steps' outputs.
    pub(super) action: Arc<dyn Action>,
}

/// A path or a glob of a setting.
struct Named<'a> {
    text: &'a str,
    /// The parts before the first one that is a pattern.
    start: PathBuf,
    /// Whether it names what is at `start`, or all that is in it: nothing else has to match.
    is_whole: bool,
}

/// Notes for each step the steps that make files which it reads, and reports those that it does not wait for.
pub(super) fn link(report: &Report, stages: &mut [Stage], uses: &[FileUse]) {
    let made = made(uses);
    if made.is_empty() {
        return;
    }
    let order = Order::of(stages);
    let mut links: Vec<(StepId, Vec<StepId>)> = Vec::new();
    for reader in uses {
        let found = makers(reader, uses, &made);
        if found.is_empty() {
            continue;
        }
        let earlier = order.before(&reader.step);
        let mut from = Vec::new();
        for (number, read) in found {
            let maker = &uses[number].step;
            if earlier.contains(maker) {
                from.push(maker.clone());
            } else if let Some(read) = read.filter(|_| !order.before(maker).contains(&reader.step)) {
                let (step, stage) = (&reader.step, maker.stage());
                let need = if step.stage() == stage { maker.name() } else { maker.as_str() };
                let diagnostic = Diagnostic::error(format!(
                    "step `{step}` reads `{read}`, which step `{maker}` makes, and may run before it"
                ));
                report.add(
                    diagnostic
                        .at(report.source(), reader.span.clone(), "")
                        .help(format!("let it wait for that step: `needs = [\"{need}\"]`")),
                );
            }
        }
        links.push((reader.step.clone(), from));
    }
    let mut links: HashMap<StepId, Vec<StepId>> = links.into_iter().collect();
    for step in stages.iter_mut().flat_map(|stage| &mut stage.steps) {
        // Nobody else has the step yet.
        if let Some(from) = links.remove(&step.id)
            && let Some(step) = Arc::get_mut(step)
        {
            step.files_from = from;
        }
    }
}

/// What steps make, by where it starts: the number of the step, and its setting.
type Made<'a> = BTreeMap<PathBuf, Vec<(usize, Named<'a>)>>;

fn made(uses: &[FileUse]) -> Made<'_> {
    let mut made = Made::new();
    for (number, user) in uses.iter().enumerate() {
        // One that says that it makes everything says nothing.
        for named in selected(user.action.makes()).filter(|named| !named.start.as_os_str().is_empty()) {
            made.entry(named.start.clone()).or_default().push((number, named));
        }
    }
    made
}

/// The globs that select files, as far as they are known.
fn selected(patterns: Vec<&str>) -> impl Iterator<Item = Named<'_>> {
    let known = patterns.into_iter().filter(|text| !text.starts_with('!') && !text.contains("${{"));
    known.map(|text| {
        let (start, rest) = split_glob(text);
        let is_whole = matches!(rest.as_slice(), [] | ["**"]);
        Named { text, start, is_whole }
    })
}

/// The steps that make files which `reader` reads: their numbers, and what it reads if that is certainly one of them.
fn makers<'a>(reader: &'a FileUse, uses: &[FileUse], made: &Made<'_>) -> BTreeMap<usize, Option<&'a str>> {
    let mut found: BTreeMap<usize, Option<&str>> = BTreeMap::new();
    let reads = reader.action.reads();
    let excluded: Vec<&str> = reads.iter().filter_map(|text| text.strip_prefix('!')).collect();
    for read in selected(reads.clone()) {
        let inside = made.range(read.start.clone()..).take_while(|(start, _)| start.starts_with(&read.start));
        let around = read.start.ancestors().skip(1).filter_map(|folder| made.get_key_value(folder));
        for (number, named) in inside.chain(around).flat_map(|(_, all)| all) {
            if uses[*number].step == reader.step {
                continue;
            }
            if is_certain(&read, named) {
                found.insert(*number, Some(read.text));
            } else if may_be(&read, named, &excluded) {
                found.entry(*number).or_default();
            }
        }
    }
    found
}

/// Whether all of what is read is among what is made.
fn is_certain(read: &Named<'_>, made: &Named<'_>) -> bool {
    read.text == made.text
        || made.is_whole && read.start.starts_with(&made.start)
        || is_plain(read.text) && matches(made.text, &read.start, &[])
}

/// Whether some of what is made may be among what is read.
fn may_be(read: &Named<'_>, made: &Named<'_>, excluded: &[&str]) -> bool {
    if read.is_whole {
        return made.start.starts_with(&read.start) && matches(read.text, &made.start, excluded);
    }
    made.is_whole && matches(read.text, &made.start, excluded)
}

fn matches(pattern: &str, file: &Path, excluded: &[&str]) -> bool {
    FileSet::glob(Path::new(""), pattern, excluded).is_ok_and(|set| set.has_name(file))
}

/// Which steps wait for which.
pub(super) struct Order<'a> {
    stages: &'a [Stage],
    steps: HashMap<&'a StepId, (&'a Stage, &'a Step)>,
    /// The step that each fallback stands in for.
    mains: HashMap<&'a StepId, &'a StepId>,
}

impl<'a> Order<'a> {
    pub(super) fn of(stages: &'a [Stage]) -> Self {
        let steps = || stages.iter().flat_map(|stage| stage.steps.iter().map(move |step| (stage, &**step)));
        Self {
            stages,
            steps: steps().map(|(stage, step)| (&step.id, (stage, step))).collect(),
            mains: steps().filter_map(|(_, step)| Some((step.fallback.as_ref()?, &step.id))).collect(),
        }
    }

    /// The step `id`.
    pub(super) fn step(&self, id: &StepId) -> Option<&'a Step> {
        self.steps.get(id).map(|(_, step)| *step)
    }

    /// The steps that have ended, or will never run, when `step` begins.
    pub(super) fn before(&self, step: &'a StepId) -> HashSet<&'a StepId> {
        let mut before = HashSet::new();
        let mut stages = HashSet::new();
        let mut open: Vec<&StepId> = vec![step];
        while let Some(next) = open.pop() {
            let Some((stage, known)) = self.steps.get(next) else { continue };
            let needed = self.stages.iter().filter(|other| stage.needs.contains(&other.id));
            let of_stages = needed.filter(|other| stages.insert(&other.id)).flat_map(|other| &other.steps);
            // A fallback is over when the step that it stands in for is, and begins after that has failed.
            let others = known.needs.iter().chain(self.mains.get(next).copied());
            let others = others.chain(known.fallback.as_ref().filter(|_| next != step));
            open.extend(others.chain(of_stages.map(|step| &step.id)).filter(|id| before.insert(*id)));
        }
        before
    }
}
