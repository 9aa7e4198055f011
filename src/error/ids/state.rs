//! Errors of the state folder `.provision`, and of trust.

use crate::error::page::pages;

pages! {
    in STATE;
    STATE_LOCKED = "state-locked", State, "another run of this project is on" {
        about: "One run at a time writes the state of a project. This command changed nothing.",
        causes: [
            "`provision up` runs in another terminal",
            "on a file system without locks: a run was killed, and its lock stayed",
        ],
        look: ["`provision status` shows how far the other run is", "`provision logs STEP -f` follows a step of it"],
        fixes: [
            "wait for it, or stop it with Ctrl-C in its terminal",
            "if no other run is on, on no machine: remove the file that the failure names",
        ],
        next: "provision status",
    }
    STATE_FOREIGN = "state-foreign", State, "the state folder was not made here" {
        about: "A state folder says what was proven on one machine, for one user, in one folder. One that came with a \
                repository, an archive or a copy is not believed.",
        causes: [
            "`.provision` was committed or copied",
            "`git pull` has replaced the journal or the kubeconfig of your own `.provision` by one that was committed",
            "a program has changed where `.provision/kubeconfig` leads",
            "the checkout was copied, or moved to another disk",
            "the folder, or a file in it, belongs to another user who is not root",
        ],
        look: ["`ls -ld .provision` shows whose it is"],
        fixes: [
            "`provision up` keeps it as `.provision/set-aside-…` and checks every step; a kubeconfig alone as \
             `.provision/kubeconfig.foreign-…`, and makes it again",
            "or remove it: `rm -r .provision`",
        ],
        next: "provision up",
    }
    STATE_UNUSABLE = "state-unusable", State, "the state folder can't be read or written" {
        about: "The journal, the lock or a log in `.provision` can't be used. Without them nothing can be recorded, so \
                nothing is done.",
        causes: [
            "the disk is full or read-only",
            "the folder, or a file in it, belongs to root, such as after `sudo provision up`",
            "a link or a folder stands where a file should be",
        ],
        look: ["`ls -la .provision` shows the files and whose they are", "`df -h .` shows the disk"],
        fixes: [
            "free some space, or make the folder writable",
            "of what belongs to root: `sudo chown -R \"$(id -u):$(id -g)\" .provision`",
            "`.provision` may be deleted at any time: the next `provision up` checks every step and carries on",
        ],
        next: "provision doctor",
    }
    STATE_LOST = "state-lost", State, "the state folder was removed or replaced during the run" {
        about: "What the run would record could not be found any more, and another run may have begun beside it. So it \
                stopped its steps and ended.",
        causes: ["`rm -r .provision`, `git clean -fdx` or the like during the run", "the checkout was moved"],
        look: ["`provision status` shows what is on record now"],
        fixes: ["`provision up`: what is not recorded is checked, and runs again where it has to"],
        next: "provision up",
    }
    ENVIRONMENTS_UNUSABLE = "environments-unusable", State, "the list of this machine's environments can't be used" {
        about: "`provision ls` and `--env` read a list in the folder for state of your user. Nothing else needs it: `up` \
                works without it.",
        causes: ["neither XDG_STATE_HOME nor HOME names a folder", "the folder belongs to another user, such as after `sudo`"],
        look: ["`provision doctor` shows what this user's machine lacks"],
        fixes: ["set XDG_STATE_HOME or HOME to a folder that you can write", "name the checkout itself: `-C FOLDER` in place of `--env`"],
        next: "provision doctor",
    }
    JOURNAL_DAMAGED = "journal-damaged", State, "the journal is damaged" {
        about: "A record of `.provision/journal.jsonl` is not what was written. With `--strict-state` that ends the \
                command; without it the file is kept under another name.",
        causes: ["a disk or file system that lost data", "the file was edited, or a part of it was restored"],
        look: ["`ls -la .provision` shows the journal and what was set aside"],
        fixes: ["`provision up` without `--strict-state` keeps the damaged file and checks every step again"],
        next: "provision status",
    }
    JOURNAL_NEWER = "journal-newer", State, "the journal was written by a newer provision" {
        about: "Its format is one that this version does not know. The file was not touched.",
        causes: ["two versions of provision are used in one checkout"],
        look: ["`provision --version` shows this version"],
        fixes: [
            "use the newer version",
            "or delete `.provision`: the next `provision up` checks every step and carries on",
        ],
        next: "provision --version",
    }
    PIPELINE_UNTRUSTED = "pipeline-untrusted", Target, "the pipeline is not trusted" {
        about: "A pipeline executes what its author wrote. This one has not run here before, or has changed since you \
                trusted it, and nobody could be asked. Nothing was run.",
        causes: [
            "a new checkout, or a change of pipeline.toml",
            "the command runs in CI, behind a pipe or with an output for programs",
        ],
        look: ["`provision trust --show` shows what it executes; of one that has changed, what is new"],
        fixes: [
            "`provision trust` shows it, and trusts it as it is now",
            "where nobody can be asked, as in CI: `provision up --trust`",
        ],
        next: "provision trust --show",
    }
    TRUST_UNUSABLE = "trust-unusable", State, "what you trust can't be read or remembered" {
        about: "The list of trusted pipelines is in `~/.local/state/provision`, or below XDG_STATE_HOME. It could not \
                be used.",
        causes: [
            "XDG_STATE_HOME leads to a file, or to a folder that can't be written",
            "without it: this user has no home folder",
        ],
        look: ["`ls -la ~/.local/state/provision`"],
        fixes: ["set XDG_STATE_HOME to a folder that you can write"],
        next: "provision trust --show",
    }
    HISTORY_GONE = "history-gone", Usage, "what an earlier run knew is no longer on record" {
        about: "The journal keeps of each step what is needed to go on. It was made smaller after that run, and what \
                later runs replaced is gone.",
        causes: ["many runs since then"],
        look: ["`provision report diff` compares the last two runs"],
        fixes: ["compare with the earliest run that the failure names, or a later one"],
        next: "provision report diff",
    }
}
