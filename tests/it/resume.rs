//! Resume is running `up` again, whatever ended the run before.

use crate::sandbox::{Sandbox, Shown, is_alive, send, steps, wait_until_gone};

fn effect(name: &str) -> String {
    format!("echo {name} >> world")
}

#[test]
fn a_second_up_does_nothing_and_says_so() {
    let sandbox = Sandbox::new(&steps(&[("a", &effect("a"), ""), ("b", &effect("b"), "needs = [\"a\"]")]));
    sandbox.run(&["up"]).code(0);
    let journal = fs_err::read(sandbox.path(".provision/journal.jsonl")).unwrap();
    sandbox.run(&["up"]).code(0).says("nothing to do");
    assert_eq!(sandbox.world(), ["a", "b"]);
    assert_eq!(fs_err::read(sandbox.path(".provision/journal.jsonl")).unwrap(), journal, "a run without work wrote");
}

#[test]
fn after_kill_9_in_a_step_the_next_run_does_that_step_and_no_other_again() {
    let killer = "echo b >> world; if [ ! -e killed ]; then touch killed; kill -9 $PPID; sleep 600; fi";
    let sandbox = Sandbox::new(&steps(&[
        ("a", &effect("a"), ""),
        ("b", killer, "needs = [\"a\"]"),
        ("c", &effect("c"), "needs = [\"b\"]"),
    ]));
    assert_eq!(sandbox.run(&["up"]).code, -1, "it was killed");
    sandbox.run(&["status"]).code(0).says("in doubt");
    sandbox.run(&["up"]).code(0).says("left behind");
    assert_eq!(sandbox.world(), ["a", "b", "b", "c"]);
    sandbox.run(&["up"]).code(0).says("nothing to do");
}

#[test]
fn what_a_killed_run_left_running_is_stopped_before_its_step_runs_again() {
    let script = "if [ -e again ]; then exit 0; fi; touch again; echo $$ > pid; touch ready; sleep 600";
    let sandbox = Sandbox::new(&steps(&[("a", script, "")]));
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("ready");
    // The child's start is on record before the kill: the record is not synced, so give the loop its turn.
    let journal = sandbox.path(".provision/journal.jsonl");
    while !fs_err::read_to_string(&journal).unwrap().contains("child-started") {
        std::thread::yield_now();
    }
    send("KILL", run.id());
    Shown::of(run);
    let survivor = sandbox.pid("pid");
    assert!(is_alive(survivor));
    sandbox.run(&["up"]).code(0).says(&format!("stopped process {survivor} that step s.a of a killed run had left"));
    wait_until_gone(survivor);
}

#[test]
fn a_failed_step_is_where_the_next_run_begins() {
    let flaky = "echo b >> world; test -e fixed";
    let sandbox = Sandbox::new(&steps(&[
        ("a", &effect("a"), ""),
        ("b", flaky, "needs = [\"a\"]"),
        ("c", &effect("c"), "needs = [\"b\"]"),
    ]));
    sandbox.run(&["up"]).code(1).says("s.b").says("exit code 1").says("provision up");
    assert_eq!(sandbox.world(), ["a", "b"]);
    sandbox.file("fixed", "");
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world(), ["a", "b", "b", "c"]);
}

#[test]
fn the_state_folder_may_be_deleted() {
    let sandbox = Sandbox::new(&steps(&[("a", &effect("a"), "")]));
    sandbox.run(&["up"]).code(0);
    fs_err::remove_dir_all(sandbox.path(".provision")).unwrap();
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world(), ["a", "a"]);
}

#[test]
fn a_second_run_at_the_same_time_is_told_who_runs() {
    let sandbox = Sandbox::new(&steps(&[("a", "touch ready; while [ ! -e go ]; do sleep 0.02; done", "")]));
    let first = sandbox.spawn(&["up"]);
    sandbox.wait_for("ready");
    sandbox.run(&["up"]).code(4).says(&format!("process {} (`provision up`)", first.id()));
    // Readers do not wait.
    sandbox.run(&["status"]).code(0).says("running");
    sandbox.run(&["report"]).code(0);
    sandbox.file("go", "");
    Shown::of(first).code(0);
}
