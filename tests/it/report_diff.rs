//! `provision report diff`: what two runs knew, from the journal alone.

use serde_json::Value;

use crate::sandbox::{Sandbox, steps};

fn project() -> Sandbox {
    let pipeline = steps(&[
        ("make", "cp in out; echo made >> world", "inputs = ['in']\noutputs = ['out']\ncovers = ['T1', 'T2']"),
        ("check", "test -e ok", "needs = ['make']\ncheck = 'test -e ok'\nalways = true\ncovers = ['T2']"),
        ("other", "touch side", "outputs = ['side']\ncovers = ['T3']"),
    ]);
    let sandbox = Sandbox::new(&pipeline.replacen("[pipeline]\n", "[pipeline]\nchecklists = [\"tasks.md\"]\n", 1));
    sandbox.file("tasks.md", "- [ ] T1 Make it\n- [ ] T2 Check it\n- [ ] T3 Do the rest\n- [ ] T4 Write\n");
    sandbox.file("in", "1");
    sandbox
}

/// The ids of the runs on record, in their order.
fn runs(sandbox: &Sandbox) -> Vec<String> {
    let journal = fs_err::read_to_string(sandbox.path(".provision/journal.jsonl")).unwrap();
    let records = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["r"].take());
    let starts = records.filter(|record| record["kind"] == "run-started");
    starts.map(|record| record["run"].as_str().unwrap().to_owned()).collect()
}

fn diff(sandbox: &Sandbox, args: &[&str]) -> Value {
    let args = [&["report", "diff", "--format", "json"], args].concat();
    serde_json::from_str(&sandbox.run(&args).code(0).stdout).unwrap()
}

/// The items that have changed, as `ID before after`.
fn changed(document: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let items = document["items"].as_array().unwrap().iter();
    items.map(|item| [&item["id"], &item["before"], &item["after"]].map(word).join(" ")).collect()
}

#[test]
fn verdicts_and_evidence_of_two_runs_are_compared_without_a_probe() {
    let sandbox = project();
    sandbox.run(&["up", "--keep-going"]).code(1);
    sandbox.file("ok", "");
    sandbox.run(&["up"]).code(0);
    let now = diff(&sandbox, &[]);
    assert_eq!(changed(&now), ["T2 failed done"]);
    assert_eq!(now["counts"], serde_json::json!({ "total": 4, "changed": 1, "again": 0 }));
    let step = &now["items"][0]["steps"][0];
    assert_eq!(step["step"], "s.check");
    assert_eq!(step["what"][0], "outcome: failed → succeeded");
    assert_eq!((&now["before"]["counts"]["failed"], &now["after"]["counts"]["done"]), (&1.into(), &3.into()));
    // The input of a step is other now: the evidence of its items is too, and no verdict. What is proven again with the
    // same result is only counted.
    sandbox.file("in", "2");
    sandbox.run(&["up"]).code(0);
    let now = diff(&sandbox, &["previous", "latest"]);
    assert_eq!(changed(&now), ["T1 done done", "T2 done done"]);
    assert_eq!(now["items"][0]["steps"][0]["inputs"], serde_json::json!(["files in"]));
    sandbox.run(&["up"]).code(0).says("1 re-checked");
    let text = sandbox.run(&["report", "diff", "--exit-code"]).code(0);
    text.says("test: 0 of 4 items changed; 1 proven again with the same result");
    // What has happened since is no part of it: nothing is probed.
    fs_err::remove_file(sandbox.path("out")).unwrap();
    fs_err::remove_file(sandbox.path("ok")).unwrap();
    let ids = runs(&sandbox);
    assert_eq!(ids.len(), 4);
    let all = sandbox.run(&["report", "diff", &ids[0], &ids[3], "--exit-code"]).code(10);
    all.says("T2  Check it\n  failed → done\n    s.check  outcome: failed → succeeded").says("2 of 4 items changed");
    assert_eq!(changed(&diff(&sandbox, &[&ids[3], &ids[0]])), ["T1 done done", "T2 done failed"]);
    sandbox.run(&["report", "diff", &ids[1], &ids[1], "--exit-code"]).code(0).says("0 of 4 items changed");
    let markdown = sandbox.run(&["report", "diff", &ids[0], "latest", "--format", "markdown", "--output", "diff.md"]);
    assert_eq!(markdown.code(0).stdout, "");
    let page = fs_err::read_to_string(sandbox.path("diff.md")).unwrap();
    assert!(page.contains("- **T2** Check it (failed → done)\n  - `s.check` outcome: failed → succeeded"), "{page}");
}

#[test]
fn what_a_run_could_prove_is_what_the_pipeline_covered_then() {
    let sandbox = project();
    sandbox.run(&["up", "--keep-going"]).code(1);
    let pipeline = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &pipeline.replace("covers = ['T3']", "covers = ['T3', 'T4']"));
    sandbox.file("tasks.md", "- [ ] T1 Make it\n- [ ] T3 Do the rest well\n- [ ] T4 Write\n- [ ] T2 Check it\n");
    sandbox.file("ok", "");
    sandbox.run(&["up"]).code(0);
    let now = diff(&sandbox, &[]);
    assert_eq!(changed(&now), ["T4 open done", "T2 failed done"]);
    assert!(now["items"][0]["steps"][0]["what"].to_string().contains("did not cover it before"), "{now}");
    // An item that no checklist has any more still had its verdict.
    sandbox.file("tasks.md", "- [ ] T1 Make it\n");
    let pipeline = pipeline.replace("covers = ['T3']", "").replace("covers = ['T2']", "").replace(", 'T2'", "");
    sandbox.file("pipeline.toml", &pipeline);
    sandbox.run(&["report", "diff"]).code(0).says("T2  (in no checklist any more)").says("2 of 4 items changed");
}

#[test]
fn a_run_that_can_not_be_meant_is_refused_with_those_that_can() {
    let sandbox = project();
    let refused = |args: &[&str]| sandbox.run(&[&["report", "diff"], args].concat()).code(2).stderr;
    assert!(refused(&[]).contains("no run is on record here"));
    sandbox.file("ok", "").run(&["up"]).code(0);
    assert!(refused(&[]).contains("there is only one run on record"));
    sandbox.run(&["up", "--force"]).code(0);
    let ids = runs(&sandbox);
    let unknown = refused(&["20190101"]);
    assert!(unknown.contains("no run on record has an id that begins with `20190101`"), "{unknown}");
    assert!(ids.iter().all(|id| unknown.contains(id.as_str())), "{unknown}");
    assert!(unknown.contains("`latest` or `previous`"), "{unknown}");
    let several = refused(&["2"]);
    assert!(several.contains("the ids of 2 runs begin with `2`"), "{several}");
    assert!(refused(&[""]).contains("the name of a run is empty"));
    sandbox.run(&["report", "diff", "--format", "html"]).code(2).says("[possible values: text, markdown, json]");
    sandbox.run(&["report", "--check", "diff"]).code(2);
}
