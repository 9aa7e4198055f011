//! [`Source`]: a file's lines, and [`Change`]: a copy with some of them changed.

use std::ops::Range;

use crate::model::MutantKind;

/// A file with a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::prove) struct Change {
    /// How it differs.
    pub(in crate::prove) kind: MutantKind,
    /// The first line that differs, counted from 1; 0 if it is the whole file.
    pub(in crate::prove) line: usize,
    /// The line before and after.
    pub(in crate::prove) lines: Lines,
    /// The whole text.
    pub(in crate::prove) text: String,
}

/// A line before and after a change, without indentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::prove) struct Lines {
    /// Before; empty if it is the whole file.
    pub(in crate::prove) before: String,
    /// After; empty if it is gone.
    pub(in crate::prove) after: String,
}

impl Change {
    /// The whole file is empty.
    pub(super) fn whole(kind: MutantKind) -> Self {
        Self { kind, line: 0, lines: Lines::default(), text: String::new() }
    }
}

/// The lines of a file.
pub(super) struct Source<'a> {
    pub(super) lines: Vec<&'a str>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { lines: text.lines().collect() }
    }

    /// The file with other lines in place of those in `range`; people read of the first one as `after`.
    pub(super) fn replace(&self, kind: MutantKind, range: Range<usize>, new: &[String], after: &str) -> Change {
        let (head, tail) = (&self.lines[..range.start], &self.lines[range.end..]);
        let lines = head.iter().copied().chain(new.iter().map(String::as_str)).chain(tail.iter().copied());
        let before = self.lines.get(range.start).map(|line| line.trim().to_owned()).unwrap_or_default();
        Change {
            kind,
            line: range.start + 1,
            lines: Lines { before, after: after.trim().to_owned() },
            text: joined(lines),
        }
    }

    /// Without the lines in `range`.
    pub(super) fn without(&self, range: Range<usize>) -> Change {
        self.replace(MutantKind::LineGone, range, &[], "")
    }

    /// With another line at `at`.
    pub(super) fn with(&self, kind: MutantKind, at: usize, line: String) -> Change {
        let after = line.clone();
        self.replace(kind, at..at + 1, &[line], &after)
    }

    /// With the lines in `range` as comments, which `mark` begins.
    pub(super) fn commented(&self, range: Range<usize>, mark: &str) -> Change {
        let comment = |line: &&str| {
            let (indent, content) = line.split_at(line.len() - line.trim_start().len());
            format!("{indent}{mark} {content}")
        };
        let new: Vec<String> = self.lines[range.clone()].iter().map(comment).collect();
        let after = new.first().cloned().unwrap_or_default();
        self.replace(MutantKind::Comment, range, &new, &after)
    }

    /// With `line` before the line `place`, which takes back what the line `at` says.
    pub(super) fn taken_back(&self, at: usize, place: usize, line: &str) -> Change {
        let change = self.replace(MutantKind::LaterLine, place..place, &[line.to_owned()], line);
        let before = self.lines[at].trim().to_owned();
        Change { line: at + 1, lines: Lines { before, ..change.lines }, ..change }
    }

    /// With the lines `first` and `second`, which have changed places in part.
    pub(super) fn swapped(&self, first: &(usize, String), second: &(usize, String)) -> Change {
        let mut lines = self.lines.clone();
        lines[first.0] = &first.1;
        lines[second.0] = &second.1;
        let before = self.lines[first.0].trim().to_owned();
        let after = format!("{} (and line {}: {})", first.1.trim(), second.0 + 1, second.1.trim());
        Change {
            kind: MutantKind::Swap,
            line: first.0 + 1,
            lines: Lines { before, after },
            text: joined(lines.into_iter()),
        }
    }
}

fn joined<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.fold(String::new(), |text, line| text + line + "\n")
}
