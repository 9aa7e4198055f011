//! Steps that count only together: chains of exercises, and steps that their fallbacks have proven.

use crate::sandbox::{Sandbox, steps};

/// What a chain does: one step makes it, one uses it, and the last one takes it away.
fn chain(used: &str) -> String {
    steps(&[
        ("make", "echo make >> world; touch made", "exercise = true"),
        ("look", "test -e made && echo look >> world", &format!("exercise = true\nneeds = ['make']\n{used}")),
        ("undo", "rm made && echo undo >> world", "exercise = true\nneeds = ['look']"),
        ("other", "echo other >> world", "exercise = true\nneeds = ['undo', 'plain']"),
        ("plain", "echo plain >> world", ""),
    ])
}

#[test]
fn a_chain_of_exercises_is_done_again_as_a_whole() {
    let sandbox = Sandbox::new(&chain("inputs = ['src']"));
    let whole = ["plain", "make", "look", "undo", "other"];
    sandbox.file("src", "1").run(&["up"]).code(0);
    // The first one waits for what a later one needs from outside.
    assert_eq!(sandbox.world(), whole);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    sandbox.run(&["plan", "--exit-code"]).code(0);

    sandbox.file("src", "2");
    sandbox.run(&["plan", "--exit-code"]).code(10).says("again, together with s.look").says("changed: files src");
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world()[5..], whole[1..]);
    sandbox.run(&["up"]).code(0).says("nothing to do");

    // A part of it leaves the rest without proof, whatever the order.
    sandbox.run(&["up", "s.look", "--force=s.look"]).code(0);
    assert_eq!(sandbox.world()[9..], ["make", "look"]);
    sandbox.run(&["plan", "--exit-code"]).code(10).says("again, together with");
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world()[11..], whole[1..]);
    sandbox.run(&["up", "--force=s.other"]).code(0);
    assert_eq!(sandbox.world()[15..], whole[1..]);
}

#[test]
fn a_chain_of_exercises_that_failed_begins_at_its_first_step() {
    let sandbox = Sandbox::new(&chain("inputs = ['src']").replace("test -e made", "grep -q 2 src"));
    sandbox.file("src", "1").run(&["up"]).code(1).says("s.look");
    assert_eq!(sandbox.world(), ["plain", "make"]);
    sandbox.file("src", "2").run(&["up"]).code(0);
    assert_eq!(sandbox.world()[2..], ["make", "look", "undo", "other"]);
}

#[test]
fn a_verification_may_be_part_of_an_exercise() {
    let toml =
        steps(&[("make", "touch made", "exercise = true"), ("undo", "rm made", "exercise = true\nneeds = ['look']")]);
    let look =
        "[[stage.step]]\nid = 'look'\naction = 'command'\nneeds = ['make']\nexercise = true\ncheck = 'test -e made'\n";
    let sandbox = Sandbox::new(&format!("{toml}{look}"));
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
}

#[test]
fn what_a_fallback_has_proven_is_not_tried_again_while_the_fallback_holds() {
    let pipeline = |extra: &str| {
        steps(&[
            ("main", "echo main >> world; test -e tool", &format!("fallback = 'backup'\n{extra}")),
            ("backup", "echo backup >> world; cp src artifact", "inputs = ['src']\noutputs = ['artifact']"),
            ("after", "echo after >> world", "needs = ['main']"),
        ])
    };
    let sandbox = Sandbox::new(&pipeline(""));
    sandbox.file("src", "1").run(&["up"]).code(0).says("by fallback");
    let first = ["main", "backup", "after"];
    assert_eq!(sandbox.world(), first);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    sandbox.run(&["plan", "--exit-code"]).code(0);
    assert_eq!(sandbox.world(), first);
    // The fallback does not hold any more: the step itself is tried first.
    sandbox.file("src", "2");
    sandbox.run(&["plan", "--exit-code"]).code(10).says("again, together with s.backup");
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world()[3..], ["main", "backup"]);
    fs_err::remove_file(sandbox.path("artifact")).unwrap();
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world()[5..], ["main", "backup"]);
    sandbox.run(&["up", "--force=s.main"]).code(0);
    assert_eq!(sandbox.world()[7..], ["main"], "the fallback is fresh");
    // What its check shows makes it try again.
    sandbox.file("pipeline.toml", &pipeline("check = 'test -e tool'"));
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    let before = sandbox.world().len();
    sandbox.file("tool", "");
    sandbox.run(&["plan", "--exit-code"]).code(10).says("its fallback is not needed any more");
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world()[before..], ["main"]);
    sandbox.run(&["up"]).code(0).says("nothing to do");
}

#[test]
fn a_tool_that_was_installed_since_takes_the_place_of_its_fallback() {
    let sandbox = Sandbox::new(
        "[pipeline]\nname = 't'\n[[stage]]\nid = 's'\n[[stage.step]]\nid = 'tool'\naction = 'tool-check'\ntool = 'helper'\nfallback = 'by-hand'\n\
         [[stage.step]]\nid = 'by-hand'\naction = 'command'\ncheck = 'test -e by-hand'\n",
    );
    sandbox.file("by-hand", "").run(&["up"]).code(0).says("by fallback");
    sandbox.run(&["up"]).code(0).says("nothing to do");
    // What the fallback shows is probed in every run.
    fs_err::remove_file(sandbox.path("by-hand")).unwrap();
    sandbox.run(&["up"]).code(1).says("by-hand");
    sandbox.file("by-hand", "").run(&["up"]).code(0);
    sandbox.tool("helper", "echo helper 1.2.3");
    sandbox.run(&["up"]).code(0);
    assert!(sandbox.state_text().contains("1.2.3"));
    sandbox.run(&["up"]).code(0).says("nothing to do");
}
