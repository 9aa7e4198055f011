//! Errors as one object: the same on the screen, in the events and in the journal; `provision explain`.

use serde_json::Value;

use crate::sandbox::{Sandbox, steps};

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

/// The record of the end of `step` in the journal.
fn end_on_record(sandbox: &Sandbox, step: &str) -> Value {
    let journal = fs_err::read_to_string(sandbox.path(".provision/journal.jsonl")).unwrap();
    let ends = journal.lines().map(json).filter(|line| line["r"]["kind"] == "step-finished");
    ends.map(|line| line["r"].clone()).find(|record| record["step"] == step).unwrap()
}

#[test]
fn a_failed_step_is_the_same_error_on_the_screen_in_the_events_and_in_the_journal() {
    let sandbox = Sandbox::new(&steps(&[("a", "echo the reason >&2; exit 9", "")]));
    let shown = sandbox.run(&["up", "--events", "events.jsonl"]).code(1);
    let shown = shown.says("exit code 9").keeps_quiet_about("more:");
    let events = fs_err::read_to_string(sandbox.path("events.jsonl")).unwrap();
    let finished = events.lines().map(json).find(|event| event["event"] == "step_finished").unwrap();
    let error = &finished["error"];
    assert_eq!((&error["v"], &error["id"]), (&1.into(), &"command-failed".into()));
    assert_eq!(error["next"], "provision logs s.a");
    assert_eq!(error["message"], finished["failure"]["message"]);
    assert!(shown.stdout.contains(error["message"].as_str().unwrap()), "{error}");
    // What is on record is the same, without the version, which is the record's.
    let recorded = &end_on_record(&sandbox, "s.a")["error"];
    for field in ["id", "message", "details", "next"] {
        assert_eq!(recorded[field], error[field], "{field}");
    }
    sandbox.run(&["logs", "s.a"]).code(0).says("the reason");
    // And the way back from the record to the page.
    let explained = sandbox.run(&["explain", "s.a"]).code(0);
    explained.says(error["message"].as_str().unwrap()).says("command-failed: a command ended with an error");
    let document = json(&sandbox.run(&["explain", "s.a", "--format", "json"]).code(0).stdout);
    assert_eq!((&document["step"], &document["error"]["id"]), (&"s.a".into(), &error["id"]));
    assert_eq!(document["errors"][0]["id"], error["id"]);
}

#[test]
fn a_failed_step_is_the_same_error_in_every_report() {
    let pipeline = steps(&[("a", "echo 'the <reason> & no more' >&2; test -e ok", "covers = ['T1']")]);
    let sandbox = Sandbox::new(&pipeline.replacen("[pipeline]\n", "[pipeline]\nchecklists = [\"tasks.md\"]\n", 1));
    sandbox.file("tasks.md", "- [ ] T1 Make it\n");
    sandbox.run(&["up"]).code(1);
    let report = |format: &str| sandbox.run(&["report", "--format", format]).code(0).stdout;
    let error = json(&report("json"))["items"][0]["evidence"][0]["error"].take();
    let details = error["details"].as_array().unwrap();
    assert!(details.iter().any(|line| line == "the <reason> & no more"), "{error}");
    assert_eq!(error["page"], "docs/errors/command-failed.md");
    let test = json(&report("ctrf"))["results"]["tests"][0].take();
    assert_eq!(test["extra"]["errors"][0]["error"], error);
    assert_eq!(test["message"], format!("s.a: {}", error["message"].as_str().unwrap()));
    let (junit, html) = (report("junit"), report("html"));
    assert!(junit.contains("<failure type=\"command-failed\" message=\"s.a: "), "{junit}");
    for page in [&junit, &html] {
        for part in ["the &lt;reason&gt; &amp; no more", "provision explain command-failed", "provision logs s.a"] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }
    sandbox.file("ok", "");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["report", "diff"]).code(0).says("      -   | the <reason> & no more\n");
    let step =
        json(&sandbox.run(&["report", "diff", "--format", "json"]).code(0).stdout)["items"][0]["steps"][0].take();
    assert_eq!((&step["before"]["error"], step["after"].get("error")), (&error, None));
    assert!(!report("junit").contains("failure type"));
}

#[test]
fn the_screen_names_a_page_that_says_more_than_the_failure_itself() {
    let sandbox = Sandbox::new(&steps(&[("a", "echo 'cp: a: No space left on device' >&2; exit 1", "")]));
    let shown = sandbox.run(&["up"]).code(1).says("exit code 1").says("more: provision explain disk-full");
    // The cause stays first, and the page is the last line of the failure.
    assert!(shown.stdout.find("No space left").unwrap() < shown.stdout.find("more:").unwrap());
    sandbox.run(&["explain", "disk-full"]).code(0).says("provision gc").says("next: provision doctor");
}

