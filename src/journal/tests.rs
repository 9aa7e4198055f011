//! Tests of the journal as a whole.

mod down;
mod earlier;
mod power;

use fs_err as fs;

use super::*;
use crate::error::FailureKind;
use crate::model::{Attempt, ProofKind};

fn step(id: &str) -> StepId {
    StepId::new(id).unwrap()
}

fn run() -> RunId {
    RunId::new("20261121-113512-4f2a").unwrap()
}

fn inputs(value: &str) -> Inputs {
    let mut inputs = Inputs::new();
    inputs.text("context", value);
    inputs
}

fn started(id: &str, value: &str) -> Entry {
    Entry::StepStarted { run: run(), step: step(id), inputs: inputs(value) }
}

fn finished(id: &str, value: &str, outcome: Outcome) -> Entry {
    let end = StepEnd {
        items: Inputs::new(),
        proven_by: None,
        outcome,
        run: run(),
        at_ms: 0,
        duration_ms: 12,
        inputs: inputs(value),
        changed: Vec::new(),
        output: Output::new().with("image", "a:1"),
        log: None,
        attempts: vec![Attempt { at_ms: 5, duration_ms: 7, message: "reset by peer".into() }],
        proof: Some(ProofKind::Seen),
        message: None,
        error: None,
    };
    Entry::StepFinished { step: step(id), end: Box::new(end) }
}

/// A run after [`run`].
const LATER: &str = "20261121-113513-4f2b";

/// `entry`, which is about a step, in the run `id`.
fn in_run(id: &str, mut entry: Entry) -> Entry {
    match &mut entry {
        Entry::StepStarted { run, .. } => *run = RunId::new(id).unwrap(),
        Entry::StepFinished { end, .. } => end.run = RunId::new(id).unwrap(),
        _ => panic!("not about a step"),
    }
    entry
}

fn open(dir: &Path) -> Opened {
    Journal::open(&dir.join(".provision"), "provision up", false).unwrap()
}

fn written(dir: &Path, entries: &[Entry]) {
    open(dir).journal.append(entries).unwrap();
}

#[test]
fn what_was_appended_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[started("a.b", "1"), finished("a.b", "1", Outcome::Succeeded), started("a.c", "1")]);
    let opened = open(dir.path());
    assert_eq!(opened.warnings, Vec::<String>::new());
    let history = opened.history;
    let done = history.step(&step("a.b")).unwrap();
    assert_eq!(done.last.as_ref().unwrap().outcome, Outcome::Succeeded);
    assert_eq!(done.last.as_ref().unwrap().inputs, inputs("1"));
    assert_eq!(history.output(&step("a.b")).unwrap().get("image"), Some("a:1"));
    let in_doubt = history.step(&step("a.c")).unwrap();
    assert_eq!((&in_doubt.last, in_doubt.started_in.as_ref()), (&None, Some(&run())));
}

#[test]
fn the_error_of_a_failure_is_kept_and_a_record_without_one_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let error = ErrorObject {
        id: "crash-loop".into(),
        message: "it is not coming up".into(),
        cause: Some("exit code 1".into()),
        details: vec!["Back-off restarting".into()],
        fix: vec!["see its log".into()],
        next: "provision logs a.b".into(),
        errors: Vec::new(),
    };
    let mut failed = finished("a.b", "1", Outcome::Failed);
    if let Entry::StepFinished { end, .. } = &mut failed {
        end.error = Some(Box::new(error.clone()));
    }
    written(dir.path(), &[failed, finished("a.c", "1", Outcome::Failed)]);
    let history = open(dir.path()).history;
    let error_of = |id: &str| history.step(&step(id)).unwrap().last.as_ref().unwrap().error.as_deref().cloned();
    assert_eq!((error_of("a.b"), error_of("a.c")), (Some(error), None));
    // As older versions have written it: the field is not there at all.
    let text = fs::read_to_string(journal_path(&dir.path().join(".provision"))).unwrap();
    assert_eq!(text.matches("\"error\"").count(), 1, "{text}");
}

#[test]
fn a_start_voids_the_earlier_success_but_keeps_its_output_known() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[finished("a.b", "1", Outcome::Succeeded), started("a.b", "2")]);
    let history = open(dir.path()).history;
    assert_eq!(history.step(&step("a.b")).unwrap().last, None);
    assert!(history.output(&step("a.b")).is_some());
}

