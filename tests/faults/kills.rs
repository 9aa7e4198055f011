//! Kills at every boundary: F01, F02, and a thousand at random.

use std::time::Duration;

use crate::model::Model;
use crate::sandbox::{Sandbox, Shown, send};

/// Every place of ours at which a kill leaves another state on disk or in the world.
const FAILPOINTS: [&str; 6] =
    ["journal-write", "journal-sync", "journal-synced", "journal-rewrite", "action-begins", "action-ended"];

/// What the journal asks of the system.
const SYSCALLS: [&str; 5] = ["openat", "write", "fdatasync", "fsync", "rename"];

/// More visits than any run has.
const NEVER: u32 = 100;

#[test]
fn f01_a_kill_at_any_system_call_of_the_journal_loses_nothing() {
    let mut kills = 0;
    for syscall in SYSCALLS {
        for nth in 1..NEVER {
            let model = Model::six();
            let (shown, came) = model.up_with(syscall, "signal=KILL", nth);
            if !came {
                shown.code(0);
                break;
            }
            kills += 1;
            model.recovers();
        }
    }
    assert!(kills > 25, "only {kills} system calls");
}

#[test]
fn f01_a_kill_at_any_failpoint_loses_nothing() {
    for failpoint in FAILPOINTS {
        for nth in 1..NEVER {
            let model = Model::six();
            let killed = model.up_killed_at(failpoint, nth);
            assert!(killed || nth > 1, "nothing ever comes to {failpoint}");
            model.recovers();
            if !killed {
                break;
            }
        }
    }
}

#[test]
fn f02_a_kill_of_the_recovery_loses_nothing_either() {
    for failpoint in ["journal-write", "journal-sync", "action-begins", "action-ended"] {
        for first in 1..NEVER {
            let model = Model::six();
            if !model.up_killed_at(failpoint, first) {
                break;
            }
            let mut faults = 1;
            for second in [1, 2, 4] {
                faults += usize::from(model.up_killed_at("journal-write", second));
                faults += usize::from(model.up_killed_at("action-ended", second));
            }
            model.recovers_from(faults);
        }
    }
}

/// A step may be killed and run again; once it has been recorded as done it must never run again.
#[test]
fn a_thousand_random_kills_end_as_an_undisturbed_run() {
    const STEPS: usize = 50;
    const KILLS: usize = 1000;
    let step = |n: usize| {
        let needs = if n >= 5 { format!("needs = [\"n{}\"]\n", n - 5) } else { String::new() };
        format!("[[stage.step]]\nid = \"n{n}\"\naction = \"command\"\nrun = \"echo {n} >> world\"\n{needs}")
    };
    let steps: String = (0..STEPS).map(step).collect();
    let pipeline = format!("[pipeline]\nname = \"fifty\"\n[[stage]]\nid = \"s\"\njobs = 5\n{steps}");
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: u64| {
        // Xorshift: the same kills each time.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let (mut kills, mut runs_to_the_end) = (0, 0);
    while kills < KILLS {
        let sandbox = Sandbox::new(&pipeline);
        let mut counted = [0; STEPS];
        loop {
            let mut run = sandbox.spawn(&["up", "-q"]);
            std::thread::sleep(Duration::from_micros(next(60_000)));
            let ended = run.try_wait().unwrap().is_some();
            if !ended {
                send("KILL", run.id());
                kills += 1;
            }
            let shown = Shown::of(run);
            let done = recorded_as_done(&sandbox, STEPS);
            let mut now = [0; STEPS];
            for line in sandbox.world() {
                now[line.parse::<usize>().unwrap()] += 1;
            }
            for n in 0..STEPS {
                assert!(!done[n] || now[n] > 0, "step {n} is recorded as done and never was");
                assert!(counted[n] == 0 || now[n] == counted[n], "step {n} was done and ran again");
                if done[n] {
                    counted[n] = now[n];
                }
            }
            if ended {
                shown.code(0);
                break;
            }
        }
        assert!(counted.iter().all(|times| *times > 0));
        sandbox.run(&["up"]).code(0).says("nothing to do");
        runs_to_the_end += 1;
    }
    println!("{kills} kills, {runs_to_the_end} pipelines brought to their end");
}

/// By the journal's own text: a `step-finished` that is whole, without a later `step-started`.
fn recorded_as_done(sandbox: &Sandbox, steps: usize) -> Vec<bool> {
    let mut done = vec![false; steps];
    let text = fs_err::read(sandbox.path(".provision/journal.jsonl")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let record = &record["r"];
        let Some(step) = record["step"].as_str().and_then(|step| step.strip_prefix("s.n")) else { continue };
        match record["kind"].as_str() {
            Some("step-started") => done[step.parse::<usize>().unwrap()] = false,
            Some("step-finished") => done[step.parse::<usize>().unwrap()] = record["outcome"] == "succeeded",
            _ => {}
        }
    }
    done
}
