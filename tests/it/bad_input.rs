//! Wrong files and missing things: the place, the cause, the next command, the right exit code.

use crate::sandbox::{Sandbox, steps};

#[test]
fn all_errors_of_a_file_are_reported_in_one_run_with_their_places() {
    let pipeline = "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\nneeds = [\"nowhere\"]\n[[stage.step]]\nid = \"a\"\n\
                    action = \"comand\"\nrun = \"true\"\n[[stage.step]]\nid = \"b\"\naction = \"command\"\nrum = \"true\"\n";
    let sandbox = Sandbox::new(pipeline);
    sandbox
        .run(&["up"])
        .code(2)
        .says("pipeline.toml:5")
        .says("nowhere")
        .says("pipeline.toml:8")
        .says("command")
        .says("pipeline.toml:13")
        .says("rum");
    assert!(!sandbox.path(".provision").exists(), "nothing was touched");
}

#[test]
fn a_missing_file_and_a_syntax_error_are_usage_errors() {
    let sandbox = Sandbox::new("");
    fs_err::remove_file(sandbox.path("pipeline.toml")).unwrap();
    sandbox.run(&["up"]).code(2).says("there is no pipeline.toml").says("-f FILE");
    sandbox.run(&["up", "-f", "other.toml"]).code(2).says("other.toml");
    sandbox.file("pipeline.toml", "[pipeline\nname = 3");
    sandbox.run(&["up"]).code(2).says("pipeline.toml:1");
}

#[test]
fn a_cycle_is_shown_with_all_its_steps() {
    let sandbox = Sandbox::new(&steps(&[("a", "true", "needs = [\"b\"]"), ("b", "true", "needs = [\"a\"]")]));
    sandbox.run(&["plan"]).code(2).says("s.a").says("s.b");
}

#[test]
fn an_unknown_item_in_covers_is_reported_with_the_nearest_one() {
    let pipeline = steps(&[("a", "true", "covers = [\"T0001\"]")]);
    let sandbox = Sandbox::new(&pipeline.replace("name = \"test\"", "name = \"test\"\nchecklists = [\"tasks.md\"]"));
    sandbox.file("tasks.md", "- [ ] T001 One\n");
    sandbox.run(&["up"]).code(2).says("T0001").says("T001");
}

#[test]
fn a_missing_tool_and_an_old_one_fail_as_prerequisites() {
    let tool = |name: &str| {
        format!(
            "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"tool-check\"\n\
             tool = \"{name}\"\nversion = \">=1.30\"\n"
        )
    };
    let sandbox = Sandbox::new(&tool("minikube"));
    sandbox.bare(&["up"]).code(3).says("minikube").says("not installed");
    sandbox.tool("minikube", "echo v1.29.4");
    sandbox.bare(&["up"]).code(3).says("1.29.4").says(">=1.30");
    sandbox.tool("minikube", "echo v1.36.0");
    sandbox.bare(&["up"]).code(0);
}

#[test]
fn without_a_docker_daemon_the_message_names_the_socket() {
    let pipeline = "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"docker-build\"\n\
                    context = \"app\"\nimage = \"x\"\n";
    let mut sandbox = Sandbox::new(pipeline);
    sandbox.file("app/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    let socket = format!("unix://{}", sandbox.path("no.sock").display());
    sandbox.env("DOCKER_HOST", &socket);
    sandbox.run(&["up"]).code(3).says("no.sock").says("help:");
}

#[test]
fn a_missing_dockerfile_is_reported_before_the_daemon_is_contacted() {
    let pipeline = "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"docker-build\"\n\
                    context = \"app\"\nimage = \"x\"\n";
    let mut sandbox = Sandbox::new(pipeline);
    sandbox.file("app/main.py", "");
    let socket = format!("unix://{}", sandbox.path("no.sock").display());
    sandbox.env("DOCKER_HOST", &socket);
    sandbox.run(&["up"]).code(1).says("app/Dockerfile");
}

#[test]
fn usage_errors_exit_with_2() {
    let sandbox = Sandbox::new(&steps(&[("a", "true", "")]));
    sandbox.run(&["upp"]).code(2);
    sandbox.run(&["up", "--set", "x"]).code(2).says("NAME=VALUE");
    sandbox.run(&["up", "--set", "x=1"]).code(2).says("x");
    sandbox.run(&["actions", "nothing"]).code(2).says("`provision actions` lists all of them");
    sandbox.run(&["--help"]).code(0).says("Usage");
}

#[test]
fn something_of_the_files_name_that_is_no_file_is_named() {
    let sandbox = Sandbox::new("");
    let path = sandbox.path("pipeline.toml");
    fs_err::remove_file(&path).unwrap();
    fs_err::os::unix::fs::symlink("gone.toml", &path).unwrap();
    fs_err::create_dir(sandbox.path("below")).unwrap();
    for folder in [".", "below"] {
        let shown = sandbox.run(&["-C", folder, "plan"]).code(2).says("pipeline.toml` is a link to what is not there");
        shown.says("there is no `gone.toml`").keeps_quiet_about("there is no pipeline.toml");
    }
    fs_err::remove_file(&path).unwrap();
    fs_err::create_dir(&path).unwrap();
    sandbox.run(&["plan"]).code(2).says("pipeline.toml` is a folder").keeps_quiet_about("there is no pipeline.toml");
}

#[test]
fn a_status_that_no_response_has_is_an_error_that_says_what_is_wrong() {
    let check = |status: &str| {
        let step = "[[stage.step]]\nid = \"b\"\naction = \"http-check\"\nurl = \"http://127.0.0.1:1\"\nstatus = ";
        Sandbox::new(&format!("{}{step}{status}\n", steps(&[("a", "true", "")]))).run(&["plan"])
    };
    for (status, says) in [
        ("99", "invalid value of `status`: 99 is no status of HTTP, which go from 100 to 599"),
        ("[200, 6000]", "6000 is no status of HTTP"),
        ("[]", "no status is in it, so no response could be right"),
        ("[\"200\"]", "an item of `status` must be a status from 100 to 599, not a string"),
        ("\"2xx\"", "`status` must be a status from 100 to 599, or an array of them, not a string"),
    ] {
        check(status).code(2).says(says).says("pipeline.toml:");
    }
    check("[200, 404]").code(0);
}

#[test]
fn an_unknown_action_is_answered_with_the_nearest() {
    for (name, says) in [
        ("dockr-build", "did you mean `docker-build`?"),
        ("dockr", "did you mean `docker-build`?"),
        ("rolout", "did you mean `rollout-check` or `rollout-update` or `rollout-undo`?"),
    ] {
        Sandbox::new("").run(&["actions", name]).code(2).says(says);
    }
}