#[test]
fn a_step_that_succeeds_has_no_error_anywhere() {
    let sandbox = Sandbox::new(&steps(&[("a", "true", "")]));
    let shown = sandbox.run(&["up", "--output", "json"]).code(0);
    assert!(!shown.stdout.contains("\"error\""), "{}", shown.stdout);
    assert_eq!(end_on_record(&sandbox, "s.a").get("error"), None);
    sandbox.run(&["explain", "s.a"]).code(2).says("no failure of the step `s.a` is on record");
}

#[test]
fn secrets_are_masked_in_the_error_too() {
    let pipeline = steps(&[("a", "echo $TOKEN >&2; exit 1", "secrets = [\"TOKEN\"]\ntitle = \"x\"")]);
    let mut sandbox = Sandbox::new(&format!("{pipeline}\n[secrets]\nTOKEN = {{ env = \"TOKEN\" }}\n"));
    sandbox.env("TOKEN", "a-secret-of-32-letters-a-secret-o");
    sandbox.run(&["up", "--output", "json"]).code(1).keeps_quiet_about("a-secret-of-32");
    assert!(!end_on_record(&sandbox, "s.a").to_string().contains("a-secret-of-32"));
}

#[test]
fn programs_that_read_the_events_get_the_error_of_a_command_that_never_began() {
    let sandbox = Sandbox::new("[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\nneeds = [\"nowhere\"]\n");
    sandbox.file("events.jsonl", "of an earlier run\n");
    let shown = sandbox.run(&["up", "--output", "json", "--events", "events.jsonl"]).code(2).says("unknown stage");
    assert_eq!(shown.stdout.lines().count(), 1, "{}", shown.stdout);
    let event = json(&shown.stdout);
    assert_eq!((&event["v"], &event["event"]), (&1.into(), &"error".into()));
    assert_eq!(
        (&event["error"]["id"], &event["error"]["next"]),
        (&"pipeline-invalid".into(), &"provision plan".into())
    );
    // The file is that of a run: another one may be writing it.
    assert_eq!(fs_err::read_to_string(sandbox.path("events.jsonl")).unwrap(), "of an earlier run\n");
    // Standard output stays what it was for people.
    assert_eq!(sandbox.run(&["up"]).code(2).stdout, "");
}

#[test]
fn programs_get_each_error_of_the_file_with_its_place() {
    let sandbox = Sandbox::new(
        "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"http-check\"\n\
         url = \"htp://x\"\n[[stage.step]]\nid = \"b\"\naction = \"http-check\"\nstatuss = 200\n",
    );
    for command in ["up", "watch"] {
        let shown = sandbox.run(&[command, "--output", "json"]).code(2).says("did you mean `status`?");
        assert_eq!(shown.stdout.lines().count(), 1, "{}", shown.stdout);
        let error = &json(&shown.stdout)["error"];
        assert_eq!(
            (&error["id"], &error["message"]),
            (&"pipeline-invalid".into(), &"2 errors in pipeline.toml; nothing was run".into())
        );
        let errors = error["errors"].as_array().unwrap();
        let places: Vec<_> = errors.iter().map(|error| (error["line"].clone(), error["column"].clone())).collect();
        assert_eq!(places, [(8.into(), 7.into()), (12.into(), 1.into())], "{errors:?}");
        assert!(errors.iter().all(|error| error["file"].as_str().unwrap().ends_with("/pipeline.toml")), "{errors:?}");
        assert!(errors[0]["message"].as_str().unwrap().contains("htp"), "{errors:?}");
        assert_eq!(errors[1]["help"][0], "did you mean `status`?");
    }
    // What concerns no place has none, and what is no error in a file has no such list.
    let sandbox = Sandbox::new(&steps(&[("a", "true", "")]));
    let unknown = json(&sandbox.run(&["up", "-p", "no", "--output", "json"]).code(2).stdout);
    assert_eq!(
        (&unknown["error"]["errors"][0]["line"], &unknown["error"]["errors"][0]["file"]),
        (&Value::Null, &Value::Null)
    );
    let other = json(&sandbox.run(&["up", "s.no", "--output", "json"]).code(2).stdout);
    assert_eq!(other["error"].get("errors"), None);
}

