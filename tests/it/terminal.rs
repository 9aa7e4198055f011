//! What a run shows beside its text: progress and a bell of the terminal, and the page that GitHub shows of a job.

use std::io::Write;

use crate::sandbox::{Sandbox, Shown, steps};

/// Takes the progress back.
const CLEARED: &str = "\x1b]9;4;0;0\x1b\\";

fn on_wezterm(steps: &str) -> Sandbox {
    let mut sandbox = Sandbox::new(steps);
    sandbox.env("TERM", "xterm-256color").env("TERM_PROGRAM", "WezTerm");
    sandbox
}

/// The states of progress that were shown: 0 is none, 1 is normal, 2 is failed, 4 is paused.
fn states(shown: &Shown) -> Vec<char> {
    let sequences = shown.stdout.split("\x1b]9;4;").skip(1);
    let mut states: Vec<char> = sequences.filter_map(|rest| rest.chars().next()).collect();
    states.dedup();
    states
}

#[test]
fn progress_of_the_terminal_ends_with_the_run_however_that_ends() {
    let good = on_wezterm(&steps(&[("a", "true", ""), ("b", "true", "needs = ['a']")]));
    let shown = Shown::of(good.on_a_terminal("up")).code(0);
    assert_eq!(states(&shown), ['1', '0'], "{shown:?}");
    assert!(shown.stdout.contains("\x1b]9;4;1;50\x1b\\"), "{shown:?}");
    let bad = on_wezterm(&steps(&[("a", "false", "")]));
    let shown = Shown::of(bad.on_a_terminal("up --output lines")).code(1);
    assert_eq!(states(&shown), ['1', '2', '0'], "{shown:?}");
    let long = on_wezterm(&steps(&[("a", "touch ready; sleep 600", "")]));
    let mut run = long.on_a_terminal("up");
    long.wait_for("ready");
    // Ctrl-C, typed.
    run.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    let shown = Shown::of(run).code(130);
    assert_eq!(states(&shown), ['1', '4', '0'], "{shown:?}");
    assert_eq!(shown.stdout.matches(CLEARED).count(), 1, "{shown:?}");
}

#[test]
fn progress_needs_a_terminal_that_has_it_and_a_user_who_wants_it() {
    let pipeline = steps(&[("a", "true", "")]);
    let known = on_wezterm(&pipeline);
    assert!(states(&known.run(&["up"]).code(0)).is_empty());
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM_PROGRAM", "Apple_Terminal")] {
        let mut sandbox = on_wezterm(&pipeline);
        sandbox.env(name, value);
        let shown = Shown::of(sandbox.on_a_terminal("up")).code(0);
        assert!(states(&shown).is_empty(), "{name}: {shown:?}");
    }
    assert!(states(&Shown::of(known.on_a_terminal("up --force --output json")).code(0)).is_empty());
}

#[test]
fn the_bell_rings_only_where_it_was_asked_for_and_the_run_was_long() {
    let mut sandbox = Sandbox::new(&steps(&[("a", "true", "")]));
    sandbox.env("TERM", "xterm");
    for (args, rings) in [("up --bell=0s", 1), ("up --bell", 0), ("up", 0)] {
        let shown = Shown::of(sandbox.on_a_terminal(args)).code(0);
        assert_eq!(shown.stdout.matches('\x07').count(), rings, "{args}: {shown:?}");
    }
    assert!(!sandbox.run(&["up", "--bell=0s"]).code(0).stdout.contains('\x07'));
    sandbox.run(&["up", "--bell=soon"]).code(2).says("length of time");
}

#[test]
fn the_page_of_a_job_gets_a_summary_of_each_run_behind_the_others() {
    let mut sandbox = Sandbox::new(&steps(&[("a", "true", ""), ("b", "echo no | tee /dev/stderr; test -e ok", "")]));
    let path = sandbox.path("summary.md");
    sandbox.env("GITHUB_STEP_SUMMARY", path.to_str().unwrap());
    sandbox.file("summary.md", "# Job\n");
    sandbox.run(&["up", "--output", "lines"]).code(1);
    assert_eq!(fs_err::read_to_string(sandbox.path("summary.md")).unwrap(), "# Job\n");
    sandbox.run(&["up", "--output", "github"]).code(1);
    sandbox.file("ok", "");
    sandbox.run(&["up", "--output", "github"]).code(0);
    let page = fs_err::read_to_string(sandbox.path("summary.md")).unwrap();
    let headings: Vec<&str> = page.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(headings.len(), 4, "{page}");
    assert_eq!(headings[0], "# Job");
    assert!(headings[1].starts_with("## ✗ test failed in "), "{page}");
    assert!(headings[2].starts_with("### s.b: ") && headings[3].starts_with("## ✓ test succeeded in "), "{page}");
    assert!(page.contains("| `s.b` | failed | "), "{page}");
    // A page that can't be written is no failure of the run.
    sandbox.env("GITHUB_STEP_SUMMARY", "gone/summary.md");
    let shown = sandbox.run(&["up", "--force", "--output", "github"]).code(0);
    assert!(shown.stderr.contains("the file of `GITHUB_STEP_SUMMARY`"), "{}", shown.stderr);
}
