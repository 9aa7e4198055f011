//! Nobody's pipeline executes anything before a person has seen what, or said so: F88.

use std::io::Write as _;

use crate::sandbox::{Sandbox, Shown, steps};

/// A pipeline that nobody has trusted.
fn cloned(pipeline: &str) -> Sandbox {
    let mut sandbox = Sandbox::new(pipeline);
    sandbox.env("PROVISION_TRUST", "");
    sandbox
}

fn one(run: &str) -> String {
    steps(&[("a", run, "")])
}

#[test]
fn an_unknown_pipeline_is_refused_where_nobody_can_be_asked() {
    let sandbox = cloned(&one("echo a >> world"));
    for command in [&["up"][..], &["stage", "s"], &["up", "--output", "json", "--yes"]] {
        let shown = sandbox.run(command).code(5).says("is not trusted; nothing was run");
        shown
            .says("it has not run here before")
            .says("provision trust")
            .says(&format!("provision {}", command.join(" ")));
    }
    assert!(sandbox.world().is_empty());
    assert!(!sandbox.path(".provision").exists(), "something was made for a pipeline that is not trusted");
    // What executes nothing of the pipeline's works.
    for command in ["plan", "status", "report"] {
        sandbox.run(&[command]).code(0);
    }
}

#[test]
fn a_refusal_names_the_command_that_was_given_with_its_options() {
    let sandbox = cloned(&one("echo a >> world"));
    let words = [
        "stage s --keep-going",
        "down --yes",
        "down --cluster",
        "prove",
        "watch",
        "doctor --install",
        "-C . up -- s.a",
    ];
    for given in words {
        let args: Vec<&str> = given.split(' ').collect();
        let shown = sandbox.run(&args).code(5);
        shown.says(&format!("in CI: `provision {} --trust`", given.replace(" -- ", " ")));
    }
    assert!(sandbox.world().is_empty());
}

#[test]
fn trust_shows_what_is_executed_and_is_remembered_outside_of_the_project() {
    let mut sandbox = cloned(&one("echo a >> world"));
    let state = tempfile::tempdir().unwrap();
    sandbox.env("XDG_STATE_HOME", &state.path().display().to_string());
    sandbox.run(&["trust", "--show"]).code(0).says("run = \"echo a >> world\"");
    sandbox.run(&["up"]).code(5);
    sandbox.run(&["trust"]).code(0).says("has not run here before").says("s.a: command").says("trusted as it is now");
    assert_eq!(fs_err::read_dir(state.path().join("provision/trusted")).unwrap().count(), 1);
    sandbox.run(&["up"]).code(0);
    // Every change of the file is a new question, which shows what has changed.
    sandbox.file("pipeline.toml", &one("echo changed >> world"));
    sandbox.run(&["up"]).code(5).says("it has changed since you trusted it");
    let shown = sandbox.run(&["trust"]).code(0);
    shown.says("+      run = \"echo changed >> world\"").says("-      run = \"echo a >> world\"");
    sandbox.run(&["up"]).code(0);
    assert_eq!(sandbox.world(), ["a", "changed"]);
    // A copy at another place is another pipeline: what is beside it may differ.
    fs_err::create_dir(sandbox.path("copy")).unwrap();
    fs_err::copy(sandbox.path("pipeline.toml"), sandbox.path("copy/pipeline.toml")).unwrap();
    sandbox.run(&["-C", "copy", "up"]).code(5);
    sandbox.run(&["trust", "--forget"]).code(0).says("not trusted any more");
    sandbox.run(&["up"]).code(5);
}

#[test]
fn the_flag_trusts_for_good_and_the_variable_for_once() {
    let mut sandbox = cloned(&one("echo a >> world"));
    let mut once = sandbox.command(&["up"]);
    once.env("PROVISION_TRUST", "1");
    Shown::of(once.spawn().unwrap()).code(0);
    sandbox.run(&["up"]).code(5);
    sandbox.run(&["up", "--trust"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    // Where nothing can be remembered, the flag still counts.
    sandbox.env("XDG_STATE_HOME", "/proc/nowhere");
    sandbox.run(&["up", "--trust"]).code(0);
    sandbox.run(&["trust"]).code(4).says("XDG_STATE_HOME");
}

#[test]
fn a_probe_runs_no_program_that_an_unknown_pipeline_names() {
    let check = "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"tool-check\"\n\
                 tool = \"sh\"\nversion-args = [\"-c\", \"touch pwned; echo 1.2.3\"]\n";
    let sandbox = cloned(check);
    for command in [&["plan"][..], &["report"], &["why", "s.a"]] {
        sandbox.run(command).code(5).says("probing `s.a` runs programs");
    }
    assert!(!sandbox.path("pwned").exists());
    sandbox.run(&["status"]).code(0);
    sandbox.run(&["trust"]).code(0).says("touch pwned");
    sandbox.run(&["plan"]).code(0);
}

#[test]
fn a_person_at_a_terminal_is_asked_and_only_a_yes_counts() {
    for (answer, code) in [("n\n", 5), ("\n", 5), ("", 5), ("y\n", 0)] {
        let sandbox = cloned(&one("echo a >> world"));
        let mut command = sandbox.command(&[]);
        let up = format!("{} up", env!("CARGO_BIN_EXE_provision"));
        let in_terminal = duct::cmd!("script", "-qec", up, "/dev/null").env_remove("CI").dir(sandbox.path(""));
        let of_sandbox = command.env("TERM", "xterm").get_envs();
        let in_terminal = of_sandbox.fold(in_terminal, |run, (name, value)| run.env(name, value.unwrap_or_default()));
        let mut input = Vec::new();
        input.write_all(answer.as_bytes()).unwrap();
        let shown = in_terminal.stdin_bytes(input).stdout_capture().stderr_capture().unchecked().run().unwrap();
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(text.contains("echo a >> world"), "{text}");
        assert_eq!(shown.status.code(), Some(code), "{answer:?}: {text}");
        assert_eq!(sandbox.world().len(), usize::from(code == 0), "{answer:?}");
        if code == 0 {
            sandbox.run(&["up"]).code(0).says("nothing to do");
        }
    }
}
