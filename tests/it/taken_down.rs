//! What `down` has taken away is known as such, with all that rests on it.

use serde_json::{Value, json};

use crate::compose::{project, up, waiting};
use crate::sandbox::{Shown, send};

#[test]
fn what_was_taken_down_is_known_as_such_until_it_runs_again() {
    let check = "[[stage.step]]\nid = \"check\"\naction = \"command\"\nrun = \"true\"\ncovers = [\"T2\"]\n";
    let (sandbox, _engine) = project("covers = [\"T1\"]", check);
    let text = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &text.replace("name = \"t\"\n", "name = \"t\"\nchecklists = [\"tasks.md\"]\n"));
    sandbox.file("tasks.md", "- [ ] T1 The services are up\n- [ ] T2 It is checked\n");
    sandbox.run(&["up"]).code(0);
    let read = |args: &[&str]| -> Value { serde_json::from_str(&sandbox.run(args).code(0).stdout).unwrap() };
    let now = || read(&["status", "--format", "json"])["steps"].clone();
    let states =
        |steps: &Value| [&steps[0]["state"], &steps[1]["state"]].map(|state| state.as_str().unwrap().to_owned());
    assert_eq!(states(&now()), ["ended", "ended"]);
    sandbox.run(&["down", "--yes"]).code(0).says("removed the compose project");

    let steps = now();
    assert_eq!(states(&steps), ["taken-down", "ended"], "{steps:#}");
    assert!(steps[0]["at"].is_string() && steps[0]["outcome"].is_null(), "{steps:#}");
    sandbox.run(&["status"]).code(0).says("taken down 2").says("1 of 2 steps proven");
    let graph = read(&["graph", "--format", "json"]);
    assert_eq!((&graph["steps"][0]["state"], &graph["steps"][0]["outcome"]), (&json!("down"), &Value::Null));
    assert_eq!(graph["steps"][0]["finished"], steps[0]["at"]);
    sandbox.run(&["graph"]).code(0).says("]:::down");
    let report = read(&["report", "--format", "json"]);
    let items = report["items"].as_array().unwrap();
    assert_eq!(items[0]["verdict"], "stale", "{report:#}");
    assert!(items[0]["evidence"][0]["stale"].as_str().unwrap().starts_with("taken down at 2"), "{report:#}");
    sandbox.run(&["plan", "--exit-code"]).code(10).says("taken down at 2");
    sandbox.run(&["why", "s.up"]).code(0).says("taken down at 2");
    // A second one finds nothing, and a smaller journal knows the same.
    sandbox.run(&["down", "--yes"]).code(0).says("there is nothing to remove");
    sandbox.run(&["gc"]).code(0);
    assert_eq!(now(), steps);

    up(&sandbox, "running", "healthy", 0);
    sandbox.run(&["up"]).code(0).says("started: taken down at 2");
    assert_eq!(states(&now()), ["ended", "ended"]);
    sandbox.run(&["up"]).code(0).says("nothing to do");
}

#[test]
fn what_rests_on_what_was_taken_down_is_not_proven_any_more() {
    let after = "[[stage]]\nid = \"v\"\n[[stage.step]]\nid = \"look\"\naction = \"command\"\nrun = \"true\"\nalways = true\n\
                 covers = [\"T2\"]\n[[stage.step]]\nid = \"uses\"\naction = \"command\"\nrun = [\"echo\", \"${{ steps.s.up.project }}\"]\n\
                 [[stage.step]]\nid = \"file\"\naction = \"command\"\nrun = \"true\"\n\
                 [[stage]]\nid = \"aside\"\nneeds = []\n[[stage.step]]\nid = \"look\"\naction = \"command\"\nrun = \"true\"\nalways = true\n";
    let (sandbox, _engine) = project("covers = [\"T1\"]", after);
    let text = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &text.replace("name = \"t\"\n", "name = \"t\"\nchecklists = [\"tasks.md\"]\n"));
    sandbox.file("tasks.md", "- [ ] T1 The services are up\n- [ ] T2 It is inspected\n");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["status"]).code(0).says("5 of 5 steps proven").keeps_quiet_about("not proven since");
    sandbox.run(&["down", "--yes"]).code(0);
    let read = |args: &[&str]| -> Value { serde_json::from_str(&sandbox.run(args).code(0).stdout).unwrap() };
    let states = || -> Vec<String> {
        let steps = read(&["status", "--format", "json"])["steps"].clone();
        steps.as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap().to_owned()).collect()
    };
    let gone = ["taken-down", "unproven", "unproven", "ended", "ended"];
    assert_eq!(states(), gone);
    let shown = sandbox.run(&["status"]).code(0).says("not proven since 2").says("2 of 5 steps proven");
    shown.says("s.up, which it rests on, was taken down");
    let graph = read(&["graph", "--format", "json"]);
    assert_eq!((&graph["steps"][1]["state"], &graph["steps"][1]["outcome"]), (&json!("open"), &Value::Null));
    assert_eq!(read(&["report", "--format", "json"])["items"][1]["verdict"], "stale");
    sandbox.run(&["gc"]).code(0);
    assert_eq!(states(), gone, "a smaller journal knows the same");
    // What has looked since has seen what is there now.
    sandbox.run(&["up", "v.look", "--only"]).code(0);
    assert_eq!(states(), ["taken-down", "ended", "unproven", "ended", "ended"]);
}

