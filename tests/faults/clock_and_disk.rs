//! Disks that are full or can't be written, and clocks that jump: F04, F10, F14. F03 is `journal::tests::power`.

use std::os::unix::fs::PermissionsExt;

use crate::model::Model;
use crate::sandbox::{Sandbox, Shown, steps};

#[test]
fn f04_a_disk_that_fails_at_any_write_sync_or_rename_ends_in_4_and_claims_nothing() {
    let mut failures = 0;
    for (syscall, error) in
        [("write", "ENOSPC"), ("write", "EDQUOT"), ("fdatasync", "EIO"), ("fsync", "EIO"), ("rename", "ENOSPC")]
    {
        for nth in 1..100 {
            let model = Model::six();
            let (shown, came) = model.up_with(syscall, &format!("error={error}"), nth);
            if !came {
                shown.code(0);
                break;
            }
            failures += 1;
            let shown = shown.code(4).says("the journal").says("help:");
            assert!(!shown.stdout.contains("nothing to do") && !shown.stdout.contains("six succeeded"), "{shown:?}");
            model.recovers();
        }
    }
    assert!(failures > 25, "only {failures} calls");
}

#[test]
fn f04_what_could_not_be_recorded_is_told() {
    let model = Model::six();
    // The second write to the journal proper is the first step's end.
    let (shown, came) = model.up_with("write", "error=ENOSPC", 3);
    assert!(came);
    let shown = shown.code(4).says("not recorded: one.a succeeded").says("free some space").says("1 in doubt");
    shown.says("5 not started").keeps_quiet_about("may be deleted");
}

#[test]
fn f10_a_clock_that_jumps_changes_no_decision() {
    let model = Model::six();
    let up = |jump: &str| {
        let mut command = model.command("faketime");
        // Durations are measured by the monotonic clock, which no jump moves.
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
        command.args(["-f", jump, env!("CARGO_BIN_EXE_provision"), "up", "--output", "json"]);
        Shown::of(command.spawn().unwrap()).code(0)
    };
    let fresh = |shown: &Shown| shown.stdout.matches("\"event\":\"step_fresh\"").count();
    assert_eq!(fresh(&up("+10y")), 0);
    assert_eq!(fresh(&up("-1d")), 6, "a clock that went back makes nothing stale");
    model.sandbox.file(
        "pipeline.toml",
        &fs_err::read_to_string(model.sandbox.path("pipeline.toml")).unwrap().replace("echo a", "echo  a"),
    );
    let shown = up("-20y");
    assert_eq!(fresh(&shown), 5, "what changed is seen, whenever it was");
    for line in shown.stdout.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["duration_ms"].as_u64().is_none_or(|ms| ms < 60_000), "{event}");
    }
    model.sandbox.run(&["up"]).code(0).says("nothing to do");
    model.sandbox.run(&["status"]).code(0).says("6 of 6").keeps_quiet_about(" -");
}

#[test]
fn f14_a_project_that_can_not_be_written_is_named_and_can_be_looked_at() {
    let model = Model { sandbox: Sandbox::new(&steps(&[("a", "true", "")])) };
    // Root may write everywhere, so this is somebody else.
    let folder = model.sandbox.path("");
    fs_err::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    fs_err::copy(env!("CARGO_BIN_EXE_provision"), folder.join("bin/provision")).unwrap();
    let somebody = |args: &[&str]| {
        let mut command = model.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "bin/provision"]).args(args);
        command.env_remove("HOME").env_remove("TMPDIR");
        Shown::of(command.spawn().unwrap())
    };
    somebody(&["up"]).code(4).says("can't make this project's state folder").says("make `").says("writable");
    for command in ["plan", "status", "actions"] {
        somebody(&[command]).code(0);
    }
    somebody(&["down", "--yes"]).code(0).says("there is nothing to remove");
    somebody(&["down", "--dry-run"]).code(0).says("there is nothing to remove");
    assert!(!folder.join(".provision").exists());
}
