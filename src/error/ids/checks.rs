//! Errors of commands, programs and checks.

use crate::error::page::pages;

pages! {
    in CHECKS;
    COMMAND_FAILED = "command-failed", Failed, "a command ended with an error" {
        about: "The command of a step, or a tool that provision called, ended with another exit code than 0. Its last \
                lines are shown; its whole output is in the log.",
        causes: [
            "what its last lines say",
            "it needs a file, a variable or a program that is not there",
            "for a script: each of its lines must succeed, also inside of a pipe",
        ],
        look: ["`provision logs STEP` shows all that it printed"],
        fixes: ["correct the cause, then `provision up`", "where a line may fail: `|| true` behind it"],
        next: "provision logs STEP",
    }
    COMMAND_NOT_STARTED = "command-not-started", Failed, "a command could not be started" {
        about: "The system could not start the program that a step names.",
        causes: [
            "it is not installed, or its path starts at another folder",
            "it may not be executed: `chmod +x`",
            "its first line names an interpreter that is not there, or ends with a Windows line end",
        ],
        look: ["`provision logs STEP`"],
        fixes: ["correct `run` or `cwd` of the step", "write the script with Unix line ends, and let it be executable"],
        next: "provision logs STEP",
    }
    OUTPUT_MISSING = "output-missing", Failed, "a command succeeded and did not make what it should" {
        about: "The step declares `outputs`, and after the command has succeeded one of them matches no file.",
        causes: ["the glob starts at the folder of pipeline.toml, not at `cwd`", "the command writes elsewhere"],
        look: ["`provision logs STEP` shows what the command printed"],
        fixes: ["correct `outputs` in pipeline.toml, or the command"],
        next: "provision logs STEP",
    }
    INPUT_MISSING = "input-missing", Failed, "an input of a step matches no file" {
        about: "The step was not run: what it depends on is not there, so its result would prove nothing.",
        causes: [
            "the pattern starts at the folder of pipeline.toml",
            "a file was renamed or moved",
            "an earlier step makes the file, and this step does not need that step",
        ],
        look: ["`provision why STEP` shows its inputs"],
        fixes: ["correct `inputs` in pipeline.toml", "let the step need the one that makes the file: `needs`"],
        next: "provision why STEP",
    }
    TOOL_MISSING = "tool-missing", Prerequisite, "a program is not installed" {
        about: "A program that the pipeline needs is not in PATH. Nothing was changed.",
        causes: ["it is not installed", "it is installed in a folder that PATH of this shell does not have"],
        look: ["`provision doctor` lists all programs that this pipeline needs, with their versions"],
        fixes: [
            "install it; `provision doctor` shows how",
            "`provision doctor --install` installs what its step declares a way for, and asks first",
            "then `provision up`",
        ],
        next: "provision doctor",
    }
    INSTALL_FAILED = "install-failed", Prerequisite, "a program could not be installed" {
        about: "`provision doctor --install` installs programs in the way that their `tool-check` steps declare. One of \
                its commands or downloads did not succeed. A file with another digest than the declared one was not \
                put anywhere.",
        causes: [
            "the package manager does not know the package, or needs rights that this user does not have",
            "the server has another file than the one whose SHA-256 the pipeline declares",
            "this machine can't reach the server",
        ],
        look: ["the lines `caused by` and what the command printed last say what it was"],
        fixes: [
            "run the command that is named by hand: as the user who may, or with a terminal for `sudo`",
            "correct `install` of the step in pipeline.toml",
        ],
        next: "provision doctor",
    }
    TOOL_VERSION = "tool-version", Prerequisite, "a program has another version than the one that is needed" {
        about: "The program is there, and its version is not one that the step accepts, or it does not tell one. \
                Nothing was changed.",
        causes: ["it is older than what the pipeline needs", "another installation of it comes first in PATH"],
        look: ["`provision doctor` shows the version and where the program is"],
        fixes: [
            "install a version that fits",
            "correct `version` of the step, if the one that is there would do",
            "set `version-args`, if it tells its version in another way than `--version`",
        ],
        next: "provision doctor",
    }
    SECRET_MISSING = "secret-missing", Prerequisite, "a secret has no value" {
        about: "`[secrets]` takes the value from an environment variable, which is not set or is empty. Values of \
                secrets are never stored, so the variable has to be set for each run that needs it. A run does not \
                begin while one is missing that its steps need, unless with `--keep-going`; one of a step that it \
                may do without, which is optional or has a fallback, fails that step alone.",
        causes: ["the variable is not set in this shell, or in the settings of CI"],
        look: ["`provision plan` shows the steps; pipeline.toml has the variable's name in `[secrets]`"],
        fixes: [
            "`export NAME=…` and the same command again",
            "if a file that is not committed has it: `env-file = \".env\"` in `[pipeline]`",
            "if the pipeline works without it: `optional = true` in `[secrets]`",
            "if it may be a new random value: `generate = \"hex32\"` in place of `env`",
        ],
        next: "provision plan",
    }
    PORT_TAKEN = "port-taken", Failed, "a port is in use" {
        about: "provision has to listen on a port of this machine, and another process does already.",
        causes: [
            "the application, or an earlier forward, runs in another terminal",
            "another checkout of the same project uses the same port",
        ],
        look: [
            "`lsof -nP -iTCP:PORT -sTCP:LISTEN` shows which process it is",
            "`provision doctor` checks the ports that the pipeline names",
        ],
        fixes: ["stop that process", "choose another port, or leave `local-port` out to get a free one"],
        next: "provision doctor",
    }
    HTTP_FAILED = "http-failed", Failed, "a request was not answered as expected" {
        about: "The step asked over HTTP, and got no answer, another status, or another content than it expects.",
        causes: [
            "nothing is ready behind the address yet",
            "the path, the port or the host is another one",
            "the application responds with an error: its body is shown",
            "it needs a login: `login` of the step",
        ],
        look: [
            "`provision logs STEP` shows the answers",
            "`KUBECTL -n NAMESPACE get endpointslices` shows whether pods are behind the service",
        ],
        fixes: [
            "correct the application, or what the step expects: `status`, `contains`, `json`",
            "give it more time: `timeout` of the step",
        ],
        next: "provision logs STEP",
    }
    REQUESTS_FAILED = "requests-failed", Failed, "requests failed while something was changed" {
        about: "The application was asked at a steady rate during a change that it has to survive, and more requests \
                failed than may. The change was taken back.",
        causes: [
            "a new pod is asked before it is ready: it needs a readiness probe",
            "an old pod ends while it is still being asked: it needs a preStop hook of some seconds",
            "only one pod, or `maxUnavailable` above 0",
        ],
        look: ["`provision logs STEP` shows each failed request with its time"],
        fixes: ["a readiness probe, a preStop hook, `maxUnavailable: 0` and at least two pods: docs/exercises.md"],
        next: "provision logs STEP",
    }
    NOT_AS_EXPECTED = "not-as-expected", Failed, "something is not as the step expects" {
        about: "A check read a file, an object or a result, and found something else than it expects. It changed \
                nothing.",
        causes: [
            "what was checked is wrong",
            "the expectation is: `assert`, `contains`, `count` and so on of the step",
        ],
        look: ["`provision logs STEP` shows each expectation and what was found"],
        fixes: ["correct what was checked, or the expectation; then `provision up`"],
        next: "provision logs STEP",
    }
    POLICY_BROKEN = "policy-broken", Failed, "a rule of the policy is broken" {
        about: "Files or objects break a rule that the step names. Each finding has its file, its line or object, and \
                its fix.",
        causes: ["what the findings name"],
        look: ["`provision logs STEP` shows all findings"],
        fixes: [
            "correct what is found: docs/policy-rules.md has every rule",
            "or except it with a reason: `[[stage.step.except]]`",
        ],
        next: "provision logs STEP",
    }
    ANSWER_NO = "answer-no", Failed, "a person has answered no" {
        about: "A `confirm` step asked, and the answer was no, or none that could be read. Nothing that needs the step \
                was started.",
        causes: ["somebody answered so"],
        look: ["`provision plan` shows the step"],
        fixes: ["do what the question asks for, then `provision up`, and answer again"],
        next: "provision plan",
    }
    ANSWER_NEEDED = "answer-needed", Failed, "a step needs the answer of a person, and nobody can be asked" {
        about: "A `confirm` step asks on a terminal. This run has none: in CI, with `--output json`, or behind a pipe.",
        causes: ["the run is not on a terminal"],
        look: ["`provision plan` shows the step"],
        fixes: [
            "answer it on a terminal: `provision stage STAGE --only`",
            "`optional = true` lets a run go on without it; with `fallback` another step can prove the same",
        ],
        next: "provision plan",
    }
}
