//! Tests of what was taken down, and of why a run failed.

use super::*;

fn down(id: &str, is_done: bool) -> Entry {
    Entry::StepDown { run: run(), step: step(id), is_done }
}

fn known(dir: &Path) -> (Option<bool>, bool) {
    let history = open(dir).history;
    let known = history.step(&step("a.b")).unwrap();
    assert_eq!(known.started_in, Some(run()), "whose log it is");
    (known.down.map(|down| down.is_done), known.last.is_some())
}

#[test]
fn what_was_taken_down_is_known_until_the_step_runs_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    written(dir, &[started("a.b", "1"), finished("a.b", "1", Outcome::Succeeded)]);
    assert_eq!(known(dir), (None, true));
    written(dir, &[down("a.b", false)]);
    assert_eq!(known(dir), (Some(false), true));
    written(dir, &[down("a.b", true)]);
    assert_eq!(known(dir), (Some(true), true));
    open(dir).journal.rewrite().unwrap();
    assert_eq!(known(dir), (Some(true), true), "after the journal was made shorter");
    written(dir, &[started("a.b", "1")]);
    assert_eq!(known(dir), (None, false));
}

#[test]
fn which_run_started_a_step_is_known_after_it_was_taken_down_and_the_journal_made_shorter() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    // The run was killed.
    written(dir, &[started("a.b", "1"), down("a.b", false), down("a.b", true)]);
    assert_eq!(known(dir), (Some(true), false));
    open(dir).journal.rewrite().unwrap();
    assert_eq!(known(dir), (Some(true), false));
}

#[test]
fn a_step_that_was_taken_down_counts_again_once_its_fallback_has_stood_in_without_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    written(dir, &[started("a.b", "1"), finished("a.b", "1", Outcome::Succeeded), down("a.b", true)]);
    written(dir, &[in_run(LATER, finished("a.b", "1", Outcome::Fallback))]);
    let history = open(dir).history;
    let known = history.step(&step("a.b")).unwrap();
    assert_eq!((known.down, known.last.as_ref().unwrap().outcome), (None, Outcome::Fallback));
}

#[test]
fn for_an_earlier_version_a_step_that_was_taken_down_is_in_doubt() {
    let entry = down("a.b", true);
    let text = record::encode(1, &to_record(&entry, Some("prod"), 7, "f")).unwrap();
    // It reads the fields that it knows, and begins a step by them.
    let of_earlier = text.split_once("\"r\":").unwrap().1.replace(",\"down\":\"done\"", "");
    let fields = "{\"kind\":\"step-started\",\"run\":\"20261121-113512-4f2a\",\"step\":\"a.b\",\"scope\":\"prod\",\
                  \"at\":7,\"fingerprint\":\"\"}}\n";
    assert_eq!(of_earlier, fields);
}

#[test]
fn why_a_run_failed_is_on_record_with_its_step() {
    let dir = tempfile::tempdir().unwrap();
    let error = Failure::failed("it is gone").cause("somebody took it").object(Some("a.b"));
    let begin = Entry::RunStarted { run: run(), command: "provision up".into(), commit: None, items: BTreeMap::new() };
    let why = Some((Some(step("a.b")), Box::new(error.clone())));
    written(dir.path(), &[begin, Entry::RunFinished { run: run(), outcome: Outcome::Failed, error: why.clone() }]);
    assert_eq!(open(dir.path()).history.run(&run()).unwrap().error, why);
}

#[test]
fn another_scope_s_down_counts_where_the_names_and_the_cluster_are_the_same() {
    let made = |name: &str| {
        let mut entry = finished("a.b", "1", Outcome::Succeeded);
        if let Entry::StepFinished { end, .. } = &mut entry {
            end.output = [("name".to_owned(), name.to_owned())].into_iter().collect();
        }
        entry
    };
    let is_down = |own: (&str, &str), other: (&str, &str), in_cluster: bool| {
        let dir = tempfile::tempdir().unwrap();
        written_in(dir.path(), Some(own.0), &[started("a.b", "1"), made(own.1)]);
        written_in(dir.path(), Some(other.0), &[started("a.b", "1"), made(other.1), down("a.b", true)]);
        let history = history_in(dir.path(), Some(own.0));
        let known = |history: &History| history.step(&step("a.b")).unwrap().down.is_some();
        assert!(!known(&history.clone().sharing(|_| (&[], in_cluster))), "it has no names");
        known(&history.sharing(|_| (&["name"], in_cluster)))
    };
    assert!(is_down(("p\nk", "x"), ("q\nk", "x"), true));
    assert!(!is_down(("p\nk", "x"), ("q\nk", "y"), true), "another thing");
    assert!(!is_down(("p\nk", "x"), ("q\nl", "x"), true), "in another cluster");
    assert!(is_down(("p\nk", "x"), ("q\nl", "x"), false), "of this machine");
}