#[test]
fn a_torn_tail_is_dropped_at_every_byte_and_nothing_else_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[finished("a.b", "1", Outcome::Succeeded), started("a.c", "1")]);
    let path = journal_path(&dir.path().join(".provision"));
    let whole = fs::read(&path).unwrap();
    let last_line = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in last_line..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let opened = open(dir.path());
        assert_eq!(opened.warnings.len(), usize::from(cut > last_line), "cut at {cut}: {:?}", opened.warnings);
        assert!(opened.history.step(&step("a.b")).unwrap().last.is_some());
        assert!(opened.history.step(&step("a.c")).is_none());
        // What is appended next follows what was kept.
        let mut journal = opened.journal;
        journal.append(&[finished("a.d", "1", Outcome::Failed)]).unwrap();
        drop(journal);
        let again = open(dir.path());
        assert_eq!(again.warnings, Vec::<String>::new());
        assert!(again.history.step(&step("a.d")).is_some());
    }
}

#[test]
fn damage_in_the_middle_sets_the_file_aside_and_keeps_what_stands_before() {
    let dir = tempfile::tempdir().unwrap();
    let entries =
        [finished("a.b", "1", Outcome::Succeeded), finished("a.c", "1", Outcome::Succeeded), started("a.d", "1")];
    written(dir.path(), &entries);
    let path = journal_path(&dir.path().join(".provision"));
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.replacen("a.c", "a.x", 1)).unwrap();
    let opened = open(dir.path());
    assert_eq!(opened.warnings.len(), 1);
    assert!(opened.warnings[0].contains("damaged at line 3"), "{:?}", opened.warnings);
    assert!(opened.history.step(&step("a.b")).is_some());
    assert!(opened.history.step(&step("a.c")).is_none());
    assert!(opened.history.step(&step("a.d")).is_none());
    drop(opened);
    assert_eq!(open(dir.path()).warnings, Vec::<String>::new());
    let aside = fs::read_dir(dir.path().join(".provision"))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("bad-"))
        .count();
    assert_eq!(aside, 1);
}

#[test]
fn what_was_read_early_counts_only_while_the_journal_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join(".provision");
    written(dir.path(), &[started("a.b", "1"), finished("a.b", "1", Outcome::Succeeded)]);
    let succeeded = |history: &History| history.step(&step("a.b")).is_some_and(|known| known.last.is_some());
    assert!(succeeded(&read_history(&state, read_early(&state)).unwrap()));
    // Another run begins the step again after the early read, and is killed.
    let early = read_early(&state);
    early.wait();
    written(dir.path(), &[in_run(LATER, started("a.b", "2"))]);
    let opened = Journal::open_read(&state, "provision up", false, early).unwrap();
    assert!(!succeeded(&opened.history));
}

#[test]
fn a_second_writer_is_told_who_holds_the_lock_and_readers_never_wait() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = open(dir.path());
    first.journal.append(&[started("a.b", "1")]).unwrap();
    let failure = Journal::open(&dir.path().join(".provision"), "provision up", false).unwrap_err();
    assert_eq!(failure.kind, FailureKind::State);
    assert!(failure.causes[0].contains(&format!("process {} (`provision up`) since 20", std::process::id())));
    assert!(
        read_history(&dir.path().join(".provision"), EarlyContents::default()).unwrap().step(&step("a.b")).is_some()
    );
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let path = journal_path(&dir.path().join(".provision"));
    let newer =
        record::encode(0, &Record::Header { format: 99, lineage: "x".into(), folder: None, compacted_after: None })
            .unwrap();
    fs::write(&path, &newer).unwrap();
    let failure = Journal::open(&dir.path().join(".provision"), "provision up", false).unwrap_err();
    assert_eq!(failure.kind, FailureKind::State);
    assert!(failure.to_string().contains("its format is 99"), "{failure}");
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
}

