//! What builds and deliveries leave in the daemon: F54, F101.

use crate::daemon::{Daemon, ID};
use crate::sandbox::{Sandbox, Shown, send};

/// A project that builds `web`, and the daemon that it uses.
fn project() -> (Sandbox, Daemon) {
    let mut sandbox = Sandbox::new(
        "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"docker-build\"\n\
         context = \"app\"\nimage = \"web\"\n",
    );
    sandbox.file("app/Dockerfile", "FROM scratch\n");
    let socket = sandbox.path("docker.sock");
    let daemon = Daemon::listen(&socket);
    sandbox.env("DOCKER_HOST", &format!("unix://{}", socket.display()));
    (sandbox, daemon)
}

/// `up` that is killed when its image has its temporary name; returns that name.
fn killed_at_the_tag(sandbox: &Sandbox, daemon: &Daemon) -> String {
    daemon.hold_builds(true);
    let run = sandbox.spawn(&["up"]);
    let name = daemon.next_named();
    send("KILL", run.id());
    assert_eq!(Shown::of(run).code, -1);
    daemon.hold_builds(false);
    assert_eq!(daemon.names(), std::slice::from_ref(&name));
    name
}

fn built() -> String {
    format!("web:{}", &ID["sha256:".len()..][..12])
}

#[test]
fn f54_the_temporary_name_of_a_killed_build_goes_with_the_next_build() {
    let (sandbox, daemon) = project();
    let left = killed_at_the_tag(&sandbox, &daemon);
    sandbox.run(&["up"]).code(0);
    assert_eq!(daemon.names(), [built()]);
    sandbox.run(&["logs", "s.a"]).code(0).says(&format!("removed `{left}`"));
    sandbox.run(&["up"]).code(0).says("nothing to do");
}

#[test]
fn f101_the_name_under_which_a_killed_delivery_pushed_goes_with_the_next_build() {
    let (sandbox, daemon) = project();
    let left = killed_at_the_tag(&sandbox, &daemon);
    // The name has the same form in any repository; here, that of the endpoint that the killed run had.
    let pushed = left.replace("web:", "127.0.0.1:20001/provision/layers:");
    let foreign = "127.0.0.1:20001/provision/layers:1".to_owned();
    daemon.name(&pushed);
    daemon.name(&foreign);
    sandbox.run(&["up"]).code(0);
    assert_eq!(daemon.names(), [foreign, built()]);
    sandbox.run(&["logs", "s.a"]).code(0).says(&format!("removed `{pushed}`"));
}

#[test]
fn f54_a_temporary_name_that_is_not_of_a_dead_run_of_this_checkout_is_left_alone() {
    let (sandbox, daemon) = project();
    let left = killed_at_the_tag(&sandbox, &daemon);
    // building-CHECKOUT-RUN-NUMBER.
    let (checkout, number) = (&left["web:building-".len()..][..12], &left[left.len() - 16..]);
    let run = &left["web:building-".len() + 13..left.len() - 17];
    let foreign = [
        // The same run by its name, of another checkout or machine.
        format!("web:building-0123456789ab-{run}-{number}"),
        // Of this checkout by its name, and of a run that the journal does not have.
        format!("web:building-{checkout}-20200101-000000-00000000-{number}"),
        // Named by an earlier version, or by somebody else.
        format!("web:building-{number}"),
        "web:building-today".to_owned(),
        format!("other/building-{checkout}-{run}-{number}:latest"),
    ];
    for name in &foreign {
        daemon.name(name);
    }
    sandbox.run(&["up"]).code(0);
    let mut expected = Vec::from(foreign.clone());
    expected.push(built());
    expected.sort();
    assert_eq!(daemon.names(), expected);
    let remark = format!("left `{}` in place: ", foreign[1]);
    sandbox.run(&["logs", "s.a"]).code(0).says(&remark).says("journal does not have the run");
}

#[test]
fn f54_a_copy_of_the_checkout_leaves_the_names_of_the_original_alone() {
    let (sandbox, daemon) = project();
    let left = killed_at_the_tag(&sandbox, &daemon);
    let original = sandbox.path(".provision");
    let (copy, socket) =
        (Sandbox::new(&fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap()), sandbox.path("docker.sock"));
    copy.file("app/Dockerfile", "FROM scratch\n");
    fs_err::create_dir(copy.path(".provision")).unwrap();
    fs_err::copy(original.join("journal.jsonl"), copy.path(".provision/journal.jsonl")).unwrap();
    let mut copied = copy.command(&["up"]);
    copied.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    Shown::of(copied.spawn().unwrap()).code(0);
    assert!(daemon.names().contains(&left), "{:?}", daemon.names());
}
