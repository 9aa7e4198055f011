//! What shows state and changes nothing: `plan`, `status`, `why`, `report`, `logs`.

use insta::assert_snapshot;

use super::{broken_shop, built_shop, shop};

#[test]
fn a_first_plan_shows_every_step_as_never_run() {
    assert_snapshot!(shop().run(&["plan"]).screen(), @"
    exit code 0
    --- standard output ---
    prepare
      ● config  never run                                                                   run
    build
      ● api     never run                                                                   run
      ● web     never run                                                                   run
    verify
      ● smoke   never run                                                                   run
    4 steps to run, 0 fresh
    ");
}

#[test]
fn a_plan_after_a_change_names_the_changed_input_and_what_depends_on_it() {
    let sandbox = built_shop();
    sandbox.file("settings.in", "a=2\n");
    assert_snapshot!(sandbox.run(&["plan", "--exit-code"]).screen(), @r"
    exit code 10
    --- standard output ---
    prepare
      ● config  changed: files settings.in                                                  run    ~0.0s
    build
      ● api     depends on prepare.config                                                   run    ~0.0s
      ✓ web     Build the page                                                            fresh
    verify
      ● smoke   depends on prepare.config                                                   run    ~0.0s
    3 steps to run, 1 fresh; about 0.0s of work
    ");
}

#[test]
fn why_shows_the_inputs_of_a_fresh_step() {
    assert_snapshot!(built_shop().run(&["why", "build.api"]).screen(), @r"
    exit code 0
    --- standard output ---
    ✓ build.api (api) is fresh: its inputs have not changed since its last success, and its result is in place
      last success: 2000-01-01T00:00:00Z in run 20000101-000000-00000000, after 0.0s
      inputs, then and now:
        = action            3a7489d9
        = files settings    1c92c9bc
        = settings.inputs   0f796097
        = settings.outputs  591e3c88
        = settings.run      2278a176
    ");
}

#[test]
fn why_shows_which_input_of_a_stale_step_has_changed() {
    let sandbox = built_shop();
    sandbox.file("settings.in", "a=2\n");
    assert_snapshot!(sandbox.run(&["why", "prepare.config"]).screen(), @r"
    exit code 0
    --- standard output ---
    ● prepare.config (Write the configuration) is stale: it would run
      because: changed: files settings.in
      last success: 2000-01-01T00:00:00Z in run 20000101-000000-00000000, after 0.0s
      inputs, then and now:
        = action             3a7489d9
        ~ files settings.in  3fc2ffb3 -> 1f63223c
        = settings.inputs    027e0ae6
        = settings.outputs   0f796097
        = settings.run       a6fe530d
    ");
}

#[test]
fn status_shows_the_last_known_state_of_every_step() {
    assert_snapshot!(shop().run(&["status"]).screen(), @r"
    exit code 0
    --- standard output ---
    prepare
      ○ config  Write the configuration                                                never run
    build
      ○ api                                                                            never run
      ○ web     Build the page                                                         never run
    verify
      ○ smoke                                                                          never run
    0 of 4 steps proven when last checked
    ");
    assert_snapshot!(broken_shop().run(&["status"]).screen(), @r"
    exit code 0
    --- standard output ---
    prepare
      ✓ config  Write the configuration                           succeeded 2000-01-01T00:00:00Z    0.0s
    build
      ✓ api                                                       succeeded 2000-01-01T00:00:00Z    0.0s
      ✗ web     `/project/./bundle` ended with exit code 2    failed 2000-01-01T00:00:00Z    0.0s
    verify
      ○ smoke                                                                          never run
    2 of 4 steps proven when last checked
    --- standard error ---
    the last run, 20000101-000000-00000000, failed
    ");
}

#[test]
fn the_report_shows_each_item_with_its_evidence() {
    assert_snapshot!(broken_shop().run(&["report"]).screen(), @"
    exit code 0
    --- standard output ---
    Phase 1: Build
      ✓ T001  Write the configuration
              prepare.config 2000-01-01T00:00:00Z (0.0s)
      ✓ T002  Build the API
              build.api 2000-01-01T00:00:00Z (0.0s)
      ✗ T003  Build the page
              failed: build.web 2000-01-01T00:00:00Z (0.0s)

    Phase 2: Ship
      ○ T004  See that both are there
              open: verify.smoke never ran
      ○ T005  Write the release notes
              open: no step covers it

    shop: 2 of 5 items done; 2 open, 1 failed
    as of 2000-01-01T00:00:00Z
    ");
}

#[test]
fn the_report_in_markdown_is_a_checklist() {
    assert_snapshot!(built_shop().run(&["report", "--format", "markdown"]).screen(), @"
    exit code 0
    --- standard output ---
    # shop

    4 of 5 items done; 1 open, as of 2000-01-01T00:00:00Z.

    ## Phase 1: Build

    - [x] **T001** Write the configuration (done)
      - `prepare.config` finished 2000-01-01T00:00:00Z after 0.0s in run `20000101-000000-00000000`
    - [x] **T002** Build the API (done)
      - `build.api` finished 2000-01-01T00:00:00Z after 0.0s in run `20000101-000000-00000000`, log `.provision/logs/20000101-000000-00000000/build.api.log`
    - [x] **T003** Build the page (done)
      - `build.web` finished 2000-01-01T00:00:00Z after 0.0s in run `20000101-000000-00000000`, log `.provision/logs/20000101-000000-00000000/build.web.log`

    ## Phase 2: Ship

    - [x] **T004** See that both are there (done)
      - `verify.smoke` finished 2000-01-01T00:00:00Z after 0.0s in run `20000101-000000-00000000`, log `.provision/logs/20000101-000000-00000000/verify.smoke.log`
    - [ ] **T005** Write the release notes (open)
      - no step covers it
    ");
}

#[test]
fn logs_are_printed_as_the_step_wrote_them() {
    assert_snapshot!(broken_shop().run(&["logs", "build.web"]).screen(), @"
    exit code 0
    --- standard output ---
    bundling 14 modules
    main.ts(3,7): cannot find name cart
    ");
}
