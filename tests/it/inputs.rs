//! What counts as an input and as an output: links, globs that match nothing, contents of outputs, profiles.

use std::os::unix::fs::symlink;

use fs_err as fs;

use crate::sandbox::{Sandbox, steps};

/// A project with one step that appends to `world`.
fn project(more: &str) -> Sandbox {
    Sandbox::new(&steps(&[("a", "echo a >> world", more)]))
}

#[test]
fn f71_what_a_link_leads_to_is_an_input() {
    for (inputs, edited) in [
        ("app/src/**", "shared/lib.txt"),
        ("app/src/shared/lib.txt", "shared/lib.txt"),
        ("app/src/shared", "shared/lib.txt"),
        ("conf.txt", "shared/conf"),
    ] {
        let sandbox = project(&format!("inputs = [\"{inputs}\"]"));
        sandbox.file("shared/lib.txt", "one").file("shared/conf", "one").file("app/src/main", "main");
        symlink("../../shared", sandbox.path("app/src/shared")).unwrap();
        symlink("shared/conf", sandbox.path("conf.txt")).unwrap();
        sandbox.run(&["up"]).code(0);
        sandbox.run(&["up"]).code(0).says("nothing to do");
        sandbox.file(edited, "two");
        sandbox.run(&["plan", "--exit-code"]).code(10).says("changed: ");
        sandbox.run(&["up"]).code(0);
        assert_eq!(sandbox.world(), ["a", "a"], "{inputs}");
    }
}

#[test]
fn f71_a_link_out_of_the_project_is_refused_like_a_path_out_of_it() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("private"), "x").unwrap();
    for more in
        ["inputs = [\"src/**\"]", "inputs = [\"src/out/private\"]", "outputs = [\"src/**\"]", "cwd = \"src/out\""]
    {
        let sandbox = project(more);
        sandbox.file("src/a", "a");
        symlink(outside.path(), sandbox.path("src/out")).unwrap();
        sandbox.run(&["up"]).code(1).says("leads out of the project").says("src/out");
        assert!(sandbox.world().is_empty(), "{more}");
    }
    let excluded = project("inputs = [\"src/**\", \"!src/out\"]");
    excluded.file("src/a", "a");
    symlink(outside.path(), excluded.path("src/out")).unwrap();
    excluded.run(&["up"]).code(0);
    project("cwd = \"../..\"").run(&["plan"]).code(2).says("outside of the project");
}

#[test]
fn f72_a_glob_that_never_matched_is_an_error_and_one_that_did_is_told() {
    let misspelt = project("inputs = [\"src/*\", \"scr/**\"]");
    misspelt.file("src/a", "a");
    misspelt.run(&["up"]).code(1).says("`scr/**` matches no file");
    assert!(misspelt.world().is_empty());

    let sandbox = project("inputs = [\"src/*\", \"old/*\"]");
    sandbox.file("src/a", "a").file("old/b", "b");
    sandbox.run(&["up"]).code(0);
    fs::remove_file(sandbox.path("old/b")).unwrap();
    sandbox.run(&["plan"]).code(0).says("old/* matches no file");
    sandbox.run(&["up"]).code(0).says("old/* matches no file");
    // Also when nothing is to do.
    sandbox.run(&["up"]).code(0).says("nothing to do").says("note: s.a: `inputs`: old/* matches no file any more");
    sandbox.run(&["plan"]).code(0).says("old/* matches no file");
    sandbox.run(&["why", "s.a"]).code(0).says("old/* matches no file");
}

#[test]
fn f72_an_exclamation_mark_leaves_files_out() {
    let sandbox = project("inputs = [\"src/**\", \"!src/gen/**\", \"!**/*.log\"]");
    sandbox.file("src/a", "a").file("src/gen/b", "b").file("src/x/c.log", "c");
    sandbox.run(&["up"]).code(0);
    sandbox.file("src/gen/b", "other").file("src/x/c.log", "other");
    sandbox.run(&["up"]).code(0).says("nothing to do");
    sandbox.file("src/x/d", "d");
    sandbox.run(&["up"]).code(0).says("changed: files src/**");
}

