//! Errors that any step may have, and those of which no more is known than their kind.

use crate::error::page::pages;

pages! {
    in GENERAL;
    STEP_FAILED = "step-failed", Failed, "a step failed" {
        about: "A step did not do what it has to, or its result could not be confirmed. Nothing after it that needs it \
                was started; what had succeeded before stays proven.",
        causes: ["what the lines `caused by` say: the first is the nearest, the last the innermost"],
        look: [
            "`provision logs STEP` shows everything that the step printed",
            "`provision why STEP` shows which of its inputs have changed since it last succeeded",
        ],
        fixes: ["solve what the failure names, then `provision up`: it continues where this run ended"],
        next: "provision logs STEP",
    }
    TIMED_OUT = "timed-out", Failed, "a step took longer than it may" {
        about: "The time limit of the step passed, and it was stopped. What it had begun is checked and done again by \
                the next run.",
        causes: [
            "it waits for something that never comes: its last lines say for what",
            "the machine or the network is slower than the limit allows",
            "the limit is too low for a first run, which downloads what later ones have",
        ],
        look: ["`provision logs STEP` shows how far it came"],
        fixes: [
            "solve what it was waiting for, then `provision up`",
            "give the step more time: `timeout = \"20m\"` in pipeline.toml",
        ],
        next: "provision logs STEP",
    }
    DISK_FULL = "disk-full", Failed, "a disk is full" {
        about: "The system or a tool said that there is no space left. It may be the disk of this project, the one \
                where Docker keeps its data, or the one inside of the cluster's node. Nothing that was proven is lost.",
        causes: [
            "images and build cache of Docker",
            "images in the cluster's node",
            "logs and images of earlier runs of this project",
        ],
        look: [
            "`provision doctor` shows how much room each of the disks has",
            "`docker system df` shows what Docker's data consists of",
            "`df -h` shows all disks of this machine",
        ],
        fixes: [
            "`provision gc` removes old images and logs of this project, and nothing else",
            "`docker builder prune` removes Docker's build cache, which makes the next build slower",
            "then `provision up`",
        ],
        next: "provision doctor",
    }
    CERTIFICATE_UNKNOWN = "certificate-unknown", Failed,
        "a server's certificate is signed by an authority that is not known" {
        about: "A connection was refused because the certificate of the other side can't be checked. Most often a \
                proxy of the company's network replaces certificates by its own.",
        causes: [
            "the authority of a proxy is not installed where the connection is made: on this machine, in Docker's \
             daemon, or inside of an image",
            "a registry with a certificate of its own making",
            "this machine's clock is wrong, so that a certificate seems to be out of date",
        ],
        look: ["`provision doctor` checks the certificates, the proxy and the clock"],
        fixes: [
            "install the authority's certificate where the connection is made: for a build inside of the image, before \
             the first download",
            "Docker's daemon takes it from /etc/docker/certs.d or from the system's certificates, after a restart",
        ],
        next: "provision doctor",
    }
    NAME_NOT_RESOLVED = "name-not-resolved", Failed, "the name of a server can't be resolved" {
        about: "A tool could not find the address of the server that it wanted to reach.",
        causes: [
            "this machine has no network, or needs a VPN",
            "the name is misspelled",
            "Docker or the cluster's node uses another DNS server than this machine",
        ],
        look: ["`provision doctor` checks the proxy, among others", "`provision logs STEP` shows which name it is"],
        fixes: [
            "connect to the network, or correct the name; then `provision up`",
            "where a proxy is needed, set HTTPS_PROXY and NO_PROXY for Docker's daemon too",
        ],
        next: "provision doctor",
    }
    DELETION_REFUSED = "deletion-refused", Failed, "something has to be deleted, and is not" {
        about: "A repair or a change would need to delete something, and provision deletes only what is shown to be \
                its own and empty. Nothing was deleted.",
        causes: ["it has data in it", "nothing on it shows that this project made it", "something else uses it"],
        look: ["the lines `caused by` say what is in the way"],
        fixes: [
            "where its data may be lost: the same command with `--yes`",
            "else save the data, and delete it by hand with the command that the failure shows",
            "or name something else in pipeline.toml",
        ],
        next: "provision plan",
    }
    NOT_CONFIRMED = "not-confirmed", Failed, "an action said that it succeeded, and its result could not be found" {
        about: "After each action provision looks independently whether its result is there. It was not, so the step \
                does not count as proven, whatever the tool reported.",
        causes: [
            "something else removes or changes the result at once: another program, a controller, a second user",
            "the tool reports success too early",
        ],
        look: ["`provision logs STEP` shows what the tool said", "`provision why STEP` probes it again"],
        fixes: ["find what changes it, and stop that; then `provision up`"],
        next: "provision why STEP",
    }
    PREREQUISITE_MISSING = "prerequisite-missing", Prerequisite,
        "something that the pipeline needs on this machine is missing" {
        about: "A program, a daemon or a setting that a step needs is not there. Nothing was changed.",
        causes: ["it is not installed, or not in PATH", "it is too old", "it is not running"],
        look: ["`provision doctor` checks everything that this pipeline needs, each problem with its fix"],
        fixes: ["install or start what the failure names, then `provision up`"],
        next: "provision doctor",
    }
    TARGET_REFUSED = "target-refused", Target, "the cluster or daemon is not one that may be changed" {
        about: "What the pipeline would have changed is not shown to be the right one, so nothing was changed.",
        causes: [
            "another cluster or another context than the last time",
            "a cluster that is not on this machine and was never allowed",
        ],
        look: ["`provision doctor` shows which cluster and which daemon are used"],
        fixes: ["correct `[cluster]` in pipeline.toml, or the kubeconfig"],
        next: "provision doctor",
    }
    INTERRUPTED = "interrupted", Interrupted, "the work was interrupted" {
        about: "Ctrl-C stopped the run. Every child was stopped; a step that was under way is in doubt, and the next \
                run checks it before it does it again.",
        causes: ["Ctrl-C or SIGINT"],
        look: ["`provision status` shows what is proven and what was under way"],
        fixes: ["`provision up` continues"],
        next: "provision status",
    }
    TERMINATED = "terminated", Terminated, "the process was asked to end" {
        about: "SIGTERM or SIGHUP stopped the run. Every child was stopped; a step that was under way is in doubt, and \
                the next run checks it before it does it again.",
        causes: [
            "the terminal or the connection to this machine was closed",
            "a job of CI reached its time limit",
            "somebody or something sent the signal",
        ],
        look: ["`provision status` shows what is proven and what was under way"],
        fixes: ["`provision up` continues", "to let a run outlive its terminal: `nohup provision up --output lines`"],
        next: "provision status",
    }
    INTERNAL_ERROR = "internal-error", Bug, "an error inside of provision" {
        about: "Something happened that must not: an error of provision's own. What the journal has is still true, and \
                the next run checks every step that was under way.",
        causes: ["an error in provision"],
        look: [
            "`provision logs STEP` shows what the step had printed",
            "`PROVISION_LOG=debug provision up` writes what provision does to standard error",
        ],
        fixes: ["report it, with the message and the step's log", "`provision up` continues; it may not happen again"],
        next: "provision status",
    }
}
