//! Actions that need no daemon and no cluster, each in a project's folder of its own.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what helps a test fails as the test does, and shows what it measured"
)]

#[path = "support/workbench.rs"]
#[expect(dead_code, reason = "shared with the live tests, which also use a cluster")]
mod workbench;

use std::os::unix::fs::PermissionsExt;

use provision::action::Presence;
use provision::actions::ACTIONS;
use provision::error::FailureKind;
use provision::fingerprint::Inputs;
use workbench::{Workbench, action};

#[tokio::test]
async fn every_example_parses_and_its_inputs_are_the_same_twice() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Workbench::without_cluster(dir.path());
    for entry in ACTIONS {
        let action = action(entry.name, entry.example);
        let (mut first, mut second) = (Inputs::new(), Inputs::new());
        let results = (
            action.inputs(&bench.cx, &mut first).await.map_err(|failure| failure.message),
            action.inputs(&bench.cx, &mut second).await.map_err(|failure| failure.message),
        );
        assert_eq!(results.0, results.1, "{}", entry.name);
        assert_eq!(first, second, "{}", entry.name);
    }
}

#[tokio::test]
async fn a_command_needs_its_outputs_its_inputs_and_declared_secrets() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir(dir.path().join("src")).unwrap();
    fs_err::write(dir.path().join("src/a"), "one").unwrap();
    let bench = Workbench::without_cluster(dir.path());
    let make = action(
        "command",
        "run = \"test $WORD = hello && mkdir -p out && cp src/a out/a.txt\"\ninputs = [\"src/**\"]\noutputs = [\"out/*.txt\"]\nenv = { WORD = \"hello\" }",
    );
    let output = make.run(&bench.cx).await.unwrap();
    assert_eq!(make.probe(&bench.cx, &output).await.unwrap(), Presence::Present);
    fs_err::remove_file(dir.path().join("out/a.txt")).unwrap();
    assert_eq!(make.probe(&bench.cx, &output).await.unwrap(), Presence::Missing("there is no `out/*.txt`".into()));
    let mut before = Inputs::new();
    make.inputs(&bench.cx, &mut before).await.unwrap();
    fs_err::write(dir.path().join("src/a"), "two").unwrap();
    let mut after = Inputs::new();
    make.inputs(&bench.cx, &mut after).await.unwrap();
    assert_eq!(after.changed_labels(&before), ["files src/**"]);

    let idle = action("command", "run = [\"true\"]\noutputs = [\"dist\"]");
    let failure = idle.run(&bench.cx).await.unwrap_err();
    assert!(failure.message.ends_with("succeeded but did not create `dist`"), "{failure}");
    let undeclared = action("command", "run = \"true\"\nsecrets = [\"TOKEN\"]");
    assert_eq!(undeclared.run(&bench.cx).await.unwrap_err().kind, FailureKind::Config);
    let unknown = action("command", "run = [\"no-such-program-here\"]");
    assert_eq!(unknown.run(&bench.cx).await.unwrap_err().kind, FailureKind::Prerequisite);
}

#[tokio::test]
async fn a_tool_is_checked_by_version_and_then_recognised_by_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Workbench::without_cluster(dir.path());
    let check = action("tool-check", "tool = \"git\"\nversion = \">=1.0\"");
    let output = check.run(&bench.cx).await.unwrap();
    assert!(output.get("path").unwrap().ends_with("/git"));
    assert_eq!(check.probe(&bench.cx, &output).await.unwrap(), Presence::Present);
    let other = output.with("identity", "1-2-3-4.5");
    assert_eq!(
        check.probe(&bench.cx, &other).await.unwrap(),
        Presence::Missing("`git` was replaced by another file".into())
    );

    let old = action("tool-check", "tool = \"git\"\nversion = \">=99\"\nhint = \"ask your admin\"");
    let failure = old.run(&bench.cx).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Prerequisite);
    assert!(failure.message.contains("and `>=99` is needed"), "{failure}");
    assert_eq!(failure.hints, ["ask your admin"]);

    let missing = action("tool-check", "tool = \"no-such-program-here\"").run(&bench.cx).await.unwrap_err();
    assert_eq!(missing.kind, FailureKind::Prerequisite);
}

#[tokio::test]
async fn a_program_in_the_project_runs_in_the_folder_that_cwd_names() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("go.sh");
    fs_err::write(&script, "#!/bin/sh\npwd\n").unwrap();
    fs_err::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    fs_err::create_dir(dir.path().join("sub")).unwrap();
    let bench = Workbench::without_cluster(dir.path());
    action("command", "run = [\"./go.sh\"]\ncwd = \"sub\"").run(&bench.cx).await.unwrap();
    bench.cx.finish().unwrap();
    assert!(bench.said()[0].ends_with("/sub"));
}

#[tokio::test]
async fn a_cancelled_command_ends_as_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Workbench::without_cluster(dir.path());
    let sleep = action("command", "run = \"echo ready; sleep 31415\"");
    let cancel = bench.cancel.clone();
    let asked = async {
        while !bench.said().contains(&"ready".to_owned()) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        cancel.wind_down();
    };
    let (result, ()) = tokio::join!(sleep.run(&bench.cx), asked);
    assert_eq!(result.unwrap_err().kind, FailureKind::Interrupted);
}
