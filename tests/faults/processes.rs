//! Descendants that try to stay: F20 to F22.

use std::io::Write as _;

use crate::sandbox::{Sandbox, Shown, is_alive, send, steps, wait_until_gone};

#[test]
fn f20_a_grandchild_that_keeps_the_output_open_keeps_nothing_else() {
    let sandbox = Sandbox::new(&steps(&[("a", "(trap '' HUP; sleep 600) & echo $! > pid; echo done", "")]));
    sandbox.run(&["up"]).code(0).says("left processes behind");
    wait_until_gone(sandbox.pid("pid"));
    sandbox.run(&["logs", "s.a"]).code(0).says("done");
}

/// A daemon that leaves its group, its session and its parent.
const DAEMON: &str = "setsid sh -c 'echo $$ > pid; touch ready; exec sleep 600' >/dev/null 2>&1 </dev/null & \
                      while [ ! -e ready ]; do sleep 0.01; done";

#[test]
fn f21_a_daemon_of_a_step_is_found_stopped_and_told() {
    let sandbox = Sandbox::new(&steps(&[("a", DAEMON, "")]));
    let shown = sandbox.run(&["up"]).code(0);
    let daemon = sandbox.pid("pid");
    shown.says(&format!("stopped process {daemon} (`sleep`) that a step had left behind"));
    wait_until_gone(daemon);
}

#[test]
fn f21_a_daemon_goes_with_an_interrupted_run_too() {
    let sandbox = Sandbox::new(&steps(&[("a", &format!("{DAEMON}; touch up; sleep 600"), "")]));
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("up");
    send("INT", run.id());
    Shown::of(run).code(130);
    wait_until_gone(sandbox.pid("pid"));
}

#[test]
fn f21_a_daemon_that_ignores_sigterm_is_killed_at_once_when_somebody_asks_meanwhile() {
    let daemon = "setsid sh -c 'trap \"\" TERM; echo $$ > pid.new; mv pid.new pid; while :; do sleep 0.05; done' & \
                  while [ ! -e pid ]; do sleep 0.02; done";
    let sandbox = Sandbox::new(&steps(&[("a", daemon, "")]));
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("pid");
    let daemon = sandbox.pid("pid");
    let journal = || fs_err::read_to_string(sandbox.path(".provision/journal.jsonl")).unwrap_or_default();
    while !journal().contains("step-finished") {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // Its ten seconds are the subject: that they are not waited for shows in nothing but the time.
    let asked = std::time::Instant::now();
    send("INT", run.id());
    Shown::of(run).code(0).says(&format!("killed process {daemon} "));
    assert!(asked.elapsed() < std::time::Duration::from_secs(8), "it had its ten seconds");
    wait_until_gone(daemon);
}

#[test]
fn f21_a_daemon_that_is_meant_to_stay_is_left_alone() {
    let stays = DAEMON.replace("setsid sh", "env -u PROVISION_RUN_ID setsid sh");
    let sandbox = Sandbox::new(&steps(&[("a", &stays, "")]));
    sandbox.run(&["up"]).code(0).keeps_quiet_about("stopped process");
    let daemon = sandbox.pid("pid");
    assert!(is_alive(daemon));
    send("KILL", daemon);
}

#[test]
fn f22_after_our_own_kill_9_the_next_run_stops_what_survived_it_wherever_it_went() {
    let script = format!("[ ! -e up ] || exit 0; {DAEMON}; echo $$ > child; touch up; sleep 600");
    let sandbox = Sandbox::new(&steps(&[("a", &script, "")]));
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("up");
    send("KILL", run.id());
    Shown::of(run);
    let (daemon, child) = (sandbox.pid("pid"), sandbox.pid("child"));
    assert!(is_alive(daemon) && is_alive(child));
    let shown = sandbox.run(&["up"]).code(0);
    shown.says(&format!("process {child} ")).says(&format!("process {daemon} (`sleep`) that a killed run"));
    wait_until_gone(daemon);
    wait_until_gone(child);
    sandbox.run(&["up"]).code(0).says("nothing to do").keeps_quiet_about("killed run");
}

#[test]
fn f84_a_program_that_wants_the_terminal_fails_at_once() {
    let ask = "printf 'Password: ' > /dev/tty; read -r x < /dev/tty; echo got \"$x\"";
    let sandbox = Sandbox::new(&steps(&[
        ("ask", ask, "optional = true"),
        ("stty", "stty sane < /dev/tty", "optional = true"),
        ("stdin", "read -r x || echo \"it ended\"", ""),
    ]));
    let mut run = sandbox.on_a_terminal("up -v --output lines");
    let typing = run.stdin.take();
    let shown = Shown::of(run).code(0);
    drop(typing);
    shown.says("/dev/tty: No such device").says("it ended").says("s.stty  failed").says("s.ask  failed");
}

#[test]
fn f84_a_step_with_tty_gets_the_terminal_and_ctrl_c_still_ends_it() {
    let ask = "printf 'Name: ' > /dev/tty; read -r x < /dev/tty; echo \"$x\" >> world; read -r y; echo \"$y\" >> world";
    let sandbox = Sandbox::new(&steps(&[("ask", ask, "tty = true"), ("other", "test ! -t 0; echo b >> world", "")]));
    let mut run = sandbox.on_a_terminal("up");
    let mut typing = run.stdin.take().unwrap();
    typing.write_all(b"one\ntwo\n").unwrap();
    Shown::of(run).code(0);
    let mut world = sandbox.world();
    world.sort();
    assert_eq!(world, ["b", "one", "two"]);

    let sandbox = Sandbox::new(&steps(&[("ask", "echo $$ > pid; touch ready; read -r x", "tty = true")]));
    let mut run = sandbox.on_a_terminal("up");
    let mut typing = run.stdin.take().unwrap();
    sandbox.wait_for("ready");
    typing.write_all(b"\x03").unwrap();
    Shown::of(run).code(130);
    wait_until_gone(sandbox.pid("pid"));
}

#[test]
fn f84_without_a_terminal_a_step_with_tty_has_none() {
    let sandbox = Sandbox::new(&steps(&[("ask", "read -r x < /dev/tty || echo none", "tty = true")]));
    let mut command = sandbox.program("/usr/bin/setsid", &["-w", env!("CARGO_BIN_EXE_provision"), "up", "-v"]);
    Shown::of(command.spawn().unwrap()).code(0).says("none");
}

#[test]
fn f84_a_stopped_child_is_told() {
    let sandbox = Sandbox::new(&steps(&[("a", "(sleep 7; kill -CONT $$) & kill -STOP $$; echo on; wait", "")]));
    sandbox.run(&["up", "-v"]).code(0).says("is stopped, by a signal").says("kill -CONT").says("on");
}