#[test]
fn a_command_line_that_is_refused_is_an_error_for_programs_as_well() {
    let sandbox = Sandbox::new(&steps(&[("a", "true", "")]));
    for command in [
        &["up", "--output", "json", "--jobs", "x"][..],
        &["stage", "--output=json"],
        &["watch", "--output", "json", "--no"],
    ] {
        let shown = sandbox.run(command).code(2).says("For more information");
        assert_eq!(shown.stdout.lines().count(), 1, "{command:?}: {}", shown.stdout);
        let event = json(&shown.stdout);
        assert_eq!((&event["event"], &event["error"]["id"]), (&"error".into(), &"usage".into()), "{command:?}");
        assert!(!event["error"]["fix"].as_array().unwrap().is_empty(), "{event}");
    }
    assert_eq!(sandbox.run(&["up", "--jobs", "x"]).code(2).stdout, "");
    assert!(sandbox.run(&["up", "--help", "--output", "json"]).code(0).stdout.contains("Usage: provision up"));
}

#[test]
fn each_exit_code_has_an_error_that_says_which() {
    let cases = [
        (vec!["up", "s.nothing"], 2, "name-unknown"),
        (vec!["up", "--from", "s.b", "--until", "s.a"], 2, "nothing-selected"),
        (vec!["up", "-f", "nowhere.toml"], 2, "pipeline-invalid"),
        (vec!["up", "s.tool"], 3, "tool-missing"),
    ];
    let tool = "[[stage.step]]\nid = \"tool\"\naction = \"tool-check\"\ntool = \"no-such-program\"\n";
    let pipeline = steps(&[("a", "true", ""), ("b", "true", "needs = [\"a\"]")]) + tool;
    for (args, code, id) in cases {
        let sandbox = Sandbox::new(&pipeline);
        let shown = sandbox.run(&[&args[..], &["--output", "json"]].concat()).code(code);
        let ids: Vec<Value> = shown.stdout.lines().map(|line| json(line)["error"]["id"].clone()).collect();
        assert!(ids.contains(&id.into()), "{args:?}: {}", shown.stdout);
        let page = sandbox.run(&["explain", id]).code(0);
        page.says(&format!("{id}: ")).says(&format!("exit code {code}"));
    }
}

#[test]
fn untrusted_locked_and_foreign_states_are_errors_of_their_own() {
    let mut sandbox = Sandbox::new(&steps(&[("a", "touch began; while test ! -e go; do sleep 0.05; done", "")]));
    let id_of = |shown: &str| json(shown.lines().last().unwrap())["error"]["id"].clone();
    let first = sandbox.spawn(&["up"]);
    sandbox.wait_for("began");
    let locked = sandbox.run(&["up", "--output", "json"]).code(4);
    assert_eq!(id_of(&locked.stdout), "state-locked");
    sandbox.file("go", "");
    crate::sandbox::Shown::of(first).code(0);
    sandbox.env("PROVISION_TRUST", "");
    let untrusted = sandbox.run(&["up", "--output", "json"]).code(5);
    assert_eq!(id_of(&untrusted.stdout), "pipeline-untrusted");
}

#[test]
fn all_errors_are_listed_and_an_unknown_one_is_answered_with_the_nearest() {
    let sandbox = Sandbox::new("");
    fs_err::remove_file(sandbox.path("pipeline.toml")).unwrap();
    let list = sandbox.run(&["explain"]).code(0).says("docker-unreachable").says("the Docker daemon does not respond");
    let document = json(&sandbox.run(&["explain", "--format", "json"]).code(0).stdout);
    let errors = document["errors"].as_array().unwrap();
    assert_eq!(document["v"], 1);
    for error in errors {
        assert!(list.stdout.contains(error["id"].as_str().unwrap()), "{error}");
        let page = fs_err::read_to_string(format!(
            "{}/docs/errors/{}.md",
            env!("CARGO_MANIFEST_DIR"),
            error["id"].as_str().unwrap()
        ));
        assert!(page.unwrap().contains(error["title"].as_str().unwrap().get(1..).unwrap()));
    }
    sandbox.run(&["explain", "docker-unreachble"]).code(2).says("did you mean `docker-unreachable`?");
}

#[test]
fn what_is_to_be_done_next_names_the_step_that_was_asked_about() {
    let sandbox = Sandbox::new(&steps(&[("a", "exit 3", "")]));
    sandbox.run(&["up"]).code(1);
    sandbox
        .run(&["explain", "s.a"])
        .code(0)
        .says("next: provision logs s.a\n")
        .keeps_quiet_about("next: provision logs STEP");
    sandbox.run(&["explain", "command-failed"]).code(0).says("next: provision logs STEP");
}
