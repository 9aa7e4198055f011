//! Help, and errors of the command line and of pipeline.toml.

use insta::assert_snapshot;

use super::shop;
use crate::sandbox::{Sandbox, steps};

#[test]
fn help_names_each_command_and_what_it_does() {
    assert_snapshot!(Sandbox::new("").run(&["-h"]).screen(), @"
    exit code 0
    --- standard output ---
    Turns a repository into a running, verified deployment: executes the stages of pipeline.toml and
    reports only what it has seen to be true

    Usage: provision [OPTIONS] <COMMAND>

    Commands:
      up       Do everything that is not proven yet, in order; continues where an earlier run ended
      stage    Do one stage, and of what it needs only what is not proven
      plan     Show what `up` would do and why; touches nothing
      status   Show the last known state of every step; also while a run is on
      why      Show why a step is fresh or stale, input by input
      report   Show the checklist: every item with its verdict and evidence
      logs     Show a step's whole output
      actions  Show the actions that steps can have, or one with its settings

    Options:
      -f, --file <FILE>         The pipeline's file [default: pipeline.toml here or in a folder above]
      -C, --directory <FOLDER>  Go to this folder first
      -p, --profile <NAME>      The profile: a named variant of the pipeline
          --set <NAME=VALUE>    Set a variable of `[vars]`
          --color <WHEN>        When to use colours [default: auto] [possible values: auto, always,
                                never]
          --verify <HOW>        How closely input files are looked at [default: stat] [possible values:
                                stat, content]
      -v, --verbose             Show every line that steps print
      -q, --quiet               Show failures and the end alone
      -h, --help                Print help (see more with '--help')
      -V, --version             Print version
    ");
}

#[test]
fn help_of_up_explains_each_option() {
    assert_snapshot!(Sandbox::new("").run(&["up", "-h"]).screen(), @"
    exit code 0
    --- standard output ---
    Do everything that is not proven yet, in order; continues where an earlier run ended

    Usage: provision up [OPTIONS] [SELECT]...

    Arguments:
      [SELECT]...  Stages or steps (`stage.step`); everything by default

    Options:
          --from <STEP>         Leave out everything before this stage or step
      -C, --directory <FOLDER>  Go to this folder first
          --until <STEP>        Leave out everything after this stage or step
      -f, --file <FILE>         The pipeline's file [default: pipeline.toml here or in a folder above]
      -p, --profile <NAME>      The profile: a named variant of the pipeline
          --only                The selected alone, without what they need
          --set <NAME=VALUE>    Set a variable of `[vars]`
          --color <WHEN>        When to use colours [default: auto] [possible values: auto, always,
                                never]
          --force[=<STEP>]      Run steps even if they are fresh: all that are selected, or those named
          --jobs <N>            Most steps at once over all stages [default: 64]
          --verify <HOW>        How closely input files are looked at [default: stat] [possible values:
                                stat, content]
          --keep-going          After a failure, still start what does not depend on it
      -v, --verbose             Show every line that steps print
      -q, --quiet               Show failures and the end alone
          --yes                 Agree to the loss of data where a repair has to delete something of ours
                                that is not empty
          --strict-state        Refuse a damaged journal instead of setting it aside
          --output <FORM>       How the run is shown [default: auto] [possible values: auto, tty, lines,
                                json, github]
          --events <FILE>       Write the events as JSON lines into this file, beside what is shown
      -h, --help                Print help (see more with '--help')
    ");
}

#[test]
fn all_errors_of_a_file_are_shown_with_their_places() {
    let pipeline = "[pipeline]\nname = \"t\"\n[[stage]]\nid = \"s\"\nneeds = [\"nowhere\"]\n[[stage.step]]\nid = \"a\"\n\
                    action = \"comand\"\nrun = \"true\"\n[[stage.step]]\nid = \"b\"\naction = \"command\"\nrum = \"true\"\n";
    assert_snapshot!(Sandbox::new(pipeline).run(&["up"]).screen(), @r#"
    exit code 2
    --- standard error ---
    error: unknown stage `nowhere`
     --> /project/pipeline.toml:5:10
      |
    5 | needs = ["nowhere"]
      |          ^^^^^^^^^

    error: unknown action `comand`
     --> /project/pipeline.toml:8:10
      |
    8 | action = "comand"
      |          ^^^^^^^^
      |
      = help: did you mean `command`?

    error: unknown setting `rum` of action `command`
      --> /project/pipeline.toml:13:1
       |
    13 | rum = "true"
       | ^^^ not known here
       |
       = help: did you mean `run`?
    error: the pipeline has 3 mistakes: nothing was run
    "#);
}

#[test]
fn a_wrong_type_and_an_unknown_output_are_shown_with_their_places() {
    let pipeline = steps(&[("a", "true", ""), ("b", "true", "optional = 3\ntitle = \"${{ steps.s.a.tag }}\"")]);
    assert_snapshot!(Sandbox::new(&pipeline).run(&["plan"]).screen(), @r#"
    exit code 2
    --- standard error ---
    error: outputs of steps are not available here
      --> /project/pipeline.toml:16:14
       |
    16 | title = "${{ steps.s.a.tag }}"
       |              ^^^^^^^^^^^^^
    error: the pipeline has 1 mistake: nothing was run
    "#);
}

#[test]
fn without_a_pipeline_the_message_says_what_to_do() {
    let sandbox = Sandbox::new("");
    fs_err::remove_file(sandbox.path("pipeline.toml")).unwrap();
    assert_snapshot!(sandbox.run(&["up"]).screen(), @"
    exit code 2
    --- standard error ---
    error: there is no pipeline.toml in `/project` or above it
    help: go to the project's folder, or name the file with `-f FILE`
    ");
}

#[test]
fn an_unknown_stage_or_step_is_shown_with_the_nearest_name() {
    assert_snapshot!(shop().run(&["stage", "bild"]).screen(), @"
    exit code 2
    --- standard error ---
    error: unknown stage or step `bild`
    help: did you mean `build`?
    ");
    assert_snapshot!(shop().run(&["up", "build.wev"]).screen(), @"
    exit code 2
    --- standard error ---
    error: unknown stage or step `build.wev`
    help: did you mean `build.web`?
    ");
}

#[test]
fn an_action_is_described_with_its_settings_and_an_example() {
    assert_snapshot!(Sandbox::new("").run(&["actions", "tool-check"]).screen(), @r#"
    exit code 0
    --- standard output ---
    tool-check: Checks that a program is installed and new enough, and that Docker's daemon answers

    Settings:
      tool (string, required)
          The program's name, looked up in `PATH`.
      daemon (boolean)
          For `docker` alone: whether its daemon has to answer.
      hint (string)
          What to tell whoever has not got it.
      install (string)
          The command that installs it.
      version (string)
          The versions that will do, such as `>=1.30` or `>=3.11, <4`; any by default.
      version-args (list of string)
          How to ask it for its version; known for common tools, `--version` for all others.

    Outputs, for ${{ steps.STAGE.STEP.NAME }}:
      path: where the program is
      version: its version
      identity: what tells the file from another one: device, inode, size, time
      daemon: the version of Docker's daemon, with `daemon = true`

    Example:
      [[stage.step]]
      id = "example"
      action = "tool-check"
      tool = "kubectl"
      version = ">=1.30"
    "#);
}
