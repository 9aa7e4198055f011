//! `provision status --watch`: what it shows of a run that is on, how it ends, and that the run does not notice.

use std::process::Child;

use serde_json::Value;

use crate::sandbox::{Sandbox, Shown, is_alive, send, steps};

/// A step that waits for a file, and one after it.
fn project(last: &str) -> Sandbox {
    let wait = "echo $PPID > pid; touch begun; while test -e pid && ! test -e go; do sleep 0.02; done";
    let mut sandbox = Sandbox::new(&steps(&[("wait", wait, ""), ("last", last, "needs = ['wait']")]));
    sandbox.env("TERM", "xterm");
    sandbox
}

/// A run that is on, in its first step.
fn begun(sandbox: &Sandbox) -> Child {
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("begun");
    run
}

/// Starts to watch; what is shown is in the file `shown`.
fn watch(sandbox: &Sandbox) -> Child {
    let file = fs_err::File::create(sandbox.path("shown")).unwrap().into_file();
    let child = sandbox.command(&["status", "--watch"]).stdout(file).spawn().unwrap();
    sandbox.wait_for_text("shown", "s.wait", 1);
    child
}

#[test]
fn each_change_of_a_run_is_a_line_until_it_ends() {
    let sandbox = project("true");
    let run = begun(&sandbox);
    let watching = watch(&sandbox);
    sandbox.file("go", "");
    Shown::of(run).code(0);
    let end = Shown::of(watching).code(0);
    assert!(end.stderr.starts_with("run ") && end.stderr.trim_end().ends_with(" succeeded"), "{end:?}");
    let shown = fs_err::read_to_string(sandbox.path("shown")).unwrap();
    let lines: Vec<&str> = shown.lines().map(|line| line.split_once("] ").unwrap().1).collect();
    assert!(lines[0].starts_with("s.wait  started") || lines[0].starts_with("s.wait  running"), "{shown}");
    assert!(lines[1].starts_with("s.wait  succeeded after "), "{shown}");
    assert!(lines.last().unwrap().starts_with("s.last  succeeded after "), "{shown}");
    assert!(!shown.contains('\x1b'), "{shown:?}");
}

#[test]
fn it_ends_with_1_unless_the_run_has_succeeded() {
    let sandbox = project("echo no >&2; exit 3");
    let run = begun(&sandbox);
    let watching = watch(&sandbox);
    sandbox.file("go", "");
    Shown::of(run).code(1);
    let end = Shown::of(watching).code(1).says(" failed");
    drop(end);
    let shown = fs_err::read_to_string(sandbox.path("shown")).unwrap();
    assert!(shown.contains("s.last  failed after ") && shown.contains("exit code 3"), "{shown}");

    // One that is killed says nothing at its end.
    let killed = project("true");
    let mut run = begun(&killed);
    let watching = watch(&killed);
    run.kill().unwrap();
    run.wait().unwrap();
    Shown::of(watching).code(1).says("was killed");
    let shown = fs_err::read_to_string(killed.path("shown")).unwrap();
    assert!(shown.contains("s.wait  in doubt"), "{shown}");
    killed.file("go", "");
}

#[test]
fn ctrl_c_ends_the_view_and_leaves_the_run_alone() {
    let sandbox = project("true");
    let run = begun(&sandbox);
    let mut watching = watch(&sandbox);
    send("INT", watching.id());
    assert!(!watching.wait().unwrap().success());
    assert!(is_alive(run.id()) && is_alive(sandbox.pid("pid")));
    sandbox.file("go", "");
    Shown::of(run).code(0);
}

#[test]
fn without_a_run_it_shows_the_state_and_how_the_last_run_ended() {
    let sandbox = project("test -e fixed");
    sandbox.run(&["status", "--watch"]).code(1).says("never run").says("there has been none");
    sandbox.file("go", "");
    sandbox.run(&["up"]).code(1);
    sandbox.run(&["status", "--watch"]).code(1).says("1 of 2 steps proven").says("which failed");
    sandbox.file("fixed", "");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["status", "--watch"]).code(0).says("2 of 2 steps proven").says("which succeeded");
    let shown = sandbox.run(&["status", "--watch", "--format", "json"]).code(0);
    let once = sandbox.run(&["status", "--format", "json"]).code(0);
    let (line, document): (Value, Value) =
        (serde_json::from_str(&shown.stdout).unwrap(), serde_json::from_str(&once.stdout).unwrap());
    assert_eq!(line, document);
    assert_eq!(shown.stdout.lines().count(), 1, "{}", shown.stdout);
    assert!(shown.stderr.contains("which succeeded"), "{shown:?}");
}

