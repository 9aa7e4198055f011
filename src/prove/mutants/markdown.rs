//! Changes of Markdown: its headings, its tables row by row and cell by cell, its code and where its links lead. Prose
//! is left alone: what a changed word of it means, only a reader knows.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::source::{Change, Source};
use super::tokens::{other_numbers, other_words};
use crate::model::MutantKind;

/// Where a link leads.
static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\]\(([^)\s]+)\)").ok());

pub(super) fn changes(source: &Source<'_>) -> Vec<Change> {
    let mut all = Vec::new();
    let mut fence: Option<&str> = None;
    let mut was_row = false;
    for (at, line) in source.lines.iter().enumerate() {
        let content = line.trim();
        let mark = ["```", "~~~"].into_iter().find(|mark| content.starts_with(mark));
        if let Some(open) = fence {
            if content.starts_with(open) {
                fence = None;
            } else {
                code(source, at, &mut all);
            }
            continue;
        }
        if let Some(mark) = mark {
            fence = Some(mark);
            // What language it is.
            all.extend(other_words(line, &[]).into_iter().map(|line| source.with(MutantKind::Word, at, line)));
            continue;
        }
        let is_row = content.starts_with('|');
        if content.starts_with('#') {
            all.push(source.without(at..at + 1));
            all.push(source.with(MutantKind::Comment, at, format!("<!-- {content} -->")));
            all.extend(other_words(line, &[]).into_iter().map(|line| source.with(MutantKind::Word, at, line)));
        } else if is_row && !is_ruler(content) {
            if was_row {
                all.push(source.without(at..at + 1));
                cells(source, at, &mut all);
            } else {
                all.extend(other_words(line, &[]).into_iter().map(|line| source.with(MutantKind::Word, at, line)));
            }
        }
        was_row = is_row;
        for link in LINK.iter().flat_map(|link| link.captures_iter(line)).filter_map(|found| found.get(1)) {
            let other = format!("{}x{}", &line[..link.end()], &line[link.end()..]);
            all.push(source.with(MutantKind::Word, at, other));
        }
    }
    all
}

/// The line between the head of a table and its rows.
fn is_ruler(row: &str) -> bool {
    row.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '))
}

/// The cells of a table's row: a number is another one, a word is, and two cells have changed places.
fn cells(source: &Source<'_>, at: usize, all: &mut Vec<Change>) {
    let line = source.lines[at];
    all.extend(other_numbers(line, &[]).into_iter().map(|line| source.with(MutantKind::Number, at, line)));
    all.extend(other_words(line, &[]).into_iter().map(|line| source.with(MutantKind::Word, at, line)));
    let filled: Vec<Range<usize>> = texts_of_cells(line).into_iter().filter(|cell| !cell.is_empty()).collect();
    let differ = |pair: &&[Range<usize>]| line[pair[0].clone()] != line[pair[1].clone()];
    if let Some([one, other]) = filled.windows(2).find(differ) {
        let (first, second) = (&line[one.clone()], &line[other.clone()]);
        let between = &line[one.end..other.start];
        let swapped = format!("{}{second}{between}{first}{}", &line[..one.start], &line[other.end..]);
        all.push(source.with(MutantKind::Swap, at, swapped));
    }
}

/// Where the texts of a row's cells are, without the blanks around them. A bar after a backslash divides nothing.
fn texts_of_cells(line: &str) -> Vec<Range<usize>> {
    let is_bar = |(at, _): &(usize, &str)| !line[..*at].ends_with('\\');
    let bars: Vec<usize> = line.match_indices('|').filter(is_bar).map(|(at, _)| at).collect();
    let ends = bars.iter().skip(1).copied().chain([line.len()]);
    let cells = bars.iter().zip(ends).map(|(bar, end)| bar + 1..end);
    let trimmed = |cell: Range<usize>| {
        let text = &line[cell.clone()];
        let start = cell.start + text.len() - text.trim_start().len();
        start..start + text.trim().len()
    };
    cells.map(trimmed).collect()
}

/// A line of code, which people copy.
fn code(source: &Source<'_>, at: usize, all: &mut Vec<Change>) {
    let line = source.lines[at];
    if line.trim().is_empty() || line.trim_start().starts_with('#') {
        return;
    }
    all.push(source.without(at..at + 1));
    all.extend(other_numbers(line, &[]).into_iter().map(|line| source.with(MutantKind::Number, at, line)));
    all.extend(other_words(line, &[]).into_iter().map(|line| source.with(MutantKind::Word, at, line)));
}
