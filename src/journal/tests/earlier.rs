//! Tests of [`Past`]: what was known at the end of earlier runs; and of what is known of a damaged file.

use super::*;

/// A journal with `runs`, each the entries of one run without its start and its end.
fn with_runs(dir: &Path, scope: Option<&str>, runs: &[(&str, &[Entry])]) {
    let mut journal = open(dir).journal;
    journal.set_scope(scope);
    for (id, entries) in runs {
        let run = RunId::new(id).unwrap();
        let items = BTreeMap::from([(step("a.b"), inputs(id))]);
        let begin = Entry::RunStarted { run: run.clone(), command: "provision up".into(), commit: None, items };
        journal.append(&[begin]).unwrap();
        journal.append(&entries.iter().map(|entry| in_run(id, entry.clone())).collect::<Vec<_>>()).unwrap();
        journal.append(&[Entry::RunFinished { run, outcome: Outcome::Succeeded, error: None }]).unwrap();
    }
}

fn read_past(dir: &Path, scope: Option<&str>) -> Past {
    Past::read(&dir.join(".provision"), scope).unwrap()
}

fn ids(past: &Past) -> Vec<&str> {
    past.runs().iter().map(|run| run.id.as_str()).collect()
}

/// The outcome of a step at the end of each run; `?` for one that is in doubt, `-` for one that is not known.
fn outcomes(past: &Past, id: &str) -> Vec<&'static str> {
    let of = |run: &PastRun| match past.known_after(run).unwrap().step(&step(id)) {
        None => "-",
        Some(known) => known.last.as_ref().map_or("?", |end| end.outcome.word()),
    };
    past.runs().iter().map(of).collect()
}

const FIRST: &str = "20261121-113512-4f2a";
const SECOND: &str = "20261121-113512-0001";
const THIRD: &str = "20261122-090000-aaaa";

#[test]
fn each_run_knew_what_was_on_record_when_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let good = |id: &str| finished(id, "1", Outcome::Succeeded);
    with_runs(
        dir.path(),
        None,
        &[
            (FIRST, &[started("a.b", "1"), good("a.b")]),
            (SECOND, &[started("a.b", "2"), finished("a.b", "2", Outcome::Failed), started("a.c", "1")]),
            (THIRD, &[started("a.c", "1"), good("a.c")]),
        ],
    );
    with_runs(dir.path(), Some("prod"), &[("20261123-090000-bbbb", &[good("a.b")])]);
    let past = read_past(dir.path(), None);
    assert_eq!(ids(&past), [FIRST, SECOND, THIRD]);
    assert!(past.runs().iter().all(|run| run.is_whole && run.record.outcome == Some(Outcome::Succeeded)));
    assert_eq!(outcomes(&past, "a.b"), ["succeeded", "failed", "failed"]);
    assert_eq!(outcomes(&past, "a.c"), ["-", "?", "succeeded"]);
    let prod = read_past(dir.path(), Some("prod"));
    assert_eq!((ids(&prod), outcomes(&prod, "a.b")), (vec!["20261123-090000-bbbb"], vec!["succeeded"]));
    // The attempts and the kind of the proof read back.
    let known = past.known_after(&past.runs()[0]).unwrap();
    assert_eq!(known.run(&past.runs()[0].id).unwrap().items, BTreeMap::from([(step("a.b"), inputs(FIRST))]));
    let end = known.step(&step("a.b")).unwrap().last.clone().unwrap();
    assert_eq!((end.attempts[0].message.as_str(), end.proof), ("reset by peer", Some(ProofKind::Seen)));
}

#[test]
fn what_a_compaction_has_removed_is_not_made_up() {
    let dir = tempfile::tempdir().unwrap();
    let again = || [started("a.b", "1"), finished("a.b", "1", Outcome::Succeeded)];
    let runs: Vec<(String, [Entry; 2])> = (0..600).map(|n| (format!("20261121-113512-{n:04x}"), again())).collect();
    let runs: Vec<(&str, &[Entry])> = runs.iter().map(|(id, entries)| (id.as_str(), entries.as_slice())).collect();
    with_runs(dir.path(), None, &[(FIRST, &[finished("a.c", "1", Outcome::Succeeded)])]);
    with_runs(dir.path(), None, &runs);
    with_runs(dir.path(), None, &[(THIRD, &again())]);
    let past = read_past(dir.path(), None);
    assert_eq!(ids(&past), [FIRST, runs[599].0, THIRD]);
    assert_eq!(past.runs().iter().map(|run| run.is_whole).collect::<Vec<_>>(), [false, true, true]);
    let refused = past.known_after(&past.runs()[0]).unwrap_err();
    assert!(refused.hints[0].ends_with(&format!("`{}`", runs[599].0)), "{refused:?}");
    for run in &past.runs()[1..] {
        assert!(past.known_after(run).unwrap().step(&step("a.c")).is_some());
    }
}

#[test]
fn a_reader_of_a_damaged_file_knows_where_it_is_and_since_when_a_step_is_in_doubt() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    written(dir, &[started("a.b", "1"), finished("a.b", "1", Outcome::Failed)]);
    // Its start is on record no more.
    open(dir).journal.rewrite().unwrap();
    let ended = history_in(dir, None).step(&step("a.b")).unwrap().last.clone().unwrap().at_ms;
    assert_eq!(history_in(dir, None).damaged_at(), None);
    let path = dir.join(".provision/journal.jsonl");
    let bytes = fs_err::read(&path).unwrap();
    let n_lines = String::from_utf8_lossy(&bytes).lines().count();
    fs_err::write(&path, [bytes, b"damage\n".to_vec()].concat()).unwrap();
    let history = history_in(dir, None);
    assert_eq!((history.damaged_at(), history.step(&step("a.b")).unwrap().started_ms), (Some(n_lines + 1), ended));
}
