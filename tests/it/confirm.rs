//! `confirm`: with a person at the terminal, and without one.

use std::io::Write;

use crate::sandbox::{Sandbox, Shown};

fn pipeline(more: &str, after: &str) -> String {
    format!(
        "[pipeline]\nname = \"t\"\nchecklists = [\"tasks.md\"]\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"ok\"\n\
         action = \"confirm\"\ntext = \"the page looks right\"\ninputs = [\"page.html\"]\ncovers = [\"T001\"]\n{more}\n\
         [[stage.step]]\nid = \"other\"\naction = \"command\"\nrun = \"echo other >>world\"\n\
         [[stage.step]]\nid = \"after\"\nneeds = [\"ok\"]\naction = \"command\"\nrun = \"echo after >>world\"\n{after}"
    )
}

fn project(more: &str, after: &str) -> Sandbox {
    let sandbox = Sandbox::new(&pipeline(more, after));
    sandbox.file("tasks.md", "- [ ] T001 Check the page\n").file("page.html", "<p>");
    sandbox
}

/// `up` on a terminal where this is typed.
fn answered(sandbox: &Sandbox, answer: &str) -> Shown {
    let mut run = sandbox.on_a_terminal("up --output lines");
    run.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
    Shown::of(run)
}

#[test]
fn f133_a_person_says_yes_once_and_is_asked_again_when_it_is_about_something_else() {
    let sandbox = project("", "");
    answered(&sandbox, "maybe\nyes\n")
        .code(0)
        .says("the page looks right [yes/no]")
        .says("please answer `yes` or `no`: the page");
    let mut world = sandbox.world();
    world.sort();
    assert_eq!(world, ["after", "other"]);
    // It stands, also where nobody can be asked.
    sandbox.run(&["up"]).code(0).says("nothing to do");
    let report = sandbox.run(&["report", "--format", "json"]).code(0);
    let report = report
        .says("\"proof\": \"confirmed\"")
        .says("\"text\": \"the page looks right\"")
        .says("\"by\": ")
        .says("\"at\": \"20");
    report.says("\"verdict\": \"manual\"").says("\"manual\": 1");
    let shown = sandbox.run(&["report", "--check", "--tick"]).code(0);
    shown.says("manual: s.ok").says(": the page looks right").says("1 of 1 items done (1 by a person)");
    assert_eq!(fs_err::read_to_string(sandbox.path("tasks.md")).unwrap(), "- [x] T001 Check the page\n");
    sandbox.file("page.html", "<p>other");
    sandbox.run(&["why", "s.ok"]).code(0).says("files page.html");
    sandbox.run(&["up"]).code(1).says("nobody can be asked here");
    answered(&sandbox, "yes\n").code(0);
    sandbox.file("pipeline.toml", &pipeline("", "").replace("looks right", "looks better"));
    answered(&sandbox, "no\n").code(1).says("answered no: the page looks better");
    sandbox.run(&["report"]).code(0).says("failed: s.ok");
}

#[test]
fn f133_without_a_terminal_it_stays_open_and_only_what_needs_it_waits() {
    let sandbox = project("", "");
    let shown = sandbox.run(&["up"]).code(1);
    shown
        .says("it needs the answer of a person, and nobody can be asked here")
        .says("provision stage s --only")
        .says("needs s.ok");
    assert_eq!(sandbox.world(), ["other"]);
    sandbox.run(&["report"]).code(0).says("open: s.ok never ran");
    // Of the step nothing is on record, neither a start nor a failure: only of the run that it failed it.
    let records = sandbox.state_text();
    let of_it: Vec<&str> = records.lines().filter(|line| line.contains("\"step\":\"s.ok\"")).collect();
    assert!(of_it.len() == 1 && of_it[0].contains("run-finished"), "{records}");
}

#[test]
fn f133_an_optional_one_holds_nothing_up_and_a_fallback_takes_its_place() {
    let sandbox = project("optional = true", "");
    sandbox.run(&["up"]).code(0);
    let mut world = sandbox.world();
    world.sort();
    assert_eq!(world, ["after", "other"]);
    let rule = "[[stage.step]]\nid = \"rule\"\naction = \"file-check\"\npath = \"page.html\"\n";
    let sandbox = project("fallback = \"rule\"", rule);
    sandbox.run(&["up"]).code(0).says("proven by s.rule instead");
    sandbox.run(&["report"]).code(0).says("fallback: s.ok");
}
