//! Help, and errors of the command line and of pipeline.toml.

use insta::assert_snapshot;

use super::shop;
use crate::sandbox::{Sandbox, steps};

#[test]
fn help_names_each_command_and_what_it_does() {
    assert_snapshot!(Sandbox::new("").run(&["-h"]).screen(), @r"
    exit code 0
    --- standard output ---
    Turns a repository into a running, verified deployment: runs the stages of pipeline.toml, and
    reports only what it has verified

    Usage: provision [OPTIONS] <COMMAND>

    Commands:
      init         Write a pipeline.toml for what is in the repository
      up           Run all steps that are not proven yet, in order; continues where an earlier run ended
      stage        Run one stage, and those of its dependencies that are not proven yet
      plan         Show what `up` would do and why, without changing anything
      status       Show the last known state of every step, also during a run
      why          Show why a step is fresh or stale, input by input
      report       Show the checklist: every item with its verdict and evidence
      logs         Show the output of steps
      open         Keep the deployed application forwarded to this machine, and print its address
      watch        Build, deliver, deploy and verify after every change of a file that a step reads
      prove        Change copies of files that items are proven from; show what no check notices
      trust        Show what the pipeline executes, and trust it as it is now
      doctor       Check whether this machine has what the pipeline needs, each problem with its fix
      down         Remove what provision made, and only that: shows it first, and asks
      ls           List the environments of this machine: what was brought up, from where, and how its
                   last run ended
      gc           Remove old logs and images of this project, and journal records that are void
      graph        Show what needs what, with the last known state of every step
      explain      Explain an error by its id, or the last failure of a step; list all errors
      actions      List the actions of steps, or show one with its settings
      schema       Print the JSON Schema of pipeline.toml, for editors
      completions  Print the completions for a shell, which know the stages, steps and profiles too
      man          Print the manual page

    Options:
      -f, --file <FILE>         The pipeline file [default: pipeline.toml in this folder or one above]
      -C, --directory <FOLDER>  Change to this folder first
      -p, --profile <NAME>      Use this profile, a named variant of the pipeline
          --set <NAME=VALUE>    Set a variable of `[vars]`
          --color <WHEN>        When to use colours [default: auto] [possible values: auto, always,
                                never]
          --verify <HOW>        How to check input files for changes [default: stat] [possible values:
                                stat, content]
      -v, --verbose             Show the output of steps
      -q, --quiet               Show only failures and the summary
      -h, --help                Print help (see more with '--help')
      -V, --version             Print version
    ");
}

#[test]
fn help_of_up_explains_each_option() {
    assert_snapshot!(Sandbox::new("").run(&["up", "-h"]).screen(), @r"
    exit code 0
    --- standard output ---
    Run all steps that are not proven yet, in order; continues where an earlier run ended

    Usage: provision up [OPTIONS] [SELECT]...

    Arguments:
      [SELECT]...  Stages or steps (`stage.step`); all by default

    Options:
          --from <STEP>           Skip everything before this stage or step
      -C, --directory <FOLDER>    Change to this folder first
          --until <STEP>          Skip everything after this stage or step
      -f, --file <FILE>           The pipeline file [default: pipeline.toml in this folder or one above]
      -p, --profile <NAME>        Use this profile, a named variant of the pipeline
          --only                  Run only the selected steps, not their dependencies
          --set <NAME=VALUE>      Set a variable of `[vars]`
          --color <WHEN>          When to use colours [default: auto] [possible values: auto, always,
                                  never]
          --force[=<STEP>]        Run steps even if they are fresh: all selected ones, or the named one
          --jobs <N>              Maximum number of steps that run at once, in all stages together
                                  [default: 64]
          --verify <HOW>          How to check input files for changes [default: stat] [possible values:
                                  stat, content]
          --keep-going            After a failure, continue with steps that do not depend on it
      -v, --verbose               Show the output of steps
      -q, --quiet                 Show only failures and the summary
          --trust                 Trust the pipeline as it is now, and remember that
          --allow-context <NAME>  Allow to change the cluster of this kube context, wherever it is, and
                                  accept the one that it leads to now
          --yes                   Agree to the loss of data where a repair has to delete something of
                                  ours that is not empty
          --strict-state          Fail if the journal is damaged instead of setting it aside
          --output <FORM>         How to show the run [default: auto] [possible values: auto, tty,
                                  lines, json, github]
          --bell[=<TIME>]         Ring the terminal's bell at the end of a run that took this long
          --events <FILE>         Also write the events as JSON lines to this file
          --profile-trace <FILE>  Write where the time went to this file at the end: a profile that
                                  Perfetto shows
          --install               Before the run, install programs that are missing or too old, in the
                                  ways that their `tool-check` steps declare; asks first, or `--yes`
      -h, --help                  Print help (see more with '--help')
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
    error: 3 errors in pipeline.toml; nothing was run
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
    error: 1 error in pipeline.toml; nothing was run
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
    help: `provision init` writes one for what is in the repository
    ");
}

#[test]
fn an_unknown_stage_or_step_is_shown_with_the_nearest_name() {
    assert_snapshot!(shop().run(&["stage", "bild"]).screen(), @r"
    exit code 2
    --- standard error ---
    error: unknown stage or step `bild`
    help: did you mean `build`?
    ");
    assert_snapshot!(shop().run(&["up", "build.wev"]).screen(), @r"
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
      desktop (string)
          For `docker` with `daemon = true`: the versions of Docker Desktop that will do, such as `>=4.53`, where the daemon is that of Docker Desktop; any by default.
      hint (string)
          A hint for users who do not have it.
      install (string or array of table or any value)
          How `--install` of `provision doctor` and `up` installs it: a command line, or a list of ways of which the first that works on the machine is taken: `[{ apt = "jq" }, { brew = "jq" }]`. `go`, `cargo`, `pip` and `npm` take a package too, and `download = { url, sha256, member, arch }` a program or its path `member` in a `.tar.gz`.
      version (string)
          The versions that will do, such as `>=1.30` or `>=3.11, <4`; any by default.
      version-args (array of string)
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
