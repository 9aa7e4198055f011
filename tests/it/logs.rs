//! `provision logs` of several steps: whose line is whose, and how a run is followed to its end.

use std::process::Child;

use serde_json::Value;

use crate::sandbox::{Sandbox, Shown, send, steps};

const TWO_STAGES: &str = r#"
[pipeline]
name = "two"
[[stage]]
id = "build"
[[stage.step]]
id = "a"
action = "command"
run = "echo a1; touch begun; while ! test -e go; do sleep 0.02; done; echo a2; printf 'no end'"
[[stage.step]]
id = "api-b"
action = "command"
run = "echo b1"
[[stage]]
id = "deploy"
[[stage.step]]
id = "c"
action = "command"
run = "echo c1; test -e good"
"#;

/// Starts to follow; what is shown is in the file `shown`.
fn follow(sandbox: &Sandbox, args: &[&str], first: &str) -> Child {
    let file = fs_err::File::create(sandbox.path("shown")).unwrap().into_file();
    let child = sandbox.command(&[&["logs", "-f"], args].concat()).stdout(file).spawn().unwrap();
    sandbox.wait_for_text("shown", first, 1);
    child
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn all_steps_of_a_run_are_followed_also_those_that_start_later() {
    let sandbox = Sandbox::new(TWO_STAGES);
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("begun");
    let all = follow(&sandbox, &[], "build.a     │ a1\n");
    sandbox.file("go", "");
    Shown::of(run).code(1);
    Shown::of(all).code(0);
    let shown = fs_err::read_to_string(sandbox.path("shown")).unwrap();
    let lines =
        ["build.a     │ a1", "build.a     │ a2", "build.a     │ no end", "build.api-b │ b1", "deploy.c    │ c1"];
    assert_eq!(sorted(&shown), lines);
    // The same once it is over, and of a part of it.
    let shown = sandbox.run(&["logs"]).code(0);
    assert_eq!(shown.stdout.lines().collect::<Vec<_>>(), lines);
    assert_eq!(sandbox.run(&["logs", "build"]).code(0).stdout.lines().collect::<Vec<_>>(), lines[..4]);
    let two = sandbox.run(&["logs", "-f", "deploy.c", "build.api-b", "deploy"]).code(0);
    assert_eq!(two.stdout, "deploy.c    │ c1\nbuild.api-b │ b1\n");
}

#[test]
fn steps_that_did_not_run_this_time_are_left_out_unless_they_are_named() {
    let sandbox = Sandbox::new(TWO_STAGES);
    sandbox.file("go", "");
    sandbox.run(&["up"]).code(1);
    sandbox.file("good", "");
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.run(&["logs"]).code(0).stdout, "deploy.c    │ c1\n");
    assert_eq!(sandbox.run(&["logs", "build.api-b", "deploy.c"]).code(0).stdout.lines().count(), 2);
}

#[test]
fn following_named_steps_ends_with_the_run_and_ctrl_c_leaves_the_run_alone() {
    let sandbox = Sandbox::new(TWO_STAGES);
    sandbox.file("good", "");
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("begun");
    let mut stopped = follow(&sandbox, &["build"], "a1\n");
    send("INT", stopped.id());
    assert!(!stopped.wait().unwrap().success());
    let named = follow(&sandbox, &["build.a", "deploy"], "build.a  │ a1\n");
    sandbox.file("go", "");
    Shown::of(run).code(0);
    Shown::of(named).code(0);
    let shown = fs_err::read_to_string(sandbox.path("shown")).unwrap();
    assert_eq!(sorted(&shown), ["build.a  │ a1", "build.a  │ a2", "build.a  │ no end", "deploy.c │ c1"]);
}

