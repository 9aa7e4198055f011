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
