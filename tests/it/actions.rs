//! What holds for every registered action, and the reference that is printed from the registry.

use provision::actions::ACTIONS;

use crate::sandbox::Sandbox;

#[test]
fn every_example_is_a_valid_step_and_an_unknown_setting_is_refused() {
    for action in ACTIONS {
        let pipeline = |more: &str| {
            format!(
                "[pipeline]\nname = \"test\"\n[secrets]\nPASSWORD = {{ generate = \"hex16\" }}\nJWT_SECRET = {{ generate = \"hex32\" }}\n[cluster]\nprovider = \"minikube\"\n\
                 [[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"x\"\naction = \"{}\"\n{}\n{more}\n",
                action.name, action.example
            )
        };
        Sandbox::new(&pipeline("")).run(&["logs", "s.x"]).code(2).says("has never run");
        let shown = Sandbox::new(&pipeline("no-such-setting = 1")).run(&["plan"]).code(2);
        shown.says("no-such-setting");
    }
}

#[test]
fn the_reference_page_is_up_to_date() {
    let printed = Sandbox::new("").run(&["actions", "--markdown"]).code(0).stdout;
    let page = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/actions.md")).unwrap();
    assert!(printed == page, "docs/actions.md is out of date: cargo run -- actions --markdown > docs/actions.md");
}

#[test]
fn each_action_has_a_page_on_the_command_line() {
    for action in ACTIONS {
        let sandbox = Sandbox::new("");
        sandbox.run(&["actions", action.name]).code(0).says(action.summary).says("Example:");
        sandbox.run(&["actions"]).code(0).says(action.name);
    }
}
