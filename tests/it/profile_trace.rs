//! `--profile-trace`: where the time of a run went, also of one that fails or is stopped.

use std::io::Read as _;

use crate::sandbox::{Sandbox, Shown, send, steps};

/// The slices of the profile by name, each with its begin and end in microseconds and its arguments.
fn slices(sandbox: &Sandbox, file: &str) -> Vec<(String, u64, u64, serde_json::Value)> {
    let mut text = String::new();
    fs_err::File::open(sandbox.path(file)).unwrap().read_to_string(&mut text).unwrap();
    let profile: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(profile["otherData"]["pipeline"], "test");
    let events = profile["traceEvents"].as_array().unwrap();
    let slices = events.iter().filter(|event| event["ph"] == "X").map(|event| {
        let (from, took) = (event["ts"].as_u64().unwrap(), event["dur"].as_u64().unwrap());
        (event["name"].as_str().unwrap().to_owned(), from, from + took, event["args"].clone())
    });
    slices.collect()
}

#[test]
fn a_profile_has_every_step_within_the_run_and_who_waited_for_a_slot() {
    let sandbox =
        Sandbox::new(&steps(&[("a", "sleep 0.1", ""), ("b", "sleep 0.1", ""), ("c", "true", "needs = ['a']")]));
    let shown = sandbox.run(&["up", "--jobs", "1", "--profile-trace", "run.json"]).code(0);
    assert!(!shown.stdout.contains("run.json"), "{shown:?}");
    let all = slices(&sandbox, "run.json");
    let find = |name: &str| all.iter().find(|slice| slice.0 == name).unwrap_or_else(|| panic!("{name} in {all:?}"));
    let (_, from, to, _) = all[0];
    for id in ["s.a", "s.b", "s.c"] {
        let step = find(id);
        assert!(from <= step.1 && step.2 <= to, "{all:?}");
        assert_eq!(step.3["outcome"], "succeeded");
        assert_eq!(step.3["reason"], "never run");
    }
    let (first, second) = (find("s.a"), find("s.b"));
    let waited = find("s.b waits for a slot");
    assert!(waited.2 >= first.2 && waited.2 <= second.1 + 1, "{all:?}");
    assert!(first.2 - first.1 >= 100_000, "{all:?}");
    assert_eq!(all.iter().filter(|slice| slice.0 == "run").count(), 3);
    // The second run only checks.
    sandbox.run(&["up", "--profile-trace", "again.json"]).code(0);
    let again = slices(&sandbox, "again.json");
    assert!(again.iter().any(|slice| slice.0 == "s.a" && slice.3["outcome"] == "fresh"), "{again:?}");
    assert!(!again.iter().any(|slice| slice.0 == "run"), "{again:?}");
}

#[test]
fn it_is_written_when_the_run_fails_and_when_it_is_stopped() {
    let sandbox = Sandbox::new(&steps(&[
        ("a", "exit 4", "retry = { attempts = 2, delay = '50ms' }"),
        ("b", "true", "needs = ['a']"),
    ]));
    sandbox.run(&["up", "--profile-trace", "failed.json"]).code(1);
    let failed = slices(&sandbox, "failed.json");
    let names = failed.iter().map(|slice| slice.0.as_str());
    let of_a: Vec<&str> = names.skip_while(|name| *name != "s.a").collect();
    assert_eq!(of_a, ["s.a", "check", "run", "pause", "attempt 2"], "{failed:?}");
    let step = failed.iter().find(|slice| slice.0 == "s.a").unwrap();
    assert_eq!(step.3["outcome"], "failed");
    assert!(step.3["error"].as_str().unwrap().contains("exit code 4"), "{failed:?}");

    let long = Sandbox::new(&steps(&[("a", "touch ready; sleep 600", "")]));
    let run = long.spawn(&["up", "--profile-trace", "stopped.json"]);
    long.wait_for("ready");
    send("INT", run.id());
    Shown::of(run).code(130);
    let stopped = slices(&long, "stopped.json");
    assert_eq!(stopped[0].3["outcome"], "interrupted");
    assert!(stopped.iter().any(|slice| slice.0 == "s.a" && slice.3["outcome"] == "interrupted"), "{stopped:?}");
    let said = long.run(&["up", "--profile-trace", "no/such/folder"]).code(2);
    said.says("can't write the file of `--profile-trace`");
}
