//! The commands of errors that no situation executes, and the errors that no sandbox can have.

use super::Tried;
use crate::sandbox::{Sandbox, steps};

/// A project whose cluster has the Services that two steps name, and a third one.
pub(super) fn services() -> Sandbox {
    let elsewhere = "[[stage.step]]\nid = \"other\"\naction = \"http-check\"\nservice = \"other\"\nnamespace = \"shop\"\nport = 80\n";
    let sandbox = crate::open::project(&format!("{}{elsewhere}", crate::open::PIPELINE));
    sandbox.tool("until-there", "for i in $(seq 500); do test -s $1 && exit; sleep 0.02; done; exit 1");
    sandbox.file("services", "web 80 http\napi 8000 \ndb 5432 \n");
    sandbox
}

/// A project with the steps `s.a`, which fails, and `s.b`, a checklist and a profile.
pub(super) fn project() -> Sandbox {
    let text = steps(&[("a", "echo a >> world; test -e ok", "covers = ['T1']"), ("b", "echo b >> world", "")]);
    let text = text.replace("name = \"test\"", "name = \"test\"\nchecklists = ['tasks.md']");
    let mut sandbox = Sandbox::new(&format!("{text}\n[profile.dev.vars]\nx = \"y\"\n[vars]\nx = \"x\"\n"));
    sandbox.file("tasks.md", "- [ ] T1 It works\n");
    sandbox.env("USER", "mara lee").env("DOCKER_HOST", "unix:///no/such/docker.sock");
    sandbox
}

