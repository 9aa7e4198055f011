//! When a step runs again, and what it says about why.

use crate::sandbox::{Sandbox, steps};

#[test]
fn a_changed_setting_an_edited_input_and_a_lost_output_run_a_step_again() {
    let pipeline = |text: &str| {
        steps(&[("a", &format!("cat in/* > out; echo {text} >> world"), "inputs = [\"in/**\"]\noutputs = [\"out\"]")])
    };
    let sandbox = Sandbox::new(&pipeline("one"));
    sandbox.file("in/x", "1");
    sandbox.run(&["up"]).code(0).says("never run");
    sandbox.run(&["up"]).code(0).says("nothing to do");
    sandbox.file("in/x", "2");
    sandbox.run(&["plan"]).code(0).says("changed: ");
    sandbox.run(&["up"]).code(0).says("changed: ");
    fs_err::remove_file(sandbox.path("out")).unwrap();
    sandbox.run(&["up"]).code(0).says("out");
    sandbox.file("pipeline.toml", &pipeline("two"));
    sandbox.run(&["up"]).code(0).says("settings.run");
    assert_eq!(sandbox.world(), ["one", "one", "one", "two"]);
}

#[test]
fn an_input_that_changes_while_its_step_runs_leaves_the_step_stale() {
    let script = "echo a >> world; if [ ! -e once ]; then touch once; echo 2 > in; fi";
    let sandbox = Sandbox::new(&steps(&[("a", script, "inputs = [\"in\"]")]));
    sandbox.file("in", "1");
    sandbox.run(&["up"]).code(0).says("changed while it ran");
    sandbox.run(&["plan", "--exit-code"]).code(10);
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    assert_eq!(sandbox.world(), ["a", "a"]);
}

#[test]
fn a_step_that_always_runs_is_never_fresh() {
    let sandbox = Sandbox::new(&steps(&[("a", "echo a >> world", "always = true")]));
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world(), ["a", "a"]);
}

#[test]
fn what_was_seen_ahead_counts_only_with_the_outputs_it_went_by() {
    let pipeline = r#"
[pipeline]
name = "t"
[vars]
on = "yes"
[[stage]]
id = "a"
[[stage.step]]
id = "t"
action = "tool-check"
tool = "sh-like"
when = "vars.on == 'yes'"
[[stage]]
id = "b"
[[stage.step]]
id = "use"
action = "command"
run = "echo ${{ steps.a.t.version | default('none') }} > out"
"#;
    let sandbox = Sandbox::new(pipeline);
    sandbox.tool("sh-like", "echo 1.2.3");
    let out = || fs_err::read_to_string(sandbox.path("out")).unwrap();
    sandbox.run(&["up"]).code(0);
    assert_eq!(out(), "1.2.3\n");
    sandbox.run(&["up", "--set", "on=no"]).code(0);
    assert_eq!(out(), "none\n");
    sandbox.run(&["plan", "--exit-code", "--set", "on=no"]).code(0);
}

#[test]
fn a_changed_secret_runs_the_command_that_gets_it_again() {
    let pipeline = "[pipeline]\nname = \"t\"\n[secrets]\nTOKEN = { env = \"TOKEN\" }\n[[stage]]\nid = \"s\"\n\
                    [[stage.step]]\nid = \"a\"\naction = \"command\"\nsecrets = [\"TOKEN\"]\nrun = \"echo a >> world\"\n";
    let mut sandbox = Sandbox::new(pipeline);
    sandbox.env("TOKEN", "first-value");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    sandbox.env("TOKEN", "second-value");
    sandbox.run(&["up"]).code(0).says("secret TOKEN");
    assert_eq!(sandbox.world(), ["a", "a"]);
}

#[test]
fn plan_touches_nothing_and_tells_reason_and_dependence() {
    let sandbox = Sandbox::new(&steps(&[("a", "echo a >> world", ""), ("b", "echo b >> world", "needs = [\"a\"]")]));
    sandbox.run(&["plan", "--exit-code"]).code(10).says("never run");
    assert!(!sandbox.path(".provision").exists());
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["plan", "--exit-code"]).code(0);
    assert_eq!(sandbox.world(), ["a", "b"]);
}

#[test]
fn a_tool_behind_a_script_is_asked_for_its_version_each_time() {
    let sandbox = Sandbox::new(
        "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"tool-check\"\n\
         tool = \"some-tool\"\nversion = \">=1.22\"\n",
    );
    let version = sandbox.path("version");
    sandbox.tool("some-tool", &format!("cat {}", version.display()));
    sandbox.file("version", "some-tool 1.22.3");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    sandbox.file("version", "some-tool 1.23.0");
    sandbox.run(&["up"]).code(0).says("now has version 1.23.0");
    sandbox.file("version", "some-tool 1.20.0");
    sandbox.run(&["up"]).code(3).says("has version 1.20.0");
}

