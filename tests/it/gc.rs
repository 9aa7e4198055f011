//! `provision gc`: old logs and void records of this project, and never beside a run.

use crate::sandbox::{Sandbox, send, steps};

/// The runs that have logs.
fn runs(sandbox: &Sandbox) -> usize {
    fs_err::read_dir(sandbox.path(".provision/logs")).unwrap().count()
}

fn journal(sandbox: &Sandbox) -> u64 {
    fs_err::metadata(sandbox.path(".provision/journal.jsonl")).unwrap().len()
}

#[test]
fn old_logs_and_void_records_go_and_what_the_report_shows_stays() {
    let sandbox = Sandbox::new(&steps(&[("once", "echo once", ""), ("every", "echo again", "always = true")]));
    for _ in 0..4 {
        sandbox.run(&["up"]).code(0);
    }
    assert_eq!(runs(&sandbox), 4);
    let before = journal(&sandbox);
    sandbox.run(&["gc", "--runs", "0", "--dry-run"]).code(0).says("would remove the logs of run");
    assert_eq!((runs(&sandbox), journal(&sandbox)), (4, before));
    sandbox.run(&["gc", "--runs", "0"]).code(0).says("removed the logs of run").says("shortened the journal");
    // Those of the first run have the only log of `once`, those of the last run that of `every`.
    assert_eq!(runs(&sandbox), 2);
    assert!(journal(&sandbox) < before);
    sandbox.run(&["logs", "s.once"]).code(0).says("once");
    sandbox.run(&["logs", "s.every"]).code(0).says("again");
    sandbox.run(&["status"]).code(0).says("2 of 2 steps proven");
    sandbox.run(&["gc", "--runs", "0"]).code(0).keeps_quiet_about("removed");
}

#[test]
fn nothing_is_removed_beside_a_run_through_a_link_or_where_nothing_has_run() {
    let sandbox = Sandbox::new(&steps(&[("hang", "touch started; sleep 600", "")]));
    sandbox.run(&["gc"]).code(0).says("there is nothing to remove");
    assert!(!sandbox.path(".provision").exists());
    let mut run = sandbox.spawn(&["up"]);
    sandbox.wait_for("started");
    sandbox.run(&["gc", "--runs", "0"]).code(4);
    send("INT", run.id());
    run.wait().unwrap();
    let theirs = sandbox.path("theirs");
    fs_err::create_dir_all(theirs.join("20200101-000000-00000000")).unwrap();
    drop(fs_err::remove_dir_all(sandbox.path(".provision/logs")));
    std::os::unix::fs::symlink(&theirs, sandbox.path(".provision/logs")).unwrap();
    sandbox.run(&["gc", "--runs", "0"]).code(0);
    assert!(theirs.join("20200101-000000-00000000").exists(), "a link was followed");
}
