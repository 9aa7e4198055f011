//! Errors of `pipeline.toml` and of the command line.

use crate::error::page::pages;

pages! {
    in PIPELINE;
    PIPELINE_INVALID = "pipeline-invalid", Config, "pipeline.toml, or a file that it names, is not valid" {
        about: "All errors of the file are shown at once, each with its line and column and, where there is one, the \
                nearest valid name. Nothing was run.",
        causes: [
            "a misspelled key, action, stage or step",
            "a value of the wrong type",
            "a reference to a variable, a secret or an output that is not there",
        ],
        look: [
            "`provision plan` shows all errors again",
            "`provision actions NAME` shows the settings of an action",
            "`provision schema` is the JSON Schema, with which an editor shows errors while you type",
        ],
        fixes: ["correct the places that are shown, then the same command again"],
        next: "provision plan",
    }
    PIPELINE_MISSING = "pipeline-missing", Config, "there is no pipeline.toml" {
        about: "Neither this folder nor one above it has a pipeline.toml.",
        causes: ["the command was started in another folder", "the repository has none yet"],
        look: ["`provision init --dry-run` shows what it would write for this repository"],
        fixes: [
            "go to the project's folder, or name the file: `provision plan -f FILE`",
            "`provision init` writes one",
        ],
        next: "provision init --dry-run",
    }
    PIPELINE_EXISTS = "pipeline-exists", Usage, "there is a pipeline.toml already" {
        about: "`provision init` never overwrites a file; it stays as it is.",
        causes: ["it was written before"],
        look: ["`provision init --dry-run` prints what would be written"],
        fixes: ["use the file that is there: `provision plan`", "or move it away first"],
        next: "provision init --dry-run",
    }
    NOTHING_TO_BUILD = "nothing-to-build", Failed, "there is nothing here that a pipeline could build or deploy" {
        about: "`provision init` looks for Dockerfiles, compose files, charts, manifests and the like, and found none \
                that it could use. Nothing was written.",
        causes: [
            "another folder than the repository's was meant",
            "what is there is left out: the lines above say why",
        ],
        look: ["docs/init.md says what it looks for"],
        fixes: [
            "`provision init -C FOLDER` for another folder",
            "write a Dockerfile, a chart or manifests, then `provision init`",
        ],
        next: "provision init --dry-run",
    }
    NAME_UNKNOWN = "name-unknown", Usage, "the command line names a stage, a step or something else that is not there" {
        about: "Nothing of that name is in the pipeline, in the checklists or among the commands. The failure shows \
                the nearest name. Nothing was run.",
        causes: ["it is misspelled, or was renamed", "the profile leaves the stage out"],
        look: ["`provision status` lists the stages and steps", "`provision report` lists the items of the checklists"],
        fixes: ["correct the name; the completions of your shell know all of them: `provision completions bash`"],
        next: "provision status",
    }
    NOTHING_SELECTED = "nothing-selected", Usage, "no step is selected" {
        about: "What the command line selects and leaves out leaves no step. Nothing was run.",
        causes: ["`--from` names something after what `--until` names", "`--force` names a step that is not selected"],
        look: ["`provision status` lists the stages and steps in their order"],
        fixes: ["correct `--from` and `--until`, or leave one of them out"],
        next: "provision status",
    }
    FILE_NOT_WRITTEN = "file-not-written", Usage, "the file of an option can't be written" {
        about: "The command was to write its result to a file, and could not.",
        causes: ["its folder is not there", "it is a folder, or belongs to another user"],
        look: ["`ls -ld FOLDER` shows the folder"],
        fixes: ["name another file, or make its folder"],
        next: "provision status",
    }
    CHECKLIST_EDITED = "checklist-edited", Failed, "a checklist was edited while it was being read" {
        about: "`provision report --tick` changes boxes only in the text that it has judged. No box was changed.",
        causes: ["an editor or another run has saved the file meanwhile"],
        look: ["`git diff` shows what has changed"],
        fixes: ["`provision report --tick` once more"],
        next: "provision report",
    }
    CONSENT_NEEDED = "consent-needed", Usage, "nobody can be asked, and nothing was done" {
        about: "`provision down`, and `doctor` and `up` with `--install`, show what they would do and ask. Here they can't ask.",
        causes: ["the command runs in CI or behind a pipe"],
        look: ["`provision down --dry-run` shows what would be removed"],
        fixes: [
            "`provision down --yes` removes it, with the data in it",
            "`provision doctor --install --yes` installs what is shown; so does `provision up --install --yes`, and then it runs",
        ],
        next: "provision down --dry-run",
    }
    USAGE = "usage", Usage, "the command line is not valid" {
        about: "What was asked for does not fit together, or is not there. Nothing was run.",
        causes: ["what the message names"],
        look: ["`provision --help` lists the commands, `provision up --help` the options of one"],
        fixes: ["correct the command line"],
        next: "provision --help",
    }
}
