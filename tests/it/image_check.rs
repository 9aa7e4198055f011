//! `image-check` against a scripted daemon: what it finds, and that it never shows a secret.

use serde_json::{Value, json};

use crate::fake_docker::FakeDocker;
use crate::sandbox::Sandbox;

const SECRET: &str = "kV9fQ2mZ7LxP4wTn8RbY";
const USERS: &str = "root:x:0:0::/:/bin/sh\napp:x:1001:1001::/:/bin/sh\nadmin:x:0:0::/:/bin/sh\n";

/// A project with one check, and a daemon.
fn project(more: &str) -> (Sandbox, FakeDocker) {
    let mut sandbox = Sandbox::new(&format!(
        "[pipeline]\nname = \"t\"\n[secrets]\nTOKEN = {{ env = \"TOKEN\" }}\nPIN = {{ env = \"PIN\", optional = true }}\n\
         [[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"image\"\naction = \"image-check\"\nimage = \"todo:1\"\n{more}\n"
    ));
    sandbox.env("TOKEN", SECRET);
    let daemon = FakeDocker::serve(&mut sandbox);
    (sandbox, daemon)
}

fn id(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn config(user: &str) -> Value {
    json!({"User": user, "ExposedPorts": {"8000/tcp": {}}, "Env": ["MODE=production"], "Cmd": ["run"]})
}

const CLEAN: &[&[(&str, &str)]] =
    &[&[("etc/passwd", USERS), ("app/main.py", "x = 1\n")], &[("app/late.py", "y = 2\n")]];

#[test]
fn an_image_as_it_should_be_is_proven_once_and_again_when_it_changes() {
    let (sandbox, daemon) =
        project("non-root = true\nuid = 1001\nports = [8000]\nfiles = [\"/app/*.py\"]\nabsent = [\"**/.env\"]");
    daemon.image(&id('a'), CLEAN, &config("app"));
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["up"]).code(0).says("nothing to do");
    sandbox.run(&["report", "--format", "json"]).code(0);
    daemon.image(&id('b'), CLEAN, &config("root"));
    sandbox.run(&["plan", "--exit-code"]).code(10).says("changed: image");
    let shown = sandbox.run(&["up"]).code(1).says("containers run as root: the user is `root`");
    shown.says("end the Dockerfile's last stage with `USER`").keeps_quiet_about("internal error");
}

#[test]
fn steps_look_at_their_image_once_and_again_after_a_step_that_may_have_changed_it() {
    let check = |id: &str| format!("[[stage.step]]\nid = \"{id}\"\naction = \"image-check\"\nimage = \"todo:1\"\n");
    let swap = "[[stage.step]]\nid = \"swap\"\naction = \"command\"\nrun = \"cp other.json daemon/image.json\"\n";
    let more = format!("{}[[stage]]\nid = \"later\"\n{swap}[[stage]]\nid = \"last\"\n{}", check("again"), check("new"));
    let (sandbox, daemon) = project(&more);
    daemon.image(&id('b'), CLEAN, &config("app"));
    fs_err::rename(sandbox.path("daemon/image.json"), sandbox.path("other.json")).unwrap();
    daemon.image(&id('a'), CLEAN, &config("app"));
    sandbox.run(&["up"]).code(1).says("s.image no longer holds at the end of the run").keeps_quiet_about("last.new no");
    daemon.n_inspected();
    sandbox.run(&["plan", "--exit-code", "last", "s"]).code(10).says("changed: image");
    assert_eq!(daemon.n_inspected(), 1);
    sandbox.run(&["up"]).code(0).says("last.new  fresh");
    daemon.n_inspected();
    sandbox.run(&["up"]).code(0).says("nothing to do");
    assert_eq!(daemon.n_inspected(), 1);
}

#[test]
fn status_says_that_a_run_failed_that_could_check_nothing() {
    let (mut sandbox, daemon) = project("");
    daemon.image(&id('a'), CLEAN, &config("app"));
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["status"]).code(0).says("1 of 1 step proven when last checked").keeps_quiet_about("the last run");
    sandbox.env("DOCKER_HOST", "tcp://127.0.0.1:1");
    sandbox.run(&["up"]).code(3);
    sandbox.run(&["status"]).code(0).says("the last run, ").says(", failed");
}