#[test]
fn what_two_profiles_share_is_taken_down_for_both() {
    let profiles = "[vars]\nx = \"1\"\n[profile.b]\nvars = { x = \"2\" }\n[profile.c]\nvars = { x = \"3\" }\n";
    let look =
        "[[stage]]\nid = \"v\"\n[[stage.step]]\nid = \"look\"\naction = \"command\"\nrun = \"true\"\nalways = true\n";
    let (sandbox, engine) = project("", &format!("{look}{profiles}"));
    let states = |profile: &str| -> Vec<Value> {
        let status = sandbox.run(&["status", "-p", profile, "--format", "json"]).code(0).stdout;
        let steps = serde_json::from_str::<Value>(&status).unwrap()["steps"].clone();
        steps.as_array().unwrap().iter().map(|step| step["state"].clone()).collect()
    };
    sandbox.run(&["up", "-p", "b"]).code(0);
    up(&sandbox, "running", "healthy", 0);
    sandbox.run(&["up", "-p", "c"]).code(0);
    assert_eq!((states("b"), states("c")), (vec![json!("ended"); 2], vec![json!("ended"); 2]));
    sandbox.run(&["down", "-p", "b", "--yes"]).code(0).says("removed the compose project");
    assert!(engine.names().is_empty());
    assert_eq!(states("b"), ["taken-down", "unproven"]);
    assert_eq!(states("c"), ["taken-down", "unproven"]);
    sandbox.run(&["plan", "-p", "c", "--exit-code"]).code(10).says("taken down at 2");
    // Made again by one of them, it is no longer down for that one.
    up(&sandbox, "running", "healthy", 0);
    sandbox.run(&["up", "-p", "c"]).code(0).says("started: taken down at 2");
    assert_eq!(states("c"), ["ended", "ended"]);
    assert_eq!(states("b"), ["taken-down", "unproven"]);
}

#[test]
fn a_step_that_was_taken_down_after_its_fallback_had_stood_in_counts_no_more() {
    let fallback = "[[stage.step]]\nid = \"alt\"\naction = \"command\"\nrun = \"true\"\ncheck = [\"true\"]\n";
    let (sandbox, _engine) = project("covers = [\"T1\"]\nfallback = \"s.alt\"", fallback);
    let text = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    sandbox.file("pipeline.toml", &text.replace("name = \"t\"\n", "name = \"t\"\nchecklists = [\"tasks.md\"]\n"));
    sandbox.file("tasks.md", "- [ ] T1 The services are up\n").file("up-code", "1");
    sandbox.run(&["up"]).code(0);
    let verdict = || -> Value {
        let report = sandbox.run(&["report", "--format", "json"]).code(0).stdout;
        serde_json::from_str::<Value>(&report).unwrap()["items"][0]["verdict"].clone()
    };
    assert_eq!(verdict(), "fallback");
    sandbox.run(&["down", "--yes"]).code(0).says("removed the compose project");
    assert_eq!(verdict(), "stale");
    sandbox.run(&["status"]).code(0).says("taken down 2");
}

#[test]
fn a_start_that_was_killed_and_taken_down_is_left_no_more() {
    let (sandbox, engine, run, _name) = waiting("");
    send("KILL", run.id());
    Shown::of(run);
    sandbox.run(&["doctor"]).says("it was started and never finished");
    sandbox.run(&["down", "--yes"]).code(0).says("removed the compose project");
    assert!(engine.names().is_empty());
    sandbox.run(&["doctor"]).keeps_quiet_about("never finished").keeps_quiet_about("was being taken down");
    sandbox.run(&["status"]).code(0).says("taken down 2");
}

#[test]
fn what_was_taken_down_in_part_is_in_doubt() {
    let (sandbox, engine) = project("", "");
    sandbox.run(&["up"]).code(0);
    engine.world().networks[0]["Containers"] = json!({"aa": {"Name": "their-proxy"}});
    sandbox.run(&["down", "--yes"]).code(1).says("stays").says("`their-proxy`");
    sandbox.run(&["status"]).code(0).says("in doubt since").says("0 of 1");
    sandbox.run(&["doctor"]).says("was being taken down, and that did not come to its end");
    engine.world().networks[0]["Containers"] = json!({});
    sandbox.run(&["down", "--yes"]).code(0);
    sandbox.run(&["status"]).code(0).says("taken down 2");
}

#[test]
fn what_is_gone_after_a_cut_off_removal_is_taken_down_once_it_was_looked_at() {
    let (mut sandbox, _engine) = project("", "");
    sandbox.run(&["up"]).code(0);
    // The second thing that it writes is that all of it is gone.
    sandbox.env("PROVISION_FAIL", "journal-write#2");
    assert!(!sandbox.spawn(&["down", "--yes"]).wait().unwrap().success());
    sandbox.env("PROVISION_FAIL", "");
    sandbox.run(&["status"]).code(0).says("in doubt since");
    sandbox.run(&["why", "s.up"]).code(0).says("was being taken down").keeps_quiet_about("interrupted");
    sandbox.run(&["down", "--dry-run"]).code(0).says("there is nothing to remove");
    sandbox.run(&["status"]).code(0).says("in doubt since");
    sandbox.run(&["down", "--yes"]).code(0).says("there is nothing to remove");
    sandbox.run(&["status"]).code(0).says("taken down 2");
}

#[test]
fn what_can_not_be_seen_after_its_removal_is_in_doubt() {
    let (sandbox, engine) = project("", "");
    sandbox.run(&["up"]).code(0);
    engine.world().breaks_when_empty = true;
    sandbox.run(&["down", "--yes"]).code(1).says("removed the compose project").says("it is out of memory");
    sandbox.run(&["status"]).code(0).says("in doubt since");
    engine.world().breaks_when_empty = false;
    sandbox.run(&["down", "--yes"]).code(0);
    sandbox.run(&["status"]).code(0).says("taken down 2");
}