#[test]
fn for_programs_each_line_is_an_object_with_its_step_and_its_run() {
    let printed = r#"printf 'one \033[31mred\nsay "two"\nno end'; true"#;
    let sandbox = Sandbox::new(&steps(&[("a", printed, ""), ("b", "echo other", "needs = [\"a\"]")]));
    sandbox.run(&["up"]).code(0);
    let lines = |args: &[&str]| -> Vec<Value> {
        let shown = sandbox.run(&[&["logs", "--format", "json"], args].concat()).code(0);
        assert!(!shown.stdout.contains('\u{1b}'), "{shown:?}");
        shown.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let texts = |lines: &[Value]| -> Vec<String> {
        lines
            .iter()
            .map(|line| format!("{} {}", line["step"].as_str().unwrap(), line["text"].as_str().unwrap()))
            .collect()
    };
    let one = lines(&["s.a"]);
    assert_eq!(texts(&one), ["s.a one \u{1b}[31mred", "s.a say \"two\"", "s.a no end"]);
    assert_eq!(one[0]["v"], 1);
    let run = one[0]["run"].as_str().unwrap();
    assert!(sandbox.path(".provision/logs").join(run).is_dir(), "{run}");
    let all = lines(&[]);
    assert_eq!(texts(&all)[2..], ["s.a no end", "s.b other"]);
    assert!(all.iter().all(|line| line["run"] == run), "{all:?}");
    assert_eq!(lines(&["s.b", "--run", run]).len(), 1);
}

#[test]
fn a_name_that_is_none_is_an_error_and_silence_is_said() {
    let sandbox = Sandbox::new(&steps(&[("a", "true", ""), ("b", "true", "")]));
    sandbox.run(&["logs", "other"]).code(2).says("unknown stage `other`").says("use `s`");
    sandbox.run(&["logs", "s.a", "s.x"]).code(2).says("unknown step `s.x`");
    sandbox.run(&["logs"]).code(0).says("there is no output of these steps");
    sandbox.run(&["logs", "--run", "20200101-000000-0000"]).code(2).says("there is no run `20200101-000000-0000`");
    sandbox.run(&["up"]).code(0);
    for args in [&["logs", "--run", "20200101-000000-0000"][..], &["logs", "s", "s.a", "--run", "20200101-000000-0000"]]
    {
        sandbox.run(args).code(2).says("there is no run `20200101-000000-0000` on record").says("the last run is `2");
    }
    let silent = sandbox.run(&["logs", "s"]).code(0).says("there is no output of these steps");
    assert_eq!(silent.stdout, "");
}

#[test]
fn a_run_that_failed_before_any_step_says_so_and_why() {
    let sandbox = Sandbox::new(&steps(&[("a", "echo one", "inputs = [\"src\"]")]));
    sandbox.run(&["up"]).code(1);
    let why = "failed before any step began: s.a: `inputs`: `src` matches no file";
    assert_eq!(sandbox.run(&["logs"]).code(0).says(why).stdout, "");
    sandbox.run(&["logs", "s.a"]).code(2).says("has never run").says(why);
    sandbox.run(&["status"]).code(0).says(why);
    // Once it has run, what it printed is that of an earlier run.
    sandbox.file("src", "").run(&["up"]).code(0);
    sandbox.run(&["logs"]).code(0).keeps_quiet_about("before any step");
    sandbox.file("pipeline.toml", &steps(&[("a", "echo one", "inputs = [\"lost\"]")]));
    sandbox.run(&["up"]).code(1);
    let shown = sandbox.run(&["logs", "s.a"]).code(0).says("failed before any step began");
    assert_eq!(shown.stdout, "one\n");
}

#[test]
fn one_step_is_followed_also_when_the_run_that_is_on_has_not_come_to_it() {
    let sandbox = Sandbox::new(TWO_STAGES);
    sandbox.file("go", "").file("good", "");
    sandbox.run(&["up"]).code(0);
    for name in ["go", "good", "begun"] {
        fs_err::remove_file(sandbox.path(name)).unwrap();
    }
    let run = sandbox.spawn(&["up", "--force"]);
    sandbox.wait_for("begun");
    let said = fs_err::File::create(sandbox.path("said")).unwrap().into_file();
    let out = fs_err::File::create(sandbox.path("shown")).unwrap().into_file();
    let mut followed = sandbox.command(&["logs", "-f", "deploy.c"]).stdout(out).stderr(said).spawn().unwrap();
    sandbox.wait_for_text("said", "the run that is on has not begun the step `deploy.c`", 1);
    // Nothing of the earlier run is shown for it.
    assert_eq!(fs_err::read_to_string(sandbox.path("shown")).unwrap(), "");
    sandbox.file("go", "").file("good", "");
    Shown::of(run).code(0);
    assert!(followed.wait().unwrap().success());
    assert_eq!(fs_err::read_to_string(sandbox.path("shown")).unwrap(), "c1\n");
    // One that the run never comes to.
    fs_err::remove_file(sandbox.path("go")).unwrap();
    fs_err::remove_file(sandbox.path("begun")).unwrap();
    let run = sandbox.spawn(&["up", "build.a", "--force"]);
    sandbox.wait_for("begun");
    let followed = sandbox.spawn(&["logs", "-f", "deploy.c"]);
    std::thread::sleep(std::time::Duration::from_millis(300));
    sandbox.file("go", "");
    Shown::of(run).code(0);
    let shown = Shown::of(followed).code(0).says("that run has ended without the step `deploy.c`");
    assert_eq!(shown.stdout, "c1\n");
}

#[test]
fn a_run_of_another_profile_is_not_waited_for() {
    let sandbox = Sandbox::new(&format!("{TWO_STAGES}[vars]\nx = '1'\n[profile.other.vars]\nx = '2'\n"));
    sandbox.file("go", "").file("good", "");
    sandbox.run(&["up"]).code(0);
    fs_err::remove_file(sandbox.path("go")).unwrap();
    fs_err::remove_file(sandbox.path("begun")).unwrap();
    let run = sandbox.spawn(&["up", "-p", "other"]);
    sandbox.wait_for("begun");
    let said = "is of another profile or at another cluster, and is not followed";
    let mut followed: Vec<_> = [&["logs", "-f", "deploy.c"][..], &["logs", "-f"], &["logs", "-f", "build"]]
        .iter()
        .map(|args| sandbox.spawn(args))
        .collect();
    let has_ended = |child: &mut Child| child.try_wait().unwrap().is_some();
    for _ in 0..500 {
        if followed.iter_mut().all(has_ended) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let ended: Vec<bool> = followed.iter_mut().map(has_ended).collect();
    // Its own profile's is followed, also before it has come to the step.
    let own = sandbox.spawn(&["logs", "-p", "other", "-f", "deploy.c"]);
    sandbox.file("go", "");
    Shown::of(run).code(0);
    assert_eq!(ended, [true; 3], "they wait for the run");
    let shown: Vec<_> = followed.into_iter().map(|child| Shown::of(child).code(0).says(said)).collect();
    assert_eq!(shown[0].stdout, "c1\n");
    assert_eq!(Shown::of(own).code(0).keeps_quiet_about(said).stdout, "c1\n");
}
