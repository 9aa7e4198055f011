//! Changes of a Dockerfile.

use std::ops::Range;

use super::source::{Change, Source};
use super::tokens::{other_numbers, other_words};
use crate::model::MutantKind;

/// An instruction.
struct Instruction {
    /// `USER`.
    word: String,
    /// Its lines.
    lines: Range<usize>,
    /// What follows the word in its first line.
    arguments: String,
}

pub(super) fn changes(source: &Source<'_>) -> Vec<Change> {
    let all = instructions(source);
    let mut changes = Vec::new();
    for (n, instruction) in all.iter().enumerate() {
        let lines = instruction.lines.clone();
        changes.push(source.without(lines.clone()));
        changes.push(source.commented(lines.clone(), "#"));
        for at in lines.clone().filter(|at| !is_comment(source.lines[*at])) {
            let line = source.lines[at];
            let first = if at == lines.start { line.find(&instruction.arguments).unwrap_or(0) } else { 0 };
            let (head, rest) = line.split_at(first);
            let other = |kind: MutantKind, rest: String| source.with(kind, at, format!("{head}{rest}"));
            changes.extend(other_numbers(rest, &[]).into_iter().map(|rest| other(MutantKind::Number, rest)));
            changes.extend(other_words(rest, &[]).into_iter().map(|rest| other(MutantKind::Word, rest)));
        }
        if let Some(later) = later(instruction) {
            let next_stage = all[n + 1..].iter().find(|other| other.word == "FROM");
            // An argument before the first stage is for what follows.
            let place = match (&*instruction.word, next_stage) {
                ("ARG", _) => lines.end,
                ("FROM", Some(_)) => continue,
                (_, Some(stage)) => stage.lines.start,
                (_, None) => source.lines.len(),
            };
            changes.push(source.taken_back(lines.start, place, &later));
        }
        let next =
            all.get(n + 1).filter(|next| next.word == instruction.word && next.arguments != instruction.arguments);
        if let Some(next) = next.filter(|next| next.lines.len() == 1 && lines.len() == 1) {
            let line = |arguments: &str| format!("{} {arguments}", instruction.word);
            let swapped = ((lines.start, line(&next.arguments)), (next.lines.start, line(&instruction.arguments)));
            changes.push(source.swapped(&swapped.0, &swapped.1));
        }
    }
    changes
}

/// An instruction that takes this one back.
fn later(instruction: &Instruction) -> Option<String> {
    let name = || instruction.arguments.split(['=', ' ']).next().filter(|name| !name.is_empty());
    match &*instruction.word {
        "FROM" => Some("FROM scratch".into()),
        "USER" => Some("USER root".into()),
        "CMD" | "ENTRYPOINT" => Some(format!("{} [\"sh\"]", instruction.word)),
        "HEALTHCHECK" => Some("HEALTHCHECK NONE".into()),
        "WORKDIR" => Some("WORKDIR /tmp".into()),
        "ENV" | "ARG" => Some(format!("{} {}=taken-back", instruction.word, name()?)),
        _ => None,
    }
}

fn is_comment(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

fn instructions(source: &Source<'_>) -> Vec<Instruction> {
    let mut all: Vec<Instruction> = Vec::new();
    let mut goes_on = false;
    for (at, line) in source.lines.iter().enumerate() {
        if is_comment(line) {
            continue;
        }
        if goes_on && let Some(last) = all.last_mut() {
            last.lines.end = at + 1;
        } else {
            let (word, arguments) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
            all.push(Instruction {
                word: word.to_ascii_uppercase(),
                lines: at..at + 1,
                arguments: arguments.trim().to_owned(),
            });
        }
        goes_on = line.trim_end().ends_with('\\');
    }
    all
}
