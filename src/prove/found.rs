//! [`Found`]: what became of the mutants, put together for the report.

use std::collections::BTreeSet;

use super::explanations::Explanations;
use super::subjects::Subject;
use super::trial::Trial;
use crate::model::{FileTrial, ItemId, ItemTrial, Mutant, Survivor};

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// This check noticed it.
    Noticed(usize),
    /// Helm can't render the chart any more, and no check noticed it that reads the file itself.
    Refused,
    /// No check noticed it.
    Survived,
}

/// What became of the mutants of a file that were tried.
pub(super) type Fates = Vec<Fate>;

/// What became of all mutants.
pub(super) struct Found<'a> {
    pub(super) trials: &'a [Trial],
    pub(super) fates: &'a [Fates],
    pub(super) subjects: &'a [Subject],
}

impl Found<'_> {
    /// What became of those of each file.
    pub(super) fn files(&self) -> Vec<FileTrial> {
        let file = |(trial, fates): (&Trial, &Fates)| FileTrial {
            file: trial.name.display().to_string().into(),
            possible: trial.possible,
            refused: fates.iter().filter(|fate| **fate == Fate::Refused).count(),
            tried: fates.iter().filter(|fate| **fate != Fate::Refused).count(),
            noticed: fates.iter().filter(|fate| matches!(fate, Fate::Noticed(_))).count(),
        };
        self.trials.iter().zip(self.fates).map(file).collect()
    }

    /// What became of those of an item's files.
    pub(super) fn item(&self, id: &ItemId, shown_by: Option<Mutant>) -> ItemTrial {
        let own = || self.subjects.iter().filter(|subject| subject.items.contains(id));
        let (mut files, mut tried, mut noticed) = (0, 0, 0);
        for (trial, fates) in self.trials.iter().zip(self.fates) {
            if !own().any(|subject| subject.proof.concerns(&trial.name)) {
                continue;
            }
            files += 1;
            for (candidate, fate) in trial.chosen.iter().zip(fates).filter(|(_, fate)| **fate != Fate::Refused) {
                if own().any(|subject| trial.may_be_noticed(candidate, subject)) {
                    tried += 1;
                    noticed += usize::from(*fate != Fate::Survived);
                }
            }
        }
        let steps = own().map(|subject| subject.step.clone()).collect();
        ItemTrial { id: id.clone(), steps, files, tried, noticed, shown_by }
    }

    /// Those that no check noticed.
    pub(super) fn survivors(&self, explanations: &Explanations) -> Vec<Survivor> {
        let mut survivors = Vec::new();
        for (trial, fates) in self.trials.iter().zip(self.fates) {
            let survived = trial.chosen.iter().zip(fates).filter(|(_, fate)| **fate == Fate::Survived);
            for (candidate, mutant) in survived.map(|(candidate, _)| (candidate, &candidate.mutant)) {
                let readers = self.subjects.iter().filter(|subject| trial.may_be_noticed(candidate, subject));
                let items: BTreeSet<ItemId> = readers.flat_map(|subject| subject.items.iter().cloned()).collect();
                survivors.push(Survivor {
                    items: items.into_iter().collect(),
                    reason: explanations.reason(mutant).map(str::to_owned),
                    mutant: mutant.clone(),
                });
            }
        }
        survivors
    }

    /// The explanations that no survivor needs. All of them are judged if every item was tried, else those about files
    /// that were changed.
    pub(super) fn expired(&self, explanations: &Explanations, survivors: &[Survivor], is_whole: bool) -> Vec<String> {
        let survived: Vec<&Mutant> = survivors.iter().map(|survivor| &survivor.mutant).collect();
        let (mut noticed, mut others) = (Vec::new(), Vec::new());
        for (trial, fates) in self.trials.iter().zip(self.fates) {
            others.extend(trial.others.iter().map(|candidate| &candidate.mutant));
            for (candidate, fate) in trial.chosen.iter().zip(fates) {
                match fate {
                    Fate::Noticed(_) => noticed.push(&candidate.mutant),
                    Fate::Refused => others.push(&candidate.mutant),
                    Fate::Survived => {}
                }
            }
        }
        let is_judged = |file: &str| is_whole || self.trials.iter().any(|trial| trial.name.as_os_str() == file);
        explanations.expired(&survived, &noticed, &others, &is_judged)
    }
}
