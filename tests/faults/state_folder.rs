//! The state folder goes away while a run is on: F49.

use std::path::Path;

use crate::sandbox::{Sandbox, Shown, steps, wait_until_gone};

const JOURNAL: &str = ".provision/journal.jsonl";

/// One step that waits for the test the first time, one that would run for long beside it, and one that follows.
fn project() -> Sandbox {
    let waits = "echo a >> world; [ -e ready ] && exit 0; touch ready; while [ ! -e go ]; do sleep 0.02; done";
    let long = "[ -e pid ] && exit 0; echo $$ > pid.new; mv pid.new pid; exec sleep 600";
    Sandbox::new(&steps(&[
        ("a", waits, ""),
        ("long", long, ""),
        ("next", "echo next >> world", "needs = [\"a\", \"long\"]"),
    ]))
}

/// The first run, when both of its first steps run.
fn first_run(sandbox: &Sandbox) -> std::process::Child {
    let run = sandbox.spawn(&["up", "--output", "json"]);
    sandbox.wait_for("ready");
    sandbox.wait_for("pid");
    run
}

#[track_caller]
fn claims_nothing(shown: Shown) {
    let shown =
        shown.code(4).says("was removed, replaced or changed during the run").says("not recorded: s.a succeeded");
    let told = shown.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    for event in told {
        let outcome = event["outcome"].as_str();
        assert!(outcome != Some("succeeded"), "{event}");
    }
}

#[test]
fn f49_a_run_whose_state_is_removed_or_replaced_stops_its_steps_and_claims_nothing() {
    let remove_folder = |state: &Path| fs_err::remove_dir_all(state).unwrap();
    let empty_folder = |state: &Path| {
        fs_err::remove_dir_all(state).unwrap();
        fs_err::create_dir(state).unwrap();
    };
    let rename_folder = |state: &Path| fs_err::rename(state, state.with_extension("away")).unwrap();
    let remove_journal = |state: &Path| fs_err::remove_file(state.join("journal.jsonl")).unwrap();
    let remove_lock = |state: &Path| fs_err::remove_file(state.join("lock")).unwrap();
    let copy_journal = |state: &Path| {
        fs_err::copy(state.join("journal.jsonl"), state.join("copy")).unwrap();
        fs_err::rename(state.join("copy"), state.join("journal.jsonl")).unwrap();
    };
    let cut_journal = |state: &Path| fs_err::write(state.join("journal.jsonl"), "").unwrap();
    let add_to_journal = |state: &Path| {
        let mut file = fs_err::OpenOptions::new().append(true).open(state.join("journal.jsonl")).unwrap();
        std::io::Write::write_all(&mut file, b"x\n").unwrap();
    };
    let faults: [&dyn Fn(&Path); 8] = [
        &remove_folder,
        &empty_folder,
        &rename_folder,
        &remove_journal,
        &remove_lock,
        &copy_journal,
        &cut_journal,
        &add_to_journal,
    ];
    for fault in faults {
        let sandbox = project();
        let run = first_run(&sandbox);
        fault(&sandbox.path(".provision"));
        sandbox.file("go", "");
        claims_nothing(Shown::of(run));
        wait_until_gone(sandbox.pid("pid"));
        assert_eq!(sandbox.world(), ["a"], "a step began although nothing can be recorded");
        sandbox.run(&["status"]).code(0).keeps_quiet_about("3 of 3");
        sandbox.run(&["up"]).code(0);
        sandbox.run(&["up"]).code(0).says("nothing to do");
        assert_eq!(sandbox.world(), ["a", "a", "next"]);
    }
}

#[test]
fn f49_a_second_run_beside_the_first_keeps_its_records() {
    let sandbox = project();
    let run = first_run(&sandbox);
    fs_err::remove_dir_all(sandbox.path(".provision")).unwrap();
    sandbox.run(&["up"]).code(0);
    let records = fs_err::read(sandbox.path(JOURNAL)).unwrap();
    sandbox.file("go", "");
    claims_nothing(Shown::of(run));
    assert_eq!(fs_err::read(sandbox.path(JOURNAL)).unwrap(), records, "the first run wrote into the second's journal");
    sandbox.run(&["up"]).code(0).says("nothing to do");
    assert_eq!(sandbox.world(), ["a", "a", "next"]);
}

#[test]
fn f49_a_run_with_nothing_to_do_claims_nothing_without_its_state() {
    let tool =
        "[ -e slow ] || { echo 1.2.3; exit 0; }; touch ready; while [ ! -e go ]; do sleep 0.02; done; echo 1.2.3";
    let pipeline = "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"tool-check\"\ntool = \"some-tool\"\n";
    let sandbox = Sandbox::new(pipeline);
    sandbox.tool("some-tool", tool);
    sandbox.run(&["up"]).code(0);
    sandbox.file("slow", "");
    let run = sandbox.spawn(&["up"]);
    sandbox.wait_for("ready");
    fs_err::remove_dir_all(sandbox.path(".provision")).unwrap();
    sandbox.file("go", "");
    Shown::of(run).code(4).says("was removed, replaced or changed").keeps_quiet_about("nothing to do");
}

#[test]
fn f49_a_state_folder_that_becomes_a_link_is_no_place_for_a_record() {
    let sandbox = project();
    let run = first_run(&sandbox);
    let (state, away) = (sandbox.path(".provision"), sandbox.path("away"));
    fs_err::rename(&state, &away).unwrap();
    fs_err::os::unix::fs::symlink(&away, &state).unwrap();
    sandbox.file("go", "");
    claims_nothing(Shown::of(run));
    sandbox.run(&["up"]).code(4).says("is not a folder of yours");
    fs_err::remove_file(&state).unwrap();
    sandbox.run(&["up"]).code(0);
}
