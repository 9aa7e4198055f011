//! The commands of errors that no situation executes, and the errors that no sandbox can have.

use super::Tried;
use crate::sandbox::{Sandbox, steps};

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
    Tried { command: "provision up {step}", line: "provision up s.b", ends: (0, "succeeded") },
    Tried { command: "provision up {}", line: "provision up s.b", ends: (0, "succeeded") },
    Tried { command: "provision plan {}", line: "provision plan s.b", ends: (0, "never run") },
    Tried { command: "provision stage {} --only", line: "touch ok; provision stage s --only", ends: (0, "succeeded") },
    Tried {
        command: "provision down --allow-context {context}",
        line: "provision down --allow-context prod",
        ends: (0, "nothing to remove"),
    },
    Tried {
        command: "provision up --allow-context {}",
        line: "provision up --allow-context prod",
        ends: (2, "does not use the kube context `prod`"),
    },
    // tests/it/open.rs opens with these arguments; here only the command line is read.
    Tried { command: "provision open --port N", line: "provision open --port 8080", ends: (2, "no [cluster]") },
    Tried { command: "provision open NAMESPACE/NAME", line: "provision open shop/web", ends: (2, "no [cluster]") },
    Tried { command: "provision open NAMESPACE/{name}", line: "provision open shop/web", ends: (2, "no [cluster]") },
    Tried { command: "rm {file}", line: "touch left; rm left; ls", ends: (0, "pipeline.toml") },
    Tried { command: "rm {}", line: "touch left; rm left; ls", ends: (0, "pipeline.toml") },
    Tried { command: "rm -r {}", line: "provision up -q; rm -r .provision; provision status", ends: (0, "never") },
    Tried { command: "export {all}=…", line: "export A=ab TOKEN=abc; sh -c 'echo \"$A$TOKEN\"'", ends: (0, "ababc") },
    // Those of other programs: which arguments they get.
    Tried { command: "docker builder prune", line: "docker builder prune", ends: (0, "docker|builder|prune|\n") },
    Tried { command: "docker context ls", line: "docker context ls", ends: (0, "docker|context|ls|\n") },
    Tried {
        command: "docker context use default",
        line: "docker context use default",
        ends: (0, "docker|context|use|default|\n"),
    },
    Tried {
        command: "sudo usermod -aG docker \"$USER\"",
        line: "sudo usermod -aG docker \"$USER\"",
        ends: (0, "sudo|usermod|-aG|docker|mara lee|\n"),
    },
    Tried { command: "newgrp docker", line: "newgrp docker", ends: (0, "newgrp|docker|\n") },
    Tried {
        command: "docker login REGISTRY",
        line: "docker login registry.example",
        ends: (0, "docker|login|registry.example|\n"),
    },
    Tried { command: "docker pull {name}", line: "docker pull shop", ends: (0, "docker|pull|shop|\n") },
    Tried {
        command: "helm dependency build CHART",
        line: "helm dependency build chart",
        ends: (0, "helm|dependency|build|chart|\n"),
    },
    Tried {
        command: "helm dependency build {}",
        line: "helm dependency build shop",
        ends: (0, "helm|dependency|build|shop|\n"),
    },
    Tried {
        command: "helm dependency update {}",
        line: "helm dependency update shop",
        ends: (0, "helm|dependency|update|shop|\n"),
    },
    Tried {
        command: "helm template {} --debug",
        line: "helm template shop --debug",
        ends: (0, "helm|template|shop|--debug|\n"),
    },
    Tried {
        command: "KUBECTL -n NAMESPACE delete job JOB",
        line: "kubectl --kubeconfig .provision/kubeconfig -n NAMESPACE delete job JOB",
        ends: (0, "kubectl|--kubeconfig|.provision/kubeconfig|-n|NAMESPACE|delete|job|JOB|\n"),
    },
    Tried {
        command: "KUBECTL -n NAMESPACE rollout restart deployment/NAME",
        line: "kubectl --kubeconfig .provision/kubeconfig -n NAMESPACE rollout restart deployment/NAME",
        ends: (0, "kubectl|--kubeconfig|.provision/kubeconfig|-n|NAMESPACE|rollout|restart|deployment/NAME|\n"),
    },
    Tried {
        command: "kubectl config get-contexts",
        line: "kubectl config get-contexts",
        ends: (0, "kubectl|config|get-contexts|\n"),
    },
    Tried { command: "minikube image ls", line: "minikube image ls", ends: (0, "minikube|image|ls|\n") },
    Tried {
        command: "minikube delete -p {name}",
        line: "minikube delete -p shop",
        ends: (0, "minikube|delete|-p|shop|\n"),
    },
    Tried { command: "minikube start -p {}", line: "minikube start -p shop", ends: (0, "minikube|start|-p|shop|\n") },
    Tried {
        command: "ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST",
        line: "ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST",
        ends: (0, "ssh|-nNT|-L|/tmp/docker.sock:/var/run/docker.sock|HOST|\n"),
    },
    Tried {
        command: "lsof -nP -iTCP:{} -sTCP:LISTEN",
        line: "lsof -nP -iTCP:shop -sTCP:LISTEN",
        ends: (0, "lsof|-nP|-iTCP:shop|-sTCP:LISTEN|\n"),
    },
    Tried { command: "kill {pid}", line: "/usr/bin/env kill 4711", ends: (0, "kill|4711|\n") },
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
