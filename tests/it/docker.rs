//! Which Docker daemon the steps use.

use crate::sandbox::{Sandbox, steps};

/// A project whose step `a` writes down the daemon that it is handed, with more settings.
fn project(more: &str) -> Sandbox {
    let run = "echo \"$DOCKER_HOST|$DOCKER_TLS_VERIFY|$DOCKER_CERT_PATH\" > daemon";
    let sandbox = Sandbox::new(&steps(&[("a", run, more)]));
    sandbox.file(".docker/config.json", r#"{"currentContext":"lab"}"#);
    let meta = r#"{"Name":"lab","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://10.0.0.2:2375"}}}"#;
    sandbox.file(".docker/contexts/meta/abc/meta.json", meta);
    sandbox
}

fn handed(sandbox: &Sandbox) -> String {
    sandbox.run(&["up"]).code(0);
    fs_err::read_to_string(sandbox.path("daemon")).unwrap().trim().to_owned()
}

#[test]
fn a_command_is_handed_the_daemon_that_the_other_steps_use() {
    let mut sandbox = project("");
    // Of the environment, but not for this daemon: the context has no certificates.
    sandbox.env("DOCKER_TLS_VERIFY", "1");
    assert_eq!(handed(&sandbox), "tcp://10.0.0.2:2375||");

    let encrypted = project("");
    encrypted.file(".docker/contexts/tls/abc/docker/ca.pem", "");
    let certificates = encrypted.path(".docker/contexts/tls/abc/docker");
    assert_eq!(handed(&encrypted), format!("tcp://10.0.0.2:2375|1|{}", certificates.display()));
}

#[test]
fn a_command_that_names_a_daemon_itself_keeps_it() {
    assert_eq!(handed(&project("env = { DOCKER_CONTEXT = \"other\" }")), "||");
    assert_eq!(handed(&project("env = { DOCKER_HOST = \"unix:///mine.sock\" }")), "unix:///mine.sock||");
}

#[test]
fn a_command_that_needs_no_daemon_runs_where_none_can_be_found() {
    let mut sandbox = project("");
    sandbox.env("DOCKER_CONTEXT", "gone");
    assert_eq!(handed(&sandbox), "||");
}
