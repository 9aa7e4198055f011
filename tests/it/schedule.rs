//! What runs beside what, and in which order.

use std::time::Duration;

use crate::sandbox::{Sandbox, steps};
use crate::server::Server;

/// A step that ends only when the other one runs at the same time.
fn meet(own: &str, other: &str) -> String {
    format!("touch {own}; for i in $(seq 500); do [ -e {other} ] && exit 0; sleep 0.02; done; exit 1")
}

#[test]
fn steps_of_a_stage_run_beside_each_other() {
    let sandbox = Sandbox::new(&steps(&[("a", &meet("x", "y"), ""), ("b", &meet("y", "x"), "")]));
    sandbox.run(&["up"]).code(0);
}

#[test]
fn jobs_limits_how_many() {
    let script = "mkdir only || exit 1; sleep 0.05; rmdir only";
    let pipeline = steps(&[("a", script, ""), ("b", script, ""), ("c", script, "")]);
    let sandbox = Sandbox::new(&pipeline.replace("id = \"s\"", "id = \"s\"\njobs = 1"));
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up", "--force", "--jobs", "1"]).code(0);
}

#[test]
fn stages_follow_each_other_unless_they_name_their_needs() {
    let pipeline = format!(
        r#"
[pipeline]
name = "test"
[[stage]]
id = "first"
[[stage.step]]
id = "a"
action = "command"
run = "echo first >> world"
[[stage]]
id = "left"
[[stage.step]]
id = "a"
action = "command"
run = "{}"
[[stage]]
id = "right"
needs = ["first"]
[[stage.step]]
id = "a"
action = "command"
run = "{}"
[[stage]]
id = "last"
needs = ["left", "right"]
[[stage.step]]
id = "a"
action = "command"
run = "test -e x && test -e y && echo last >> world"
"#,
        meet("x", "y"),
        meet("y", "x")
    );
    let sandbox = Sandbox::new(&pipeline);
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world(), ["first", "last"]);
}

#[test]
fn after_a_failure_nothing_new_starts_unless_told_to_keep_going() {
    let pipeline = steps(&[
        ("a", "exit 3", ""),
        ("b", "echo b >> world", "needs = [\"a\"]"),
        ("c", "echo c >> world", "needs = [\"d\"]"),
        ("d", "until grep -q '\"failed\"' .provision/journal.jsonl; do sleep 0.02; done; echo d >> world", ""),
    ]);
    let sandbox = Sandbox::new(&pipeline);
    sandbox.run(&["up"]).code(1).says("exit code 3");
    assert_eq!(sandbox.world(), ["d"], "what ran was let end, nothing new began");
    sandbox.run(&["up", "--keep-going"]).code(1);
    assert_eq!(sandbox.world(), ["d", "c"]);
}

#[test]
fn optional_fallback_when_retry_and_timeout() {
    let pipeline = steps(&[
        ("optional", "exit 1", "optional = true"),
        ("after", "echo after >> world", "needs = [\"optional\"]"),
        ("main", "exit 1", "fallback = \"s.stand-in\""),
        ("stand-in", "echo stand-in >> world", ""),
        ("never", "echo never >> world", "when = \"1 == 2\""),
        ("flaky", "echo x >> tries; test $(wc -l < tries) = 3", "retry = { attempts = 3, delay = \"10ms\" }"),
    ]);
    let sandbox = Sandbox::new(&pipeline);
    sandbox.run(&["up"]).code(0).says("s.flaky").says("proven by s.stand-in instead");
    let mut world = sandbox.world();
    world.sort();
    assert_eq!(world, ["after", "stand-in"]);

    let sandbox = Sandbox::new(&steps(&[("slow", "echo waiting for godot; sleep 600", "timeout = \"1s\"")]));
    sandbox.run(&["up"]).code(1).says("timed out").says("waiting for godot");
}

#[test]
fn a_fallback_that_nobody_needs_does_not_run() {
    let sandbox = Sandbox::new(&steps(&[
        ("main", "echo main >> world", "fallback = \"s.stand-in\""),
        ("stand-in", "echo stand-in >> world", ""),
    ]));
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world(), ["main"]);
}

#[test]
fn a_fallback_of_a_fallback_that_nobody_needs_any_more_does_not_run() {
    let backup = "echo b >> world; cp source backup";
    let sandbox = Sandbox::new(&steps(&[
        ("main", "false", "fallback = \"s.a\""),
        ("a", "false", "fallback = \"s.b\""),
        ("b", backup, "inputs = [\"source\"]\noutputs = [\"backup\"]"),
    ]));
    sandbox.file("source", "one");
    sandbox.run(&["up"]).code(0).says("proven by s.b instead");
    sandbox.run(&["up"]).code(0).says("nothing to do");
    sandbox.run(&["plan", "--exit-code"]).code(0);
    assert_eq!(sandbox.world(), ["b"]);
    // The one that has proven it decides.
    sandbox.file("source", "two");
    sandbox.run(&["plan", "--exit-code"]).code(10).says("again, together with s.b");
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world(), ["b", "b"]);
    sandbox.file("backup", "by hand");
    sandbox.run(&["up"]).code(0);
    assert_eq!(fs_err::read_to_string(sandbox.path("backup")).unwrap(), "two");
    assert_eq!(sandbox.world(), ["b", "b", "b"]);
}

#[test]
fn what_was_checked_ahead_counts_after_a_verification_but_not_after_one_that_has_waited() {
    for (delay, n_checks) in [(Duration::ZERO, 1), (Duration::from_millis(1100), 2)] {
        let server = Server::answering_after("alive", delay);
        let sandbox = Sandbox::new(&format!(
            "[pipeline]\nname = \"test\"\n[[stage]]\nid = \"first\"\n[[stage.step]]\nid = \"a\"\n\
             action = \"http-check\"\nurl = \"{}\"\n[[stage]]\nid = \"second\"\n[[stage.step]]\nid = \"b\"\n\
             action = \"command\"\nrun = \"true\"\ncheck = \"echo b >> world\"\n",
            server.url()
        ));
        sandbox.run(&["up"]).code(0);
        sandbox.file("world", "");
        sandbox.run(&["up"]).code(0);
        assert_eq!(sandbox.world(), vec!["b"; n_checks], "{delay:?}");
    }
}