#[test]
fn a_journal_full_of_old_records_is_compacted_without_a_loss() {
    let dir = tempfile::tempdir().unwrap();
    {
        let mut opened = open(dir.path());
        for n in 0..600 {
            let entries = [started("a.b", &n.to_string()), finished("a.b", &n.to_string(), Outcome::Succeeded)];
            opened.journal.file.append(&entries.each_ref().map(|entry| to_record(entry, None, 0, "")), false).unwrap();
        }
    }
    let path = journal_path(&dir.path().join(".provision"));
    let before = fs::read_to_string(&path).unwrap().lines().count();
    let history = open(dir.path()).history;
    let after = fs::read_to_string(&path).unwrap().lines().count();
    assert!(before > 1000 && after < 10, "{before} {after}");
    assert_eq!(history.step(&step("a.b")).unwrap().last.as_ref().unwrap().inputs, inputs("599"));
    assert_eq!(open(dir.path()).history.output(&step("a.b")).unwrap().get("image"), Some("a:1"));
}

#[test]
fn odd_state_folders_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), dir.path().join(".provision")).unwrap();
    let failure = Journal::open(&dir.path().join(".provision"), "provision up", false).unwrap_err();
    assert_eq!(failure.kind, FailureKind::State);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);

    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join(".provision/journal.jsonl")).unwrap();
    assert_eq!(
        read_history(&dir.path().join(".provision"), EarlyContents::default()).unwrap_err().kind,
        FailureKind::State
    );
}

#[test]
fn what_a_compaction_leaves_says_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = open(dir.path());
    for _ in 0..400 {
        for n in 0..3 {
            let id = format!("a.n{n}");
            opened.journal.append(&[started(&id, "1"), finished(&id, "1", Outcome::Succeeded)]).unwrap();
        }
    }
    opened.journal.append(&[started("a.n1", "2"), in_run(LATER, finished("a.n2", "2", Outcome::Failed))]).unwrap();
    let path = journal_path(&dir.path().join(".provision"));
    let before = read_history(&dir.path().join(".provision"), EarlyContents::default()).unwrap();
    opened.journal.compact();
    assert!(fs::read_to_string(&path).unwrap().lines().count() < 10);
    opened.journal.append(&[started("a.n0", "3")]).unwrap();
    drop(opened);
    let after = open(dir.path());
    assert_eq!(after.warnings, Vec::<String>::new());
    for (id, last) in [("a.n0", None), ("a.n1", None), ("a.n2", Some(Outcome::Failed))] {
        let known = after.history.step(&step(id)).unwrap();
        assert_eq!(known.last.as_ref().map(|end| end.outcome), last, "{id}");
        assert_eq!(known.last_success, before.step(&step(id)).unwrap().last_success);
    }
}

#[test]
fn a_record_that_can_not_follow_the_others_is_damage() {
    let succeeded = || finished("a.b", "1", Outcome::Succeeded);
    for impossible in [
        // Twice in one run, and what a run never records.
        succeeded(),
        finished("a.b", "1", Outcome::Failed),
        in_run(LATER, finished("a.b", "1", Outcome::Fresh)),
        in_run(LATER, finished("a.b", "1", Outcome::Blocked)),
        in_run(LATER, finished("a.b", "1", Outcome::Skipped)),
    ] {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path(), &[started("a.b", "1"), succeeded(), impossible, started("a.c", "1")]);
        let opened = open(dir.path());
        assert!(opened.warnings[0].contains("damaged at line 4"), "{:?}", opened.warnings);
        assert_eq!(opened.history.step(&step("a.b")).unwrap().last, None, "in doubt");
        assert!(opened.history.step(&step("a.c")).is_none());
    }
    // A step that ends without a start: compacted away, or checked and saved by its fallback.
    let dir = tempfile::tempdir().unwrap();
    let ends = [Outcome::Fallback, Outcome::Failed, Outcome::Interrupted, Outcome::Succeeded];
    let ends = ends.iter().enumerate().map(|(n, end)| in_run(&format!("{LATER}{n}"), finished("a.b", "1", *end)));
    written(dir.path(), &ends.collect::<Vec<_>>());
    assert_eq!(open(dir.path()).warnings, Vec::<String>::new());
}

/// The history of `scope` in the journal of `dir`.
fn history_in(dir: &Path, scope: Option<&str>) -> History {
    read_history(&dir.join(".provision"), EarlyContents::default()).unwrap().in_scope(scope)
}

/// Appends entries in a scope.
fn written_in(dir: &Path, scope: Option<&str>, entries: &[Entry]) {
    let mut journal = open(dir).journal;
    journal.set_scope(scope);
    journal.append(entries).unwrap();
}

