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
    sandbox.run(&["actions", "nothing"]).code(2).says("use one of: ");
    sandbox.run(&["--help"]).code(0).says("Usage");
}