/// The states of both steps, and whether the run is on, of each line that was printed.
fn states(text: &str) -> Vec<(bool, String, String)> {
    let state = |document: &Value, n: usize| {
        let step = &document["steps"][n];
        step["outcome"].as_str().or(step["state"].as_str()).unwrap().to_owned()
    };
    let documents = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    documents.map(|it| (it["running"].as_bool().unwrap(), state(&it, 0), state(&it, 1))).collect()
}

#[test]
fn for_programs_each_change_is_a_document_on_a_line() {
    let sandbox = project("touch last; while ! test -e on; do sleep 0.02; done; exit 3");
    let run = begun(&sandbox);
    let file = fs_err::File::create(sandbox.path("shown")).unwrap().into_file();
    let words = ["status", "--watch", "--format", "json"];
    let watching = sandbox.command(&words).stdout(file).spawn().unwrap();
    sandbox.wait_for_text("shown", "\n", 1);
    // What does not change is not printed again, however many polls there are.
    std::thread::sleep(std::time::Duration::from_secs(1));
    sandbox.file("go", "");
    sandbox.wait_for_text("shown", "\n", 2);
    sandbox.file("on", "");
    Shown::of(run).code(1);
    Shown::of(watching).code(1).says(" failed");
    let shown = fs_err::read_to_string(sandbox.path("shown")).unwrap();
    let mut found = states(&shown);
    let of = |running, first: &str, last: &str| (running, first.to_owned(), last.to_owned());
    assert_eq!(found.remove(0), of(true, "running", "never-ran"), "{shown}");
    assert_eq!(found.pop(), Some(of(false, "succeeded", "failed")), "{shown}");
    assert!(found.contains(&of(true, "succeeded", "running")), "{shown}");
    // The end of a step and the start of the next, of the last step and of the run: seen at once or one by one.
    found.dedup();
    assert!(found.len() <= 3, "{shown}");
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines.windows(2).all(|pair| pair[0] != pair[1]), "a line that says the same: {shown}");
}

#[test]
fn on_a_terminal_the_table_stays_in_its_place_and_the_whole_of_it_remains() {
    let sandbox = project("true");
    let run = begun(&sandbox);
    sandbox.file("earlier", "a line of the scrollback\n");
    let watching = sandbox.on_a_terminal_of((24, 80), "cat earlier; touch watching; provision status --watch");
    sandbox.wait_for("watching");
    // For as long as its clocks need to move.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    sandbox.file("go", "");
    Shown::of(run).code(0);
    let shown = Shown::of(watching).code(0);
    let mut screen = vt100::Parser::new(24, 80, 100);
    screen.process(shown.stdout.as_bytes());
    let text = screen.screen().contents();
    assert!(shown.stdout.contains("Ctrl-C leaves it running") && shown.stdout.contains("running"), "{shown:?}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "a line of the scrollback", "{text}");
    assert_eq!(lines[1], "s", "{text}");
    assert!(lines[2].contains("wait") && lines[2].contains("succeeded"), "{text}");
    assert!(lines[3].contains("last") && lines[3].contains("succeeded"), "{text}");
    assert_eq!(lines[4], "2 of 2 steps proven when last checked", "{text}");
    assert!(lines[5].starts_with("run ") && lines[5].ends_with(" succeeded"), "{text}");
    assert_eq!(lines.len(), 6, "{text}");
}

#[test]
fn plan_and_why_of_a_step_that_is_being_run_say_so() {
    let sandbox = project("true");
    let run = begun(&sandbox);
    sandbox.run(&["why", "s.wait"]).code(0).says("is being run right now").keeps_quiet_about("interrupted");
    let plan: Value = serde_json::from_str(&sandbox.run(&["plan", "--format", "json"]).code(0).stdout).unwrap();
    assert_eq!(plan["steps"][0]["reason"]["kind"], "running", "{plan}");
    sandbox.file("go", "");
    Shown::of(run).code(0);
    sandbox.run(&["why", "s.wait"]).code(0).keeps_quiet_about("being run");
    // One that was killed is no longer on.
    let killed = project("true");
    let mut run = begun(&killed);
    run.kill().unwrap();
    run.wait().unwrap();
    killed.run(&["why", "s.wait"]).code(0).says("interrupted the last time");
}