#[test]
fn each_scope_has_records_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let outcome = |scope| {
        let history = history_in(dir, scope);
        history.step(&step("a.b")).map(|known| known.last.as_ref().map(|end| end.outcome))
    };
    written_in(dir, None, &[started("a.b", "1"), finished("a.b", "1", Outcome::Succeeded)]);
    assert_eq!((outcome(None), outcome(Some("prod"))), (Some(Some(Outcome::Succeeded)), None));
    // In the same run, which a step of one scope does not end twice.
    written_in(dir, Some("prod"), &[started("a.b", "2"), finished("a.b", "2", Outcome::Failed)]);
    written_in(dir, Some("dev"), &[started("a.b", "3")]);
    let all = [None, Some("prod"), Some("dev")];
    let expected = [Some(Some(Outcome::Succeeded)), Some(Some(Outcome::Failed)), Some(None)];
    assert_eq!(all.map(outcome), expected);
    // To and fro.
    let there_and_back = history_in(dir, Some("prod")).in_scope(Some("dev")).in_scope(None);
    assert!(there_and_back.output(&step("a.b")).is_some());
    // A file without scopes is as it always was.
    let text = fs::read_to_string(journal_path(&dir.join(".provision"))).unwrap();
    assert_eq!(text.matches("\"scope\"").count(), 3);
}

#[test]
fn records_that_name_no_kube_context_are_in_doubt_for_each() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    written_in(dir, None, &[started("a.b", "1"), finished("a.b", "1", Outcome::Succeeded)]);
    written_in(dir, Some("prod"), &[started("a.c", "1"), finished("a.c", "1", Outcome::Succeeded)]);
    written_in(dir, Some("\none"), &[started("a.d", "1"), finished("a.d", "1", Outcome::Succeeded)]);
    let known = |scope, id| {
        let history = history_in(dir, Some(scope));
        history.step(&step(id)).map(|known| (known.last.is_some(), known.last_success.is_some()))
    };
    for context in ["\none", "\ntwo"] {
        assert_eq!((known(context, "a.b"), known(context, "a.c")), (Some((false, true)), None), "{context}");
    }
    assert_eq!((known("prod\none", "a.c"), known("prod\none", "a.b")), (Some((false, true)), None));
    assert_eq!((known("\none", "a.d"), known("\ntwo", "a.d")), (Some((true, true)), None));
    // What was done at this one since counts.
    written_in(dir, Some("\ntwo"), &[started("a.b", "2"), finished("a.b", "2", Outcome::Succeeded)]);
    assert_eq!([known("\none", "a.b"), known("\ntwo", "a.b")], [Some((false, true)), Some((true, true))]);
}

#[test]
fn compaction_and_doubt_keep_all_scopes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    written_in(dir, Some("prod"), &[finished("a.b", "1", Outcome::Succeeded), started("a.c", "1")]);
    let many: Vec<Entry> = (0..1500)
        .flat_map(|n| {
            let id = format!("20261121-113512-{n:04x}");
            [in_run(&id, started("a.b", "2")), in_run(&id, finished("a.b", "2", Outcome::Failed))]
        })
        .collect();
    let mut journal = open(dir).journal;
    journal.append(&many).unwrap();
    journal.compact();
    drop(journal);
    let path = journal_path(&dir.join(".provision"));
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().count() < 20, "{}", text.lines().count());
    let prod = history_in(dir, Some("prod"));
    assert_eq!(prod.step(&step("a.b")).unwrap().last.as_ref().unwrap().outcome, Outcome::Succeeded);
    assert!(prod.step(&step("a.c")).unwrap().last.is_none());
    assert_eq!(history_in(dir, None).step(&step("a.b")).unwrap().last.as_ref().unwrap().outcome, Outcome::Failed);

    // Damage in the middle: every step of every scope is in doubt, and stays so.
    let lines: Vec<&str> = text.lines().collect();
    let damaged = format!("{}\nnonsense\n", lines.join("\n"));
    fs::write(&path, damaged).unwrap();
    drop(open(dir));
    for scope in [None, Some("prod")] {
        assert!(history_in(dir, scope).step(&step("a.b")).unwrap().last.is_none(), "{scope:?}");
    }
}
