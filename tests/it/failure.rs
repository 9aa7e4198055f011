//! A failure on one screen: what, why, the last lines, the log, the next command.

use crate::sandbox::{Sandbox, steps};

#[test]
fn a_failing_command_shows_its_last_lines_its_log_and_the_next_command() {
    let script = "for i in $(seq 100); do echo line $i; done; echo the real reason >&2; exit 9";
    let sandbox = Sandbox::new(&steps(&[("a", script, "")]));
    let shown = sandbox.run(&["up"]).code(1);
    let shown = shown.says("exit code 9").says("the real reason").says("line 100").says(".provision/logs/");
    shown.says("provision up").keeps_quiet_about("line 50\n");
    sandbox.run(&["logs", "s.a"]).code(0).says("line 1\n").says("the real reason");
}

#[test]
fn logs_keep_every_byte_that_a_step_printed() {
    let sandbox = Sandbox::new(&steps(&[("a", "printf 'x\\ty\\n'; printf 'no end'", ""), ("b", "echo other", "")]));
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.run(&["logs", "s.a"]).code(0).stdout, "x\ty\nno end");
    assert_eq!(sandbox.run(&["logs", "s.b"]).code(0).stdout, "other\n");
}

#[test]
fn json_events_have_the_documented_form() {
    let sandbox = Sandbox::new(&steps(&[("a", "echo hello", "")]));
    let shown = sandbox.run(&["up", "--output", "json", "--events", "events.jsonl"]).code(0);
    let file = fs_err::read_to_string(sandbox.path("events.jsonl")).unwrap();
    assert_eq!(shown.stdout, file);
    let events: Vec<serde_json::Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["v"] == 1 && event["run"].is_string() && event["elapsed_ms"].is_u64()));
    let kinds: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds.first(), Some(&"run_started"));
    assert_eq!(kinds.last(), Some(&"run_finished"));
    let finished = events.iter().find(|event| event["event"] == "step_finished").unwrap();
    assert_eq!((finished["step"].as_str(), finished["outcome"].as_str()), (Some("s.a"), Some("succeeded")));
    assert!(events.iter().any(|event| event["event"] == "step_line" && event["line"] == "hello"));
}

#[test]
fn a_closed_standard_output_does_not_stop_the_run() {
    let sandbox = Sandbox::new(&steps(&[("a", "echo a >> world", "")]));
    let mut child = sandbox.command(&["up"]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(sandbox.world(), ["a"]);
}

#[test]
fn whatever_fails_has_the_same_error_object_everywhere() {
    let retry = "retry = { attempts = 2, delay = '10ms' }\ncovers = ['T001']";
    let pipeline = steps(&[("a", "echo no >&2; exit 4", retry), ("b", "true", "needs = ['a']")]);
    let sandbox = Sandbox::new(&pipeline.replacen("name = \"test\"", "name = \"test\"\nchecklists = ['tasks.md']", 1));
    sandbox.file("tasks.md", "- [ ] T001 It works\n");
    let shown = sandbox.run(&["up", "--output", "json"]).code(1);
    let events: Vec<serde_json::Value> = shown.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let error_of = |kind: &str| &events.iter().find(|event| event["event"] == kind).unwrap()["error"];
    let error = error_of("step_finished");
    assert_eq!((error["v"].as_u64(), error["id"].as_str()), (Some(1), Some("command-failed")), "{error}");
    assert_eq!(error_of("step_retrying"), error);
    assert_eq!(error_of("run_finished"), error);
    let document = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&sandbox.run(&[args, &["--format", "json"]].concat()).stdout).unwrap()
    };
    assert_eq!(&document(&["status"])["steps"][0]["error"], error);
    assert!(document(&["status"])["steps"][1].get("error").is_none());
    assert_eq!(&document(&["report"])["items"][0]["evidence"][0]["error"], error);
    assert_eq!(&document(&["explain", "s.a"])["error"], error);
}

#[test]
fn a_run_that_is_stopped_or_fails_beyond_its_steps_says_why_as_an_error_object() {
    let end = |shown: &crate::sandbox::Shown| -> serde_json::Value {
        serde_json::from_str(shown.stdout.lines().last().unwrap()).unwrap()
    };
    let sandbox = Sandbox::new(&steps(&[("a", "touch ready; sleep 600", "")]));
    let run = sandbox.spawn(&["up", "--output", "json"]);
    sandbox.wait_for("ready");
    crate::sandbox::send("TERM", run.id());
    let stopped = end(&crate::sandbox::Shown::of(run).code(143));
    assert_eq!((&stopped["event"], &stopped["error"]["id"]), (&"run_finished".into(), &"terminated".into()));
    assert_eq!(stopped["error"]["message"], "the run was stopped by SIGTERM");

    let all_optional = Sandbox::new(&steps(&[("a", "false", "optional = true")]));
    let failed = end(&all_optional.run(&["up", "--output", "json"]).code(1));
    assert_eq!(failed["error"]["message"], failed["problems"][0]["text"], "{failed}");
    let good = Sandbox::new(&steps(&[("a", "true", "")]));
    assert!(end(&good.run(&["up", "--output", "json"]).code(0)).get("error").is_none());
}
