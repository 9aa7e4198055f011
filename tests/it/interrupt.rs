//! Signals: wind down, kill, nothing left behind.

use crate::sandbox::{Sandbox, Shown, send, steps, wait_until_gone};

#[test]
fn ctrl_c_winds_down_and_up_continues_from_there() {
    let script = "if [ -e again ]; then echo b >> world; exit 0; fi; touch again; trap 'touch got-term; exit 1' TERM; \
                  (sleep 600 & echo $! > grandchild; touch ready; wait)& wait";
    let sandbox = Sandbox::new(&steps(&[("a", "echo a >> world", ""), ("b", script, "needs = [\"a\"]")]));
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("ready");
    let grandchild = sandbox.pid("grandchild");
    send("INT", run.id());
    Shown::of(run).code(130).says("interrupted").says("provision up");
    wait_until_gone(grandchild);
    assert!(sandbox.path("got-term").exists());
    sandbox.run(&["status"]).code(0).says("interrupted");
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world(), ["a", "b"]);
}

#[test]
fn a_second_ctrl_c_kills_what_ignores_the_first() {
    let script = "trap '' TERM INT; echo $$ > pid; touch ready; while :; do sleep 0.05; done";
    let sandbox = Sandbox::new(&steps(&[("a", script, "")]));
    let run = sandbox.spawn(&["up", "--events", "events"]);
    sandbox.wait_for("ready");
    let child = sandbox.pid("pid");
    send("INT", run.id());
    // The first must have been heard, or both would count as one.
    sandbox.wait_for_text("events", "run_interrupted", 1);
    send("INT", run.id());
    Shown::of(run).code(130);
    wait_until_gone(child);
}

#[test]
fn a_look_that_is_given_up_takes_its_program_along() {
    let pipeline = "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"tool-check\"\ntool = \"slow\"\n";
    let sandbox = Sandbox::new(pipeline);
    sandbox.tool("slow", "echo $$ > pid; touch ready; sleep 600");
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("ready");
    let child = sandbox.pid("pid");
    send("INT", run.id());
    Shown::of(run).code(130);
    wait_until_gone(child);
}

#[test]
fn sigterm_and_sighup_end_with_143() {
    for signal in ["TERM", "HUP"] {
        let sandbox = Sandbox::new(&steps(&[("a", "touch ready; sleep 600", "")]));
        let run = sandbox.spawn(&["up"]);
        sandbox.wait_for("ready");
        send(signal, run.id());
        Shown::of(run).code(143);
    }
}

#[test]
fn what_a_step_leaves_running_is_stopped_and_told() {
    let sandbox = Sandbox::new(&steps(&[("a", "sleep 600 & echo $! > pid", "")]));
    sandbox.run(&["up"]).code(0).says("left processes behind");
    let left = sandbox.pid("pid");
    wait_until_gone(left);
}

#[test]
fn a_plan_that_is_interrupted_leaves_no_child_behind() {
    let check = "check = 'test ! -e hang || { echo $$ > pid; exec sleep 1000; }'";
    let sandbox = Sandbox::new(&steps(&[("a", "true", check)]));
    sandbox.run(&["up"]).code(0);
    sandbox.file("hang", "");
    let child = sandbox.spawn(&["plan"]);
    sandbox.wait_for_text("pid", "\n", 1);
    send("INT", child.id());
    Shown::of(child).code(130).says("interrupted");
    wait_until_gone(sandbox.pid("pid"));
}