#[test]
fn a_check_says_whether_what_a_command_did_is_still_there() {
    let sandbox = Sandbox::new(&steps(&[("a", "echo a >> world; touch made", "check = ['test', '-e', 'made']")]));
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    fs_err::remove_file(sandbox.path("made")).unwrap();
    sandbox.run(&["plan", "--exit-code"]).code(10).says("test -e made` ended with exit code 1");
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world(), ["a", "a"]);
    // It is asked right after the command too.
    let sandbox = Sandbox::new(&steps(&[("a", "true", "check = 'echo nothing there >&2; false'")]));
    sandbox.run(&["up"]).code(1).says("could not be confirmed").says("nothing there");
}

#[test]
fn a_command_with_a_check_alone_verifies() {
    let pipeline = "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"command\"\n\
                    check = \"echo looked >> world; test -e made\"\n";
    let sandbox = Sandbox::new(pipeline);
    sandbox.run(&["up"]).code(1).says("made");
    sandbox.file("made", "");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    fs_err::remove_file(sandbox.path("made")).unwrap();
    sandbox.run(&["up"]).code(1).says("exit code 1");
}

#[test]
fn what_is_undone_before_the_run_ends_fails_it() {
    let seen = "echo a >> looks; test -e made";
    let check = format!("check = '{seen}'");
    let undo = steps(&[("a", "touch made", &check), ("b", "rm -f made", "needs = ['a']")]);
    let sandbox = Sandbox::new(&undo);
    let looks = || fs_err::read_to_string(sandbox.path("looks")).unwrap_or_default().lines().count();
    sandbox
        .run(&["up"])
        .code(1)
        .says("s.a no longer holds at the end of the run")
        .says("test -e made")
        .says("mark it with `exercise = true`");
    sandbox.run(&["plan", "--exit-code"]).code(10);
    // One step alone has just been seen, and so has everything in a run with nothing to do.
    sandbox.file("pipeline.toml", &steps(&[("a", "touch made", &check)]));
    let before = looks();
    sandbox.run(&["up"]).code(0);
    // Once for whether it has to run, once for whether it did.
    assert_eq!(looks(), before + 2);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    assert_eq!(looks(), before + 3);
    // After another step it is seen once more.
    sandbox
        .file("pipeline.toml", &steps(&[("a", "touch made", &check), ("b", "true", "always = true\nneeds = ['a']")]));
    sandbox.run(&["up"]).code(0);
    assert_eq!(looks(), before + 5);
    // What the run may do without is only told.
    sandbox.file("pipeline.toml", &undo.replacen("needs", "optional = true\nneeds", 1).replace("rm -f made", "false"));
    sandbox.run(&["up"]).code(0);
    let optional = format!("optional = true\n{check}");
    sandbox.file("pipeline.toml", &steps(&[("a", "touch made", &optional), ("b", "rm -f made", "needs = ['a']")]));
    sandbox.run(&["up"]).code(0).says("note:").says("s.a no longer holds");
}

#[test]
fn an_exercise_that_a_later_step_undoes_is_proven_by_what_was_seen() {
    let pipeline = |exercise: bool| {
        let make = format!("outputs = [\"out.txt\"]\nexercise = {exercise}");
        let make = ("make", "echo made > out.txt; echo make >> world", make.as_str());
        steps(&[make, ("undo", "rm out.txt; echo undo >> world", "needs = [\"make\"]")])
    };
    let sandbox = Sandbox::new(&pipeline(true));
    for _ in 0..2 {
        sandbox.run(&["up"]).code(0);
        assert_eq!(sandbox.world(), ["make", "undo"]);
    }
    Sandbox::new(&pipeline(false)).run(&["up"]).code(1).says("s.make no longer holds at the end of the run");
}

#[test]
fn a_file_that_only_has_to_be_there_may_say_something_else() {
    let check = |id: &str, path: &str| format!("[[stage.step]]\nid = '{id}'\naction = 'file-check'\npath = '{path}'\n");
    let sandbox = Sandbox::new(&(steps(&[("a", "true", "")]) + &check("there", "a.md") + &check("some", "docs/*")));
    sandbox.file("a.md", "1").file("docs/b.md", "1");
    sandbox.run(&["up"]).code(0);
    sandbox.file("a.md", "2").file("docs/b.md", "2");
    sandbox.run(&["plan", "--exit-code"]).code(0);
    fs_err::rename(sandbox.path("docs/b.md"), sandbox.path("docs/c.md")).unwrap();
    sandbox.run(&["plan"]).code(0).says("changed: files docs/*");
    fs_err::remove_file(sandbox.path("a.md")).unwrap();
    sandbox.run(&["up"]).code(1).says("there is no `a.md`");
}
