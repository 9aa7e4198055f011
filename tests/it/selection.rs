//! What the command line selects.

use crate::sandbox::{Sandbox, steps};

fn three_stages() -> Sandbox {
    let stage = |id: &str| {
        format!(
            "[[stage]]\nid = \"{id}\"\n[[stage.step]]\nid = \"x\"\naction = \"command\"\nrun = \"echo {id} >> world\"\n"
        )
    };
    Sandbox::new(&format!("[pipeline]\nname = \"t\"\n{}{}{}", stage("a"), stage("b"), stage("c")))
}

#[test]
fn a_stage_runs_with_what_it_needs_unless_only_is_given() {
    let sandbox = three_stages();
    sandbox.run(&["stage", "b"]).code(0);
    assert_eq!(sandbox.world(), ["a", "b"]);
    let sandbox = three_stages();
    sandbox.run(&["stage", "b", "--only"]).code(0);
    assert_eq!(sandbox.world(), ["b"]);
    sandbox.run(&["up", "a.x"]).code(0);
    assert_eq!(sandbox.world(), ["b", "a"]);
}

#[test]
fn from_until_and_force() {
    let sandbox = three_stages();
    sandbox.run(&["up", "--until", "b"]).code(0);
    assert_eq!(sandbox.world(), ["a", "b"]);
    sandbox.run(&["up", "--from", "b", "--force=b"]).code(0);
    assert_eq!(sandbox.world(), ["a", "b", "b", "c"]);
    sandbox.run(&["up", "--force"]).code(0).says("forced");
    assert_eq!(sandbox.world().len(), 7);
}

#[test]
fn steps_that_do_not_apply_are_not_called_proven() {
    let sandbox = Sandbox::new(&steps(&[("a", "true", "when = false"), ("b", "true", "")]));
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do: 1 step is proven, 1 skipped");
    sandbox.file("pipeline.toml", &steps(&[("a", "true", "when = false")]));
    sandbox.run(&["up"]).code(0).says("nothing to do: no step applies");
}

#[test]
fn unknown_names_are_reported_with_the_nearest_one() {
    let sandbox = three_stages();
    sandbox.run(&["stage", "bb"]).code(2).says("unknown stage or step `bb`").says("did you mean `b`?");
    sandbox.run(&["up", "b.y"]).code(2).says("b.x");
    sandbox.run(&["up", "--until", "nowhere"]).code(2).says("use one of: `a`, `b`, `c`");
    sandbox.run(&["up", "--from", "c", "--until", "a"]).code(2).says("nothing is selected");
    sandbox.run(&["stage", "b.x"]).code(2).says("provision up b.x");
    sandbox.run(&["logs", "b.x"]).code(2).says("has never run");
}

#[test]
fn a_run_in_which_nothing_is_proven_does_not_succeed() {
    let optional = "optional = true";
    let sandbox = Sandbox::new(&steps(&[("a", "false", optional), ("b", "exit 3", optional)]));
    sandbox.run(&["up"]).code(1).says("nothing was proven").says("all of them are optional");
    sandbox.run(&["up", "--output", "json"]).code(1).says("\"problems\":[{\"step\":null,\"text\":\"nothing was proven");
    sandbox.file("pipeline.toml", &steps(&[("a", "false", optional), ("b", "true", optional)]));
    sandbox.run(&["up"]).code(0);
    // A step that does not apply has not failed.
    sandbox.file("pipeline.toml", &steps(&[("a", "false", "optional = true\nwhen = false")]));
    sandbox.run(&["up"]).code(0);
}
