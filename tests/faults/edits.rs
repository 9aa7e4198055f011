//! Inputs that change at a bad moment, and steps that run twice or fail: F44 to F46. The registry's actions are put
//! through the last one in `live::registry`.

use crate::model::Model;
use crate::sandbox::{Sandbox, steps};

#[test]
fn f44_an_input_edited_while_its_step_runs_leaves_the_step_stale() {
    let script = "cat in >> world; [ -e once ] || { touch once; echo new > in; }";
    let sandbox = Sandbox::new(&steps(&[("a", script, "inputs = [\"in\"]")]));
    sandbox.file("in", "old\n");
    sandbox.run(&["up"]).code(0).says("changed while it ran");
    sandbox.run(&["why", "s.a"]).code(0).says("stale").says("changed while it ran: files in");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    assert_eq!(sandbox.world(), ["old", "new"]);
}

#[test]
fn f45_a_file_replaced_with_the_same_size_and_time_is_seen_and_contents_can_be_read_whole() {
    let sandbox = Sandbox::new(&steps(&[("a", "cat in >> world", "inputs = [\"in\"]")]));
    sandbox.file("in", "one\n");
    sandbox.run(&["up"]).code(0);
    // What is younger than a minute is not remembered by its times; `files::stat_cache` has the tests of what is.
    assert!(!sandbox.path(".provision/files").exists(), "its digest is remembered");
    let old = fs_err::metadata(sandbox.path("in")).unwrap().modified().unwrap();
    sandbox.file("in", "two\n");
    fs_err::OpenOptions::new().write(true).open(sandbox.path("in")).unwrap().file().set_modified(old).unwrap();
    sandbox.run(&["up"]).code(0).says("changed: files in");
    assert_eq!(sandbox.world(), ["one", "two"]);
    // Unchanged, by content as well as by metadata.
    sandbox.run(&["up", "--verify=content"]).code(0).says("nothing to do");
    sandbox.run(&["up"]).code(0).says("nothing to do");
}

#[test]
fn an_input_file_with_the_name_of_a_setting_hides_no_change_of_the_setting() {
    let with = |word: &str| {
        let settings = format!("inputs = [\"settings.env\"]\nenv = {{ WORD = \"{word}\" }}");
        steps(&[("a", "echo $WORD >> world", settings.as_str())])
    };
    let sandbox = Sandbox::new(&with("one"));
    sandbox.file("settings.env", "x\n");
    sandbox.run(&["up"]).code(0);
    sandbox.file("pipeline.toml", &with("two"));
    sandbox.run(&["up"]).code(0).says("changed: settings.env");
    sandbox.file("settings.env", "y\n");
    sandbox.run(&["up"]).code(0).says("changed: files settings.env");
    assert_eq!(sandbox.world(), ["one", "two", "two"]);
}

#[test]
fn f46_every_step_fails_in_turn_and_every_step_runs_twice() {
    for failing in ["a", "b", "c", "d", "e", "f"] {
        let model = Model::six();
        let text = fs_err::read_to_string(model.sandbox.path("pipeline.toml")).unwrap();
        let broken = text.replace(&format!("run = \"echo {failing} >>"), &format!("run = \"exit 7; echo {failing} >>"));
        assert_ne!(broken, text);
        model.sandbox.file("pipeline.toml", &broken);
        model.sandbox.run(&["up"]).code(1).says("exit code 7");
        model.sandbox.file("pipeline.toml", &text);
        model.recovers();
        model.sandbox.run(&["up", "--force"]).code(0).says("6 ran");
        model.sandbox.run(&["up"]).code(0).says("nothing to do");
    }
}
