//! Which mutants of a file are tried, where there are more than the limit allows.

use crate::fingerprint::Digest;
use crate::model::MutantKind;

use super::mutants::Change;

/// Returns the numbers of at most `limit` of `changes`, in their order; of all for a limit of 0. Each kind gets its
/// share, and of a kind those with the lowest digests are taken: the same ones each time, and mostly the same ones
/// after an edit elsewhere in the file.
pub(super) fn chosen(changes: &[Change], limit: usize) -> Vec<usize> {
    if limit == 0 || changes.len() <= limit {
        return (0..changes.len()).collect();
    }
    let rank = |n: &usize| {
        let Change { kind, lines, line, .. } = &changes[*n];
        let text = [kind.name(), &lines.before, &lines.after].join("\0");
        (Digest::of(text.as_bytes()).bytes(), *line)
    };
    let mut queues: Vec<Vec<usize>> = MutantKind::ALL
        .iter()
        .map(|kind| {
            let mut of_kind: Vec<usize> = (0..changes.len()).filter(|n| changes[*n].kind == *kind).collect();
            of_kind.sort_by_cached_key(rank);
            of_kind.reverse();
            of_kind
        })
        .collect();
    let mut chosen = Vec::new();
    while chosen.len() < limit && queues.iter().any(|queue| !queue.is_empty()) {
        for queue in &mut queues {
            if chosen.len() < limit {
                chosen.extend(queue.pop());
            }
        }
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::mutants::changes;
    use super::*;

    fn text(replicas: u32) -> String {
        let lines = (0..40).map(|n| format!("key{n}: word{n}\n"));
        lines.collect::<String>() + &format!("replicas: {replicas}\n")
    }

    #[test]
    fn the_same_are_chosen_each_time_and_each_kind_has_its_share() {
        let all = changes(Path::new("a.yaml"), &text(2));
        let some = chosen(&all, 12);
        assert_eq!((some.len(), &some), (12, &chosen(&all, 12)));
        let kinds: std::collections::BTreeSet<_> = some.iter().map(|n| all[*n].kind).collect();
        assert_eq!(kinds.len(), 7, "{kinds:?}");
        assert_eq!(chosen(&all, 0).len(), all.len());
        // An edit of one line leaves the others as they were chosen, but for what took its place.
        let edited = changes(Path::new("a.yaml"), &text(3));
        let lines = |all: &[Change]| -> Vec<_> { chosen(all, 12).iter().map(|n| all[*n].lines.clone()).collect() };
        let (before, after) = (lines(&all), lines(&edited));
        assert!(before.iter().filter(|lines| after.contains(lines)).count() >= 10);
    }
}