/// In the order of pages and messages.
pub(super) const TRIED: &[Tried] = &[
    // Our own: what each prints or does.
    Tried { command: "provision plan STEP", line: "provision plan s.b", ends: (0, "never run") },
    Tried { command: "provision up --profile NAME", line: "provision up s.b --profile dev", ends: (0, "succeeded") },
    Tried { command: "provision --version", line: "provision --version", ends: (0, "provision ") },
    Tried { command: "provision report", line: "provision report", ends: (0, "It works") },
    Tried {
        command: "provision report --tick",
        line: "sed -i \"s/^covers/check = 'test -e ok'\\ncovers/\" pipeline.toml; touch ok; provision up -q; \
               provision report --tick && cat tasks.md",
        ends: (0, "- [x] T1 It works"),
    },
    Tried {
        command: "provision report diff",
        line: "provision up -q; touch ok; provision up -q && provision report diff",
        ends: (0, "T1"),
    },
    Tried {
        command: "provision down --cluster",
        line: "provision down --cluster --yes",
        ends: (0, "nothing to remove"),
    },
    Tried {
        command: "git rm --cached -r .provision",
        line: "provision up -q s.b; git init -q; git add -f .provision; git rm --cached -r .provision",
        ends: (0, "rm '.provision/journal.jsonl'"),
    },
    Tried {
        command: "git pull",
        line: "git init -q o; git -C o -c user.name=a -c user.email=a@b commit -q --allow-empty -m theirs; \
               git init -q; git remote add origin o; git pull -q origin HEAD && git log",
        ends: (0, "theirs"),
    },
    Tried { command: "provision explain", line: "provision explain", ends: (0, "state-locked") },
    Tried { command: "provision actions", line: "provision actions", ends: (0, "docker-build") },
    Tried { command: "provision ls", line: "provision up -q; provision ls", ends: (0, "test") },
    Tried {
        command: "provision ls --prune",
        line: "provision up -q; rm pipeline.toml; provision ls --prune",
        ends: (0, "forgot "),
    },
    Tried { command: "provision down", line: "provision down", ends: (0, "nothing to remove") },
    Tried { command: "provision up --force=STAGE.STEP", line: "provision up s.b --force=s.b", ends: (0, "succeeded") },
    Tried { command: "provision up {}", line: "provision up s.b", ends: (0, "succeeded") },
    Tried { command: "provision plan {}", line: "provision plan s.b", ends: (0, "never run") },
    Tried { command: "provision stage {} --only", line: "touch ok; provision stage s --only", ends: (0, "succeeded") },
    Tried { command: "rm {}", line: "touch left; rm left; ls", ends: (0, "pipeline.toml") },
    Tried { command: "rm -r {}", line: "provision up -q; rm -r .provision; provision status", ends: (0, "never") },
    Tried { command: "export {}=…", line: "export A=ab TOKEN=abc; sh -c 'echo \"$A$TOKEN\"'", ends: (0, "ababc") },
    Tried {
        command: "provision doctor -f FILE",
        line: "mkdir web; mv pipeline.toml tasks.md web; provision doctor -f web/pipeline.toml",
        ends: (0, "test, 2 steps"),
    },
    Tried { command: "provision explain ID", line: "provision explain state-locked", ends: (0, "provision status") },
    Tried {
        command: "provision explain --format json",
        line: "provision explain --format json",
        ends: (0, "\"errors\""),
    },
    Tried { command: "provision explain {}", line: "provision explain command-failed", ends: (0, "provision logs") },
    Tried { command: "provision actions NAME", line: "provision actions docker-build", ends: (0, "dockerfile") },
    Tried { command: "provision actions --markdown", line: "provision actions --markdown", ends: (0, "# Actions") },
    Tried { command: "provision schema --markdown", line: "provision schema --markdown", ends: (0, "[pipeline]") },
    Tried { command: "provision man --markdown", line: "provision man --markdown", ends: (0, "provision") },
    Tried { command: "provision prove", line: "provision prove", ends: (0, "") },
    Tried {
        command: "export PATH={}:\"$PATH\"",
        line: "mkdir 'my tools'; printf '#!/bin/sh\\necho it runs\\n' >'my tools/extra'; chmod +x 'my tools/extra'; \
               export PATH='my tools':\"$PATH\"; extra",
        ends: (0, "it runs"),
    },
    Tried {
        command: "export NO_PROXY=\"${NO_PROXY:+$NO_PROXY,}{}\"",
        line: "NO_PROXY=a.example; export NO_PROXY=\"${NO_PROXY:+$NO_PROXY,}localhost,127.0.0.1\"; sh -c 'echo $NO_PROXY'",
        ends: (0, "a.example,localhost,127.0.0.1"),
    },
    Tried {
        command: "unset DOCKER_TLS_VERIFY",
        line: "export DOCKER_HOST=tcp://127.0.0.1:1 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=/none; \
               provision doctor | grep -q 'is encrypted' || exit 9; unset DOCKER_TLS_VERIFY; \
               provision doctor | grep -c 'is encrypted'",
        ends: (1, "0"),
    },
    Tried {
        command: "kill {}",
        line: "sleep 60 & pid=$!; kill $pid; wait $pid; echo \"ended with $?\"",
        ends: (0, "ended with 143"),
    },
    Tried {
        command: "kill -CONT {}",
        line: "sh -c 'kill -STOP $$; echo goes on' & pid=$!; until grep -q 'State:.T' /proc/$pid/status; do sleep 0.02; \
               done; kill -CONT $pid; wait $pid",
        ends: (0, "goes on"),
    },
    Tried {
        command: "tar -tzf FILE",
        line: "tar -czf it.tgz pipeline.toml; tar -tzf it.tgz",
        ends: (0, "pipeline.toml"),
    },
    // Those that change the system: which arguments they get, and that there is what they name.
    Tried {
        command: "sudo usermod -aG docker \"$USER\"",
        line: "sudo usermod -aG docker \"$USER\"",
        ends: (0, "sudo|usermod|-aG|docker|mara lee|\n"),
    },
    Tried { command: "newgrp docker", line: "newgrp docker", ends: (0, "newgrp|docker|\n") },
    Tried { command: "open -a Docker", line: "open -a Docker", ends: (0, "open|-a|Docker|\n") },
    Tried {
        command: "sudo chown -R \"$(id -u):$(id -g)\" .provision",
        line: "sudo chown -R \"$(id -u):$(id -g)\" .provision",
        ends: (0, "|.provision|\n"),
    },
    Tried {
        command: "sudo chown -R \"$(id -u):$(id -g)\" {}",
        line: "sudo chown -R \"$(id -u):$(id -g)\" .provision | sed \"s/$(id -u):$(id -g)/OURS/\"",
        ends: (0, "sudo|chown|-R|OURS|.provision|\n"),
    },
    Tried {
        command: "chmod -R u+rwX {}",
        line: "provision up -q s.b; chmod -R a-w .provision; chmod -R u+rwX .provision; stat -c %a .provision/lock",
        ends: (0, "600\n"),
    },
    Tried {
        command: "provision down --env {}",
        line: "provision up -q s.b; provision down --yes --env \"$(provision ls | sed -n '1s/ .*//p')\"",
        ends: (0, "nothing to remove"),
    },
    Tried {
        command: "sudo timedatectl set-ntp true",
        line: "sudo timedatectl set-ntp true",
        ends: (0, "sudo|timedatectl|set-ntp|true|\n"),
    },
    Tried {
        command: "sudo lsof -nP -iTCP:{} -sTCP:LISTEN",
        line: "sudo lsof -nP -iTCP:8080 -sTCP:LISTEN",
        ends: (0, "sudo|lsof|-nP|-iTCP:8080|-sTCP:LISTEN|\n"),
    },
    Tried {
        command: "sudo sysctl fs.inotify.{}={}",
        line: "sudo sysctl fs.inotify.max_user_watches=524288; cd /proc/sys/fs/inotify && ls max_user_watches",
        ends: (0, "sudo|sysctl|fs.inotify.max_user_watches=524288|\nmax_user_watches"),
    },
];

