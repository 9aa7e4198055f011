//! Signals at any time: F18, F19, F23.

use std::time::Duration;

use crate::model::Model;
use crate::sandbox::{Sandbox, Shown, is_alive, send, steps, wait_until_gone};

/// What `/proc` says of a process: `R`, `S`, `T` (stopped), …
fn state(pid: u32) -> char {
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat[stat.rfind(") ").unwrap() + 2..].chars().next().unwrap()
}

fn wait_for_state(pid: u32, wanted: fn(char) -> bool) {
    for _ in 0..2000 {
        if wanted(state(pid)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("process {pid} is in state {}", state(pid));
}

#[test]
fn f18_a_signal_at_any_moment_ends_in_its_code_and_the_next_run_finishes() {
    let codes = [("INT", 130), ("TERM", 143), ("HUP", 143), ("QUIT", 130)];
    for (turn, delay) in (0..60).step_by(3).enumerate() {
        let model = Model::six();
        let run = model.sandbox.spawn(&["up"]);
        std::thread::sleep(Duration::from_millis(delay));
        let (signal, code) = codes[turn % codes.len()];
        let caught = fs_err::read_to_string(format!("/proc/{}/status", run.id())).unwrap_or_default();
        let caught = caught.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigCgt:")?.trim(), 16).ok());
        send(signal, run.id());
        let shown = Shown::of(run);
        // Before the program catches signals, and after its last step, a signal does what it always does.
        let early = caught.is_none_or(|mask| mask & 2 == 0);
        assert!(early || shown.code == code || shown.code == 0, "{signal} after {delay} ms: {shown:?}");
        assert!(!shown.stdout.contains("failed after"), "interrupted is not failed: {shown:?}");
        model.recovers();
    }
}

#[test]
fn f18_two_signals_in_short_order_kill_and_quit_kills_at_once() {
    let stubborn = "trap '' TERM INT; echo $$ > pid; touch ready; while :; do sleep 0.05; done";
    for signals in [&["INT", "INT"][..], &["TERM", "INT"], &["QUIT"]] {
        let sandbox = Sandbox::new(&steps(&[("a", stubborn, "")]));
        let run = sandbox.spawn(&["up", "--events", "events"]);
        sandbox.wait_for("ready");
        for (n, signal) in signals.iter().enumerate() {
            send(signal, run.id());
            sandbox.wait_for_text("events", "run_interrupted", n + 1);
        }
        let shown = Shown::of(run);
        assert!(shown.code == 130 || shown.code == 143, "{shown:?}");
        wait_until_gone(sandbox.pid("pid"));
        sandbox.run(&["status"]).code(0).says("interrupted");
    }
}

#[test]
fn f19_a_child_that_ignores_term_is_killed_when_its_grace_is_over() {
    let stubborn = "trap '' TERM INT; echo $$ > pid; touch ready; while :; do sleep 0.05; done";
    let sandbox = Sandbox::new(&steps(&[("a", stubborn, "")]));
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("ready");
    send("INT", run.id());
    Shown::of(run).code(130).says("interrupted");
    assert!(!is_alive(sandbox.pid("pid")));
}

#[test]
fn f23_ctrl_z_stops_the_whole_tree_and_time_limits_with_it() {
    // Two seconds of work under a limit of four, stopped for five in the middle.
    let work = "echo $$ > pid; touch ready; for i in 1 2 3 4; do sleep 0.5; done; echo a >> world";
    let sandbox = Sandbox::new(&steps(&[("a", work, "timeout = \"4s\"")]));
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("ready");
    let child = sandbox.pid("pid");
    send("TSTP", run.id());
    wait_for_state(run.id(), |state| state == 'T');
    wait_for_state(child, |state| state == 'T');
    std::thread::sleep(Duration::from_secs(5));
    assert!(sandbox.world().is_empty());
    send("CONT", run.id());
    wait_for_state(child, |state| state != 'T');
    Shown::of(run).code(0);
    assert_eq!(sandbox.world(), ["a"]);
}

#[test]
fn f23_a_stopped_run_can_still_be_interrupted() {
    let sandbox = Sandbox::new(&steps(&[("a", "echo $$ > pid; touch ready; sleep 600", "")]));
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("ready");
    send("TSTP", run.id());
    wait_for_state(run.id(), |state| state == 'T');
    send("TERM", run.id());
    send("CONT", run.id());
    Shown::of(run).code(143);
    wait_until_gone(sandbox.pid("pid"));
}
