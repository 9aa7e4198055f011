//! The checklist: items are done by evidence, and stale when the evidence no longer holds.

use serde_json::Value;

use crate::sandbox::Sandbox;

fn project() -> Sandbox {
    let pipeline = r#"
[pipeline]
name = "t"
checklists = ["tasks.md"]
[[stage]]
id = "s"
[[stage.step]]
id = "a"
action = "command"
run = "echo made > out; echo a >> world"
inputs = ["in"]
outputs = ["out"]
covers = ["T001", "T002"]
[[stage.step]]
id = "b"
action = "command"
run = "test -e ok"
covers = ["T002"]
needs = ["a"]
"#;
    let sandbox = Sandbox::new(pipeline);
    sandbox.file(
        "tasks.md",
        "# Tasks\n\n## Phase 1: Setup\n\n- [ ] T001 [P] Make it\n- [x] T002 Check it\n- [x] T003 Dream of it\n",
    );
    sandbox.file("in", "1");
    sandbox
}

fn verdicts(sandbox: &Sandbox) -> Vec<(String, String)> {
    let shown = sandbox.run(&["report", "--format", "json"]).code(0);
    let report: Value = serde_json::from_str(&shown.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    report["items"].as_array().unwrap().iter().map(|item| (text(&item["id"]), text(&item["verdict"]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(id, verdict)| ((*id).to_owned(), (*verdict).to_owned())).collect()
}

#[test]
fn an_item_is_done_only_while_its_evidence_holds() {
    let sandbox = project();
    assert_eq!(verdicts(&sandbox), pairs(&[("T001", "open"), ("T002", "open"), ("T003", "open")]));
    sandbox.run(&["up"]).code(1);
    assert_eq!(verdicts(&sandbox), pairs(&[("T001", "done"), ("T002", "failed"), ("T003", "open")]));
    sandbox.file("ok", "");
    sandbox.run(&["up"]).code(0);
    assert_eq!(verdicts(&sandbox), pairs(&[("T001", "done"), ("T002", "done"), ("T003", "open")]));
    // An output is deleted outside of provision: the item is stale, without another run.
    fs_err::remove_file(sandbox.path("out")).unwrap();
    assert_eq!(verdicts(&sandbox), pairs(&[("T001", "stale"), ("T002", "stale"), ("T003", "open")]));
    sandbox.run(&["up"]).code(0);
    sandbox.file("in", "2");
    assert_eq!(verdicts(&sandbox)[0].1, "stale");
}

#[test]
fn the_result_of_a_check_is_stale_once_the_check_has_changed() {
    let sandbox = project();
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    let checked = pipeline.replace("run = \"test -e ok\"", "run = \"true\"\nalways = true");
    sandbox.file("pipeline.toml", &checked);
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("1 re-checked");
    assert_eq!(verdicts(&sandbox)[1].1, "done");
    sandbox.run(&["plan", "--exit-code"]).code(0);
    sandbox.file("pipeline.toml", &checked.replace("run = \"true\"", "run = \"exit 0\""));
    assert_eq!(verdicts(&sandbox)[1].1, "stale");
    sandbox.run(&["plan", "--exit-code"]).code(10).says("changed: settings.run");
}

#[test]
fn an_item_can_be_proven_by_a_fallback() {
    let sandbox = project();
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    let fallback = "[[stage.step]]\nid = \"c\"\naction = \"command\"\nrun = \"true\"\n";
    sandbox.file(
        "pipeline.toml",
        &pipeline.replace("needs = [\"a\"]", &format!("needs = [\"a\"]\nfallback = \"c\"\n{fallback}")),
    );
    sandbox.run(&["up"]).code(0).says("by fallback");
    assert_eq!(verdicts(&sandbox), pairs(&[("T001", "done"), ("T002", "fallback"), ("T003", "open")]));
    // No other step can need a fallback.
    let wrong =
        format!("{fallback}[[stage.step]]\nid = \"d\"\naction = \"command\"\nneeds = [\"c\"]\nrun = \"true\"\n");
    sandbox.file("pipeline.toml", &pipeline.replace("needs = [\"a\"]", &format!("fallback = \"c\"\n{wrong}")));
    sandbox.run(&["plan"]).code(2).says("the fallback of `s.b`");
}

#[test]
fn the_report_has_the_documented_form_and_check_sets_the_exit_code() {
    let sandbox = project();
    sandbox.file("ok", "");
    sandbox.run(&["up"]).code(0);
    let shown = sandbox.run(&["report", "--format", "json", "--output", "report.json"]).code(0);
    assert_eq!(shown.stdout, "");
    let report: Value = serde_json::from_str(&fs_err::read_to_string(sandbox.path("report.json")).unwrap()).unwrap();
    assert_eq!(report["pipeline"], "t");
    assert_eq!(
        report["counts"],
        serde_json::json!({"total": 3, "done": 2, "fallback": 0, "open": 1, "stale": 0, "failed": 0, "dropped": 0})
    );
    let item = &report["items"][0];
    assert_eq!((item["phase"].as_str(), item["ticked"].as_bool()), (Some("Phase 1: Setup"), Some(false)));
    let evidence = &item["evidence"][0];
    assert_eq!(evidence["step"], "s.a");
    assert!(evidence["run"].is_string() && evidence["finished"].as_str().unwrap().ends_with('Z'), "{evidence}");
    sandbox.run(&["report", "--check"]).code(1).says("T003");
    sandbox.run(&["report", "--format", "markdown"]).code(0).says("- [x]").says("T001").says("- [ ]");
    sandbox.file("tasks.md", "- [ ] T001 Make it\n- [ ] T002 Check it\n");
    sandbox.run(&["report", "--check"]).code(0);
}

#[test]
fn a_line_that_looks_like_an_item_fails_the_check_and_a_dropped_item_does_not() {
    let sandbox = project();
    sandbox.file("ok", "");
    let list = "- [ ] T001 Make it\n- [ ] T002 Check it\n- [~] T003 Dream of it\n";
    sandbox.file("tasks.md", list);
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["report", "--check"]).code(0).says("2 of 3 items done; 1 dropped");
    sandbox.run(&["report", "--format", "markdown"]).code(0).says("- [-] **T003**");
    sandbox.file("tasks.md", &format!("{list}- [] T004 Forget it\n"));
    sandbox
        .run(&["report", "--check"])
        .code(1)
        .says("1 line looks like an item and is none")
        .says("tasks.md:4: its box");
    let shown = sandbox.run(&["report", "--format", "json"]).code(0);
    let report: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!((&report["near_items"][0]["line"], &report["counts"]["dropped"]), (&4.into(), &1.into()));
    // A box without an id is an item: it is open until a step names it by its text.
    sandbox.file("tasks.md", &format!("{list}- [ ] Tell it\n  to all\n"));
    sandbox.run(&["report", "--check"]).code(1).says("2 of 4 items done; 1 open, 1 dropped").says("Tell it to all");
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &pipeline.replace("\"T001\", ", "\"T001\", \"Tell it to all\", "));
    sandbox.run(&["report", "--check"]).code(0).says("3 of 4 items done; 1 dropped");
}