#[test]
fn a_secret_of_a_removed_file_is_named_by_its_place_and_never_shown() {
    let (sandbox, daemon) = project("");
    let env = format!("A=1\nTOKEN={SECRET}\n");
    daemon.image(&id('a'), &[&[("app/.env", &env)], &[("app/.wh..env", "")]], &config("app"));
    let shown = sandbox.run(&["up"]).code(1);
    let shown = shown.says("layer 1 of 2: `/app/.env`, line 2: the secret `TOKEN`; a later layer hides the file");
    shown.says("--mount=type=secret").keeps_quiet_about(SECRET);
    assert!(!sandbox.state_text().contains(SECRET));
    // In the configuration.
    daemon.image(&id('b'), CLEAN, &json!({"User": "app", "Env": [format!("X={SECRET}")]}));
    sandbox
        .run(&["up"])
        .code(1)
        .says("the image's configuration, `config.Env[0]`: the secret `TOKEN`")
        .keeps_quiet_about(SECRET);
    daemon.image(&id('c'), CLEAN, &config("app"));
    sandbox.run(&["up"]).code(0);
}

#[test]
fn another_secret_is_searched_for_again_and_one_that_can_not_be_is_told() {
    let (mut sandbox, daemon) = project("");
    daemon.image(&id('a'), &[&[("a", "the other value: wR8nT4vKq2ZxL7mP\n")]], &config("app"));
    sandbox.env("PIN", "1234");
    sandbox.run(&["up"]).code(0);
    sandbox.run(&["logs", "s.image"]).code(0).says("the secret `PIN` is not searched for");
    sandbox.env("TOKEN", "wR8nT4vKq2ZxL7mP");
    sandbox.run(&["up"]).code(1).says("the secret `TOKEN`");
}

#[test]
fn an_exception_needs_a_reason_and_has_to_be_needed() {
    let leaky: &[&[(&str, &str)]] = &[&[("lib/test/key", SECRET)]];
    let (sandbox, daemon) = project("except = [{ path = \"lib/test/*\", reason = \"the library's own\" }]");
    daemon.image(&id('a'), leaky, &config("app"));
    sandbox.run(&["up"]).code(0);
    daemon.image(&id('b'), CLEAN, &config("app"));
    sandbox.run(&["up"]).code(1).says("there is no secret in `lib/test/*`: remove the exception");
    project("except = [{ path = \"lib\" }]").0.run(&["plan"]).code(2).says("missing `reason`");
}

#[test]
fn root_by_another_name_and_a_user_that_is_not_there_are_found() {
    let (sandbox, daemon) = project("non-root = true");
    daemon.image(&id('a'), CLEAN, &config("admin"));
    sandbox.run(&["up"]).code(1).says("containers run as root: the user is `admin`");
    daemon.image(&id('b'), CLEAN, &config("nobody-knows"));
    sandbox.run(&["up"]).code(1).says("the user `nobody-knows` is not in the image's `/etc/passwd`");
    daemon.image(&id('c'), CLEAN, &config("1001:0"));
    sandbox.run(&["up"]).code(0);
}

#[test]
fn an_image_that_is_not_there_or_changes_meanwhile_is_no_success() {
    let (sandbox, daemon) = project("");
    sandbox.run(&["up"]).code(1).says("the Docker daemon has no image `todo:1`");
    daemon.image(&id('a'), CLEAN, &config("app"));
    let archive = fs_err::read(sandbox.path("daemon/image.tar")).unwrap();
    daemon.image(&id('b'), &CLEAN[..1], &config("app"));
    fs_err::write(sandbox.path("daemon/image.tar"), &archive).unwrap();
    sandbox.run(&["up"]).code(1).says("is not the image that it has under this name now");
    fs_err::write(sandbox.path("daemon/image.tar"), &archive[..archive.len() / 2]).unwrap();
    sandbox.run(&["up"]).code(1).says("reading the archive of an image");
}
