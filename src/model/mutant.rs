//! Changes of copied files that show whether a check can fail, and what became of each.

use std::sync::Arc;

use super::{ItemId, StepId};

/// How a mutant differs from the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MutantKind {
    /// The file is not there.
    FileGone,
    /// A file is there that must not be.
    FileThere,
    /// The file is empty.
    Emptied,
    /// A line is gone, with what belongs to it.
    LineGone,
    /// A line is a comment.
    Comment,
    /// A number is another one.
    Number,
    /// A word is another one.
    Word,
    /// Two values have changed places.
    Swap,
    /// A later line takes an earlier one back.
    LaterLine,
    /// A line was added that breaks a rule, or that must not be there.
    Forbidden,
}

impl MutantKind {
    /// Every kind, in the order in which they are tried.
    pub const ALL: &[Self] = &[
        Self::FileGone,
        Self::FileThere,
        Self::Emptied,
        Self::LineGone,
        Self::Comment,
        Self::Number,
        Self::Word,
        Self::Swap,
        Self::LaterLine,
        Self::Forbidden,
    ];

    /// Its name in reports and explanations.
    pub fn name(self) -> &'static str {
        match self {
            Self::FileGone => "file-gone",
            Self::FileThere => "file-there",
            Self::Emptied => "emptied",
            Self::LineGone => "line-gone",
            Self::Comment => "comment",
            Self::Number => "number",
            Self::Word => "word",
            Self::Swap => "swap",
            Self::LaterLine => "later-line",
            Self::Forbidden => "forbidden",
        }
    }

    /// The kind with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// A changed copy of a file, as people read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The file, relative to the project.
    pub file: Arc<str>,
    /// The first line that differs, counted from 1; 0 if it is the whole file.
    pub line: usize,
    /// How it differs.
    pub kind: MutantKind,
    /// The line before; empty if it is the whole file.
    pub before: String,
    /// The line after; empty if it is gone.
    pub after: String,
}

/// A mutant that no check noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survivor {
    /// The mutant.
    pub mutant: Mutant,
    /// The items whose checks read the file.
    pub items: Vec<ItemId>,
    /// Why it may survive, if that is explained.
    pub reason: Option<String>,
}

/// What became of the mutants of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTrial {
    /// The file, relative to the project.
    pub file: Arc<str>,
    /// How many mutants of it there are.
    pub possible: usize,
    /// How many of those that were chosen helm can't render any more: they do not count as tried.
    pub refused: usize,
    /// How many were tried.
    pub tried: usize,
    /// How many of those were noticed.
    pub noticed: usize,
}

/// Numbers of mutants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MutantCounts {
    /// How many there are.
    pub possible: usize,
    /// How many helm can't render any more.
    pub refused: usize,
    /// How many were tried besides.
    pub tried: usize,
    /// How many of those were noticed.
    pub noticed: usize,
}

/// What became of the mutants of an item's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemTrial {
    /// The item.
    pub id: ItemId,
    /// The steps that prove it from files.
    pub steps: Vec<StepId>,
    /// How many files they read.
    pub files: usize,
    /// How many mutants of these files were tried.
    pub tried: usize,
    /// How many of those some check noticed.
    pub noticed: usize,
    /// A mutant that the item's own checks noticed; `None` if there is none.
    pub shown_by: Option<Mutant>,
}

/// A check that was not tried, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTried {
    /// The step.
    pub step: StepId,
    /// The items that it covers.
    pub items: Vec<ItemId>,
    /// Why.
    pub why: String,
}

/// What became of all mutants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trials {
    /// The items that are proven from files.
    pub items: Vec<ItemTrial>,
    /// How many other items the checklists have.
    pub other_items: usize,
    /// How many checks were tried.
    pub checks: usize,
    /// The files, in the order of their names.
    pub files: Vec<FileTrial>,
    /// The mutants that no check noticed.
    pub survivors: Vec<Survivor>,
    /// Explanations that no survivor needs, and why.
    pub expired: Vec<String>,
    /// Checks that fail on the files as they are.
    pub failing: Vec<NotTried>,
    /// Checks of files that were left out.
    pub left_out: Vec<NotTried>,
}

impl Trials {
    /// How many mutants there are of all files.
    pub fn counts(&self) -> MutantCounts {
        let sum = |count: fn(&FileTrial) -> usize| self.files.iter().map(count).sum();
        MutantCounts {
            possible: sum(|file| file.possible),
            refused: sum(|file| file.refused),
            tried: sum(|file| file.tried),
            noticed: sum(|file| file.noticed),
        }
    }

    /// The survivors that nothing explains.
    pub fn unexplained(&self) -> impl Iterator<Item = &Survivor> {
        self.survivors.iter().filter(|survivor| survivor.reason.is_none())
    }

    /// Whether every check was shown able to fail, and every survivor is explained.
    pub fn is_shown(&self) -> bool {
        self.failing.is_empty()
            && self.unexplained().next().is_none()
            && self.items.iter().all(|item| item.shown_by.is_some())
    }
}
