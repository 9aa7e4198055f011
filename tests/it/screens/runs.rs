//! `up`, as it is shown where there is no terminal.

use insta::assert_snapshot;

use super::{built_shop, shop, shop_with_a_broken_page};
use crate::sandbox::{Sandbox, steps};

#[test]
fn a_run_shows_each_step_and_why_it_ran() {
    assert_snapshot!(shop().run(&["up"]).screen(), @r"
    exit code 0
    --- standard output ---
    [   0.0s] run 20000101-000000-00000000: shop, 4 steps
    [   0.0s] prepare.config  started: never run
    [   0.0s] prepare.config  succeeded after 0.0s
    [   0.0s] build.api  started: never run
    [   0.0s] build.api  succeeded after 0.0s
    [   0.0s] build.web  started: never run
    [   0.0s] build.web  succeeded after 0.0s
    [   0.0s] verify.smoke  started: runs every time
    [   0.0s] verify.smoke  succeeded after 0.0s
    ✓ shop succeeded in 0.0s: 3 ran, 1 re-checked
      next: provision report
    ");
}

#[test]
fn a_second_run_shows_that_there_is_nothing_to_do() {
    assert_snapshot!(built_shop().run(&["up"]).screen(), @r"
    exit code 0
    --- standard output ---
    [   0.0s] run 20000101-000000-00000000: shop, 4 steps
    [   0.0s] prepare.config  fresh (0.0s)
    [   0.0s] build.api  fresh (0.0s)
    [   0.0s] build.web  fresh (0.0s)
    [   0.0s] verify.smoke  started: runs every time
    [   0.0s] verify.smoke  succeeded after 0.0s
    ✓ nothing to do: all 4 steps are proven, 1 re-checked (0.0s)
      next: provision report
    ");
}

#[test]
fn a_failure_shows_its_cause_the_last_lines_the_log_and_the_next_command() {
    assert_snapshot!(shop_with_a_broken_page().run(&["up"]).screen(), @"
    exit code 1
    --- standard output ---
    [   0.0s] run 20000101-000000-00000000: shop, 4 steps
    [   0.0s] prepare.config  started: never run
    [   0.0s] prepare.config  succeeded after 0.0s
    [   0.0s] build.api  started: never run
    [   0.0s] build.api  succeeded after 0.0s
    [   0.0s] build.web  started: never run
    [   0.0s] build.web  failed after 0.0s
    error: build.web (Build the page): `/project/./bundle` ended with exit code 2
      │ bundling 14 modules
      │ main.ts(3,7): cannot find name cart
      log: .provision/logs/20000101-000000-00000000/build.web.log
    [   0.0s] verify.smoke  blocked (note: needs build.web)
    ✗ build.web: `/project/./bundle` ended with exit code 2

    ✗ shop failed in 0.0s: 2 ran, 1 failed, 1 blocked
      continue with: provision up
    ");
}

#[test]
fn a_quiet_run_shows_only_failures_and_the_summary() {
    let sandbox = shop();
    assert_snapshot!(sandbox.run(&["up", "--quiet", "--until", "build.api"]).screen(), @"
    exit code 0
    --- standard output ---
    ✓ shop succeeded in 0.0s: 2 ran
      next: provision report
    ");
    sandbox.file("broken", "");
    assert_snapshot!(sandbox.run(&["up", "--quiet"]).screen(), @"
    exit code 1
    --- standard output ---
    error: build.web (Build the page): `/project/./bundle` ended with exit code 2
      │ bundling 14 modules
      │ main.ts(3,7): cannot find name cart
      log: .provision/logs/20000101-000000-00000000/build.web.log
    ✗ build.web: `/project/./bundle` ended with exit code 2

    ✗ shop failed in 0.0s: 2 fresh, 1 failed, 1 blocked
      continue with: provision up --quiet
    ");
}

#[test]
fn a_verbose_run_shows_every_line_that_steps_print() {
    assert_snapshot!(shop().run(&["up", "--verbose"]).screen(), @r"
    exit code 0
    --- standard output ---
    [   0.0s] run 20000101-000000-00000000: shop, 4 steps
    [   0.0s] prepare.config  started: never run
    [   0.0s] prepare.config  succeeded after 0.0s
    [   0.0s] build.api  started: never run
    [   0.0s] build.api  │ compiling
    [   0.0s] build.api  succeeded after 0.0s
    [   0.0s] build.web  started: never run
    [   0.0s] build.web  │ bundling 14 modules
    [   0.0s] build.web  succeeded after 0.0s
    [   0.0s] verify.smoke  started: runs every time
    [   0.0s] verify.smoke  │ a=1
    [   0.0s] verify.smoke  │ web
    [   0.0s] verify.smoke  succeeded after 0.0s
    ✓ shop succeeded in 0.0s: 3 ran, 1 re-checked
      next: provision report
    ");
}

#[test]
fn on_github_each_step_is_a_group_and_a_failure_an_annotation() {
    assert_snapshot!(shop_with_a_broken_page().run(&["up", "--output", "github"]).screen(), @"
    exit code 1
    --- standard output ---
    [   0.0s] run 20000101-000000-00000000: shop, 4 steps
    [   0.0s] prepare.config  started: never run
    [   0.0s] prepare.config  succeeded after 0.0s
    [   0.0s] build.api  started: never run
    ::group::build.api succeeded after 0.0s
    │ compiling
    ::endgroup::
    [   0.0s] build.api  succeeded after 0.0s
    [   0.0s] build.web  started: never run
    ::group::build.web failed after 0.0s
    │ bundling 14 modules
    │ main.ts(3,7): cannot find name cart
    ::endgroup::
    ::error title=build.web (Build the page)::`/project/./bundle` ended with exit code 2
    [   0.0s] build.web  failed after 0.0s
    error: build.web (Build the page): `/project/./bundle` ended with exit code 2
      │ bundling 14 modules
      │ main.ts(3,7): cannot find name cart
      log: .provision/logs/20000101-000000-00000000/build.web.log
    [   0.0s] verify.smoke  blocked (note: needs build.web)
    ✗ build.web: `/project/./bundle` ended with exit code 2

    ✗ shop failed in 0.0s: 2 ran, 1 failed, 1 blocked
      continue with: provision up --output github
    ");
}

#[test]
fn a_missing_tool_is_shown_as_a_prerequisite_with_its_hint() {
    let sandbox = Sandbox::new(
        "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"tool-check\"\n\
         tool = \"minikube\"\nversion = \">=1.30\"\nhint = \"scripts/up installs it\"\n",
    );
    assert_snapshot!(sandbox.bare(&["up"]).screen(), @"
    exit code 3
    --- standard output ---
    [   0.0s] run 20000101-000000-00000000: t, 1 step
    [   0.0s] s.a  started: never run
    [   0.0s] s.a  failed after 0.0s
    error: s.a: `minikube` is not installed, or not in PATH
    help: scripts/up installs it
    ✗ s.a: `minikube` is not installed, or not in PATH

    ✗ t failed in 0.0s: 1 failed
      continue with: provision up
    ");
}

#[test]
fn a_fallback_an_optional_failure_and_a_retry_are_named_as_such() {
    let sandbox = Sandbox::new(&steps(&[
        ("lint", "echo no linter here; exit 1", "optional = true"),
        ("pull", "exit 1", "fallback = \"make\"\nneeds = [\"lint\"]"),
        ("make", "true", ""),
        (
            "ask",
            "test -e seen || { touch seen; exit 7; }",
            "needs = [\"pull\"]\nretry = { attempts = 2, delay = \"10ms\" }",
        ),
        ("never", "true", "when = \"1 == 2\"\nneeds = [\"ask\"]"),
    ]));
    assert_snapshot!(sandbox.run(&["up"]).screen(), @r"
    exit code 0
    --- standard output ---
    [   0.0s] run 20000101-000000-00000000: test, 5 steps
    [   0.0s] s.lint  started: never run
    [   0.0s] s.lint  failed after 0.0s
    error: s.lint, optional: `echo no linter here; exit 1` ended with exit code 1
      │ no linter here
      log: .provision/logs/20000101-000000-00000000/s.lint.log
    [   0.0s] s.pull  started: never run
    [   0.0s] s.make  started: never run
    [   0.0s] s.make  succeeded after 0.0s
    [   0.0s] s.pull  fallback after 0.0s: `exit 1` ended with exit code 1 (note: proven by s.make instead)
    [   0.0s] s.ask  started: never run
    [   0.0s] s.ask  attempt 1 of 2 failed, retrying in 0.0s: `test -e seen || { touch seen; exit 7; }` ended with exit code 7
    [   0.0s] s.ask  succeeded after 0.0s
    [   0.0s] s.never  skipped (note: its `when` is false)
    ✗ s.lint (optional): `echo no linter here; exit 1` ended with exit code 1

    ✓ test succeeded in 0.0s: 2 ran, 1 by fallback, 1 skipped, 1 failed
      note: s.pull: proven by s.make instead
    ");
}

#[test]
fn a_step_that_takes_too_long_is_shown_with_its_limit() {
    let sandbox = Sandbox::new(&steps(&[("slow", "echo waiting for the database; sleep 600", "timeout = \"1s\"")]));
    assert_snapshot!(sandbox.run(&["up"]).screen(), @"
    exit code 1
    --- standard output ---
    [   0.0s] run 20000101-000000-00000000: test, 1 step
    [   0.0s] s.slow  started: never run
    [   0.0s] s.slow  failed after 0.0s
    error: s.slow: timed out after 1 s
      │ waiting for the database
      log: .provision/logs/20000101-000000-00000000/s.slow.log
    help: a longer `timeout` on the step gives it more time
    more: provision explain timed-out
    ✗ s.slow: timed out after 1 s

    ✗ test failed in 0.0s: 1 failed
      continue with: provision up
    ");
}
