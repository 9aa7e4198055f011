//! Where errors arise: sandboxes with what they need.

use super::Beside;
use crate::sandbox::{Sandbox, steps};

pub(super) fn alone(sandbox: Sandbox) -> (Sandbox, Beside) {
    (sandbox, Box::new(()))
}

/// A project with the step `s.a`.
pub(super) fn one(run: &str, more: &str) -> (Sandbox, Beside) {
    alone(Sandbox::new(&steps(&[("a", run, more)])))
}

/// A project whose step `s.a` prints a line and fails until there is a file `ok`.
pub(super) fn fails_with(line: &str) -> (Sandbox, Beside) {
    one(&format!("test -e ok || {{ echo '{line}' >&2; exit 1; }}"), "")
}

/// A project whose step `s.a` is another action.
pub(super) fn action(settings: &str) -> (Sandbox, Beside) {
    let text = "[pipeline]\nname = \"test\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\n";
    alone(Sandbox::new(&format!("{text}{settings}\n")))
}

/// A project that needs `mytool`, which a package manager of the sandbox can install.
pub(super) fn with_a_tool(version: Option<&str>) -> (Sandbox, Beside) {
    let (mut sandbox, beside) =
        action("action = \"tool-check\"\ntool = \"mytool\"\nversion = \">=2\"\ninstall = [{ brew = \"my-tool\" }]");
    sandbox.env("DOCKER_HOST", "unix:///no/such/docker.sock");
    sandbox.tool("brew", "test ! -e broken || exit 1\nprintf '#!/bin/sh\\necho mytool 2.1.0\\n' >$HOME/bin/mytool; chmod +x $HOME/bin/mytool");
    if let Some(version) = version {
        sandbox.tool("mytool", &format!("echo mytool {version}"));
    }
    (sandbox, beside)
}

pub(super) fn untrusted() -> (Sandbox, Beside) {
    let (mut sandbox, beside) = one("true", "");
    sandbox.env("PROVISION_TRUST", "");
    (sandbox, beside)
}

pub(super) fn without_a_pipeline() -> (Sandbox, Beside) {
    let (sandbox, beside) = one("true", "");
    fs_err::create_dir(sandbox.path("web")).unwrap();
    fs_err::rename(sandbox.path("pipeline.toml"), sandbox.path("web/pipeline.toml")).unwrap();
    (sandbox, beside)
}

/// A folder with nothing that could be built, and one with a Dockerfile.
pub(super) fn with_nothing_to_build() -> (Sandbox, Beside) {
    let (sandbox, beside) = without_a_pipeline();
    fs_err::remove_file(sandbox.path("web/pipeline.toml")).unwrap();
    sandbox.file("web/Dockerfile", "FROM scratch\n");
    sandbox.file("empty/note", "");
    (sandbox, beside)
}

/// A project that docker is asked about, which the context `lab` leads to: a socket that is not there yet.
pub(super) fn docker_is_down() -> (Sandbox, Beside) {
    let (mut sandbox, _) = action("action = \"compose-up\"\nfiles = [\"compose.yml\"]");
    let engine = crate::fake_engine::FakeEngine::serve(&mut sandbox);
    let socket = sandbox.path("lab.sock").display().to_string();
    sandbox.env("DOCKER_HOST", &format!("unix://{socket}"));
    sandbox.file("compose.yml", "services: {}\n");
    // What starts the daemon: its socket is there then.
    sandbox.tool("sudo", "test \"$*\" = 'systemctl start docker' && ln -s $HOME/docker.sock $HOME/lab.sock");
    (sandbox, Box::new(engine))
}

/// The same, with an address in the environment where no daemon is, and one behind the current context.
pub(super) fn docker_is_elsewhere() -> (Sandbox, Beside) {
    let (mut sandbox, engine) = docker_is_down();
    sandbox.env("DOCKER_HOST", "tcp://127.0.0.1:1");
    sandbox.file(".docker/config.json", r#"{"currentContext":"lab"}"#);
    let host = format!("unix://{}", sandbox.path("docker.sock").display());
    let meta = serde_json::json!({"Name": "lab", "Metadata": {}, "Endpoints": {"docker": {"Host": host}}});
    sandbox.file(".docker/contexts/meta/abc/meta.json", &meta.to_string());
    (sandbox, engine)
}

pub(super) fn at_a_cluster(context: &str) -> (Sandbox, Beside) {
    let mut sandbox = crate::context::project(context, "", None);
    sandbox.env("DOCKER_HOST", "unix:///no/such/docker.sock");
    alone(sandbox)
}

pub(super) fn with_services() -> (Sandbox, Beside) {
    let (sandbox, engine) = crate::down::with_services();
    (sandbox, Box::new(engine))
}