#[test]
fn f73_an_output_with_other_contents_is_made_again() {
    let sandbox = Sandbox::new(&steps(&[
        ("bundle", "printf good > app.js; echo a >> world", "inputs = [\"src.txt\"]\noutputs = [\"*.js\"]"),
        ("up-to-date", "test -e old.txt", "inputs = [\"src.txt\"]\noutputs = [\"old.txt\"]\ncovers = [\"T1\"]"),
    ]));
    let pipeline = fs::read_to_string(sandbox.path("pipeline.toml")).unwrap();
    let pipeline = pipeline.replace("[pipeline]", "[pipeline]\nchecklists = [\"tasks.md\"]");
    sandbox.file("pipeline.toml", &pipeline).file("tasks.md", "- [ ] T1 It is made\n");
    sandbox.file("src.txt", "1").file("old.txt", "old");
    let unwritten = "`old.txt` was there before, and this run did not write it";
    let shown = sandbox.run(&["up"]).code(0).says(&format!("warning: s.up-to-date: {unwritten}"));
    shown.keeps_quiet_about("`*.js` was there before");
    sandbox.run(&["report"]).code(0).says(&format!("warning: {unwritten}"));
    sandbox.run(&["logs", "s.up-to-date"]).code(0).says("`old.txt` was there before, and this run did not write it");
    sandbox.run(&["up"]).code(0).says("nothing to do");
    fs::write(sandbox.path("app.js"), "").unwrap();
    sandbox.run(&["plan", "--exit-code"]).code(10).says("`*.js` is not as the step made it");
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world(), ["a", "a"]);
    assert_eq!(fs::read_to_string(sandbox.path("app.js")).unwrap(), "good");
    // Written again with the same contents: nothing has changed.
    fs::write(sandbox.path("old.txt"), "old").unwrap();
    sandbox.run(&["up"]).code(0).says("nothing to do");
}

#[test]
fn f74_a_profile_that_changes_something_has_records_of_its_own() {
    let pipeline = r#"
[pipeline]
name = "t"
[vars]
where = "staging"
[profile.prod.vars]
where = "prod"
[profile.part]
stages = ["s"]
[[stage]]
id = "s"
[[stage.step]]
id = "plain"
action = "command"
run = "echo plain >> world"
[[stage.step]]
id = "deploy"
action = "command"
run = "echo ${{ vars.where }} >> world"
"#;
    let sandbox = Sandbox::new(pipeline);
    sandbox.run(&["up"]).code(0);
    // It only selects stages: it shares the records.
    sandbox.run(&["up", "-p", "part"]).code(0).says("nothing to do");
    sandbox.run(&["status", "-p", "prod"]).code(0).says("never run");
    sandbox.run(&["plan", "-p", "prod", "--exit-code"]).code(10);
    sandbox.run(&["up", "-p", "prod"]).code(0);
    for profile in [&["up"][..], &["up", "-p", "prod"], &["up", "-p", "part"], &["up"]] {
        sandbox.run(profile).code(0).says("nothing to do");
    }
    let mut world = sandbox.world();
    world.sort();
    assert_eq!(world, ["plain", "plain", "prod", "staging"]);
    // A failure in one is none in the other.
    sandbox.file(
        "pipeline.toml",
        &pipeline.replace("run = \"echo plain", "run = \"test ${{ vars.where }} = prod && echo plain"),
    );
    sandbox.run(&["up"]).code(1);
    sandbox.run(&["up", "-p", "prod"]).code(0);
    sandbox.run(&["status", "-p", "prod"]).code(0).keeps_quiet_about("failed");
    sandbox.run(&["status"]).code(0).says("failed");
}

#[test]
fn f74_a_command_runs_again_for_another_daemon() {
    let mut sandbox = project("");
    sandbox.env("DOCKER_HOST", "tcp://10.0.0.2:2375");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    sandbox.env("DOCKER_HOST", "tcp://10.0.0.3:2375");
    sandbox.run(&["up"]).code(0).says("changed: docker");
}

#[test]
fn what_is_proven_of_a_file_rests_on_the_step_that_makes_it() {
    let pipeline = |needs: &str| {
        format!(
            "[pipeline]\nname = \"t\"\nchecklists = [\"tasks.md\"]\n[[stage]]\nid = \"s\"\n\
             [[stage.step]]\nid = \"makes\"\naction = \"command\"\nrun = \"grep -v x in.txt >out.txt\"\n\
             inputs = [\"in.txt\"]\noutputs = [\"out.txt\"]\n\
             [[stage.step]]\nid = \"reads\"\naction = \"file-check\"\npath = \"out.txt\"\ncontains = [\"good\"]\n\
             {needs}\ncovers = [\"T001\"]\n"
        )
    };
    let sandbox = Sandbox::new(&pipeline(""));
    sandbox.file("tasks.md", "- [ ] T001 It is good\n").file("in.txt", "good\n");
    sandbox.run(&["up"]).code(2).says("step `s.reads` reads `out.txt`, which step `s.makes` makes");
    sandbox.file("pipeline.toml", &pipeline("needs = [\"makes\"]"));
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["report"]).code(0).says("✓ T001");
    // It has not been made of this, and the file itself is as it was.
    sandbox.file("in.txt", "bad\n");
    let report = sandbox.run(&["report"]).code(0);
    assert!(!report.stdout.contains("✓ T001") && report.stdout.contains("s.makes"), "{}", report.stdout);
    sandbox.run(&["up"]).code(1).says("good");
    sandbox.file("in.txt", "good\nx\n");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["report"]).code(0).says("✓ T001");
}