/// Those of `open`: each ends the failure that names it, and prints an address until it is stopped. The first line of a
/// shell has the failure.
pub(super) const AT_SERVICES: &[Tried] = &[
    Tried {
        command: "provision open NAMESPACE/NAME",
        line: "provision open no.step; test $? = 2 || exit 9; provision open default/web >to & pid=$!; \
               until-there to; kill $pid; wait $pid; cat to",
        ends: (0, "http://127.0.0.1:"),
    },
    Tried {
        command: "provision open NAMESPACE/{}",
        line: "provision open db; test $? = 2 || exit 9; provision open default/db >to & pid=$!; \
               until-there to; kill $pid; wait $pid; cat to",
        ends: (0, "127.0.0.1:"),
    },
    Tried {
        command: "provision open --port N",
        line: "provision open api >one & one=$!; until-there one; \
               taken=$(sed 's/.*:\\([0-9]*\\).*/\\1/' one); provision open web --port $taken; test $? = 2 || exit 9; \
               free=$((taken + 1)); while ss -ltn | grep -q \":$free \"; do free=$((free + 1)); done; \
               provision open web --port $free >two & two=$!; until-there two; \
               kill $one $two; wait $one $two; grep \":$free\" two",
        ends: (0, "http://127.0.0.1:"),
    },
];

/// Errors that need a system which no sandbox has, with what raises them. Their commands are tried all the same.
pub(super) const NOT_MADE_HERE: &[(&[&str], &str)] = &[
    (&["internal-error"], "what must not happen is raised by nothing"),
    (&["step-failed", "prerequisite-missing", "target-refused"], "the ids of failures that have none of their own"),
    (&["environments-unusable"], "it needs a user without a home, also in the system's list of users"),
    (
        &["checklist-edited", "journal-newer", "history-gone"],
        "races and other versions: tests of cli::tick and of journal",
    ),
    (&["docker-permission"], "it needs a user who is not root: tools::docker::failure has it"),
    (&["docker-unsuitable", "docker-context", "docker-lost"], "tests/fake_daemon.rs has daemons that respond so"),
    (
        &[
            "image-build-failed",
            "build-context-invalid",
            "image-pull-failed",
            "image-gone",
            "image-too-big",
            "image-findings",
        ],
        "they need a daemon that builds: tests/it/image_check.rs, tests/live/docker.rs",
    ),
    (&["image-not-delivered", "image-not-in-node", "image-name-invalid"], "they need a node: tests/live/node.rs"),
    (
        &["compose-missing", "compose-service-down", "container-not-working"],
        "they need a compose or a container that breaks: tests/it/compose.rs, tests/it/container_run.rs",
    ),
    (
        &[
            "cluster-unreachable",
            "cluster-not-ready",
            "cluster-not-started",
            "cluster-undeclared",
            "cluster-forbidden",
            "kubeconfig-unusable",
            "cluster-settings-differ",
            "cluster-foreign",
            "cluster-start-failed",
            "addon-not-ready",
        ],
        "they need a cluster that breaks: tests/it/cluster.rs, tests/live/repair.rs",
    ),
    (
        &["field-owned", "object-busy", "kind-unknown", "manifest-invalid", "workload-missing", "pod-image-stale"],
        "they need objects of an API server: tests/live/registry.rs, tests/live/takeover.rs",
    ),
    (
        &[
            "crash-loop",
            "out-of-memory",
            "pod-config-missing",
            "pod-unschedulable",
            "volume-unbound",
            "volume-not-mounted",
            "container-not-started",
            "probe-failing",
            "pod-refused",
            "job-failed",
            "rollout-stuck",
        ],
        "they need pods: the table of tools::kubernetes::problems, tests/live/long",
    ),
    (
        &[
            "helm-failed",
            "release-pending",
            "release-missing",
            "release-drifted",
            "rollback-impossible",
            "chart-missing",
            "chart-invalid",
        ],
        "they need helm and a cluster: tests/live/releases.rs, tests/live/rollbacks.rs",
    ),
    (
        &["exercise-stuck", "requests-failed", "http-failed", "port-taken"],
        "they need something that serves: tests/it/open.rs, tests/live/exercises.rs",
    ),
    (&["policy-broken"], "tests/it/policy_check.rs mends what each rule finds"),
    (&["deletion-refused"], "it needs a cluster with data in it: tools::deletion, tests/live/repair.rs"),
];
