//! Errors of the cluster and of the way to it.

use crate::error::page::pages;

pages! {
    in CLUSTER;
    CLUSTER_UNREACHABLE = "cluster-unreachable", Failed, "the cluster's API server does not respond" {
        about: "The kubeconfig leads to an address where no API server answers, or it did not answer in time. What was \
                being changed is in doubt, and the next run checks it.",
        causes: [
            "the cluster is stopped: the machine or Docker was restarted",
            "the API server is starting, or is busy",
            "the network to a cluster on another machine is down",
        ],
        look: [
            "`KUBECTL get nodes` shows whether it answers",
            "`docker ps --all` shows whether the container of a minikube node runs",
            "`minikube status -p PROFILE` shows what minikube knows of it",
        ],
        fixes: [
            "`provision up` starts a cluster that `[cluster]` declares, and keeps what is in it",
            "start one of your own yourself, then `provision up`",
        ],
        next: "provision up",
    }
    CLUSTER_NOT_READY = "cluster-not-ready", Failed, "the cluster answers, and its nodes are not ready" {
        about: "The API server responds, and a node does not say that it can take pods.",
        causes: ["it has just been started", "its network plugin does not come up", "its disk or its memory is full"],
        look: [
            "`KUBECTL describe nodes` shows the conditions of each node",
            "`KUBECTL -n kube-system get pods` shows the parts of the cluster",
        ],
        fixes: [
            "`provision up` waits for it again",
            "free disk or memory, if a condition says that there is too little",
        ],
        next: "provision up",
    }
    CLUSTER_NOT_STARTED = "cluster-not-started", Failed, "the cluster has not been started" {
        about: "The step needs the cluster that `[cluster]` declares, and it has not been up yet in this checkout.",
        causes: [
            "the step that starts it was left out: `--only`, `--from`, or a profile",
            "no step of the pipeline starts it",
            "`provision down --cluster` has removed it",
        ],
        look: ["`provision plan` shows the steps and what they need"],
        fixes: [
            "`provision up` runs the step that starts it",
            "where there is none, add a `cluster-start` step before",
        ],
        next: "provision plan",
    }
    CLUSTER_UNDECLARED = "cluster-undeclared", Config, "the pipeline declares no cluster" {
        about: "A step works in a cluster, and pipeline.toml has no `[cluster]`: provision never takes the current \
                context in its place.",
        causes: ["the section is missing, or only a profile has it"],
        look: ["`provision schema` has the settings of each provider"],
        fixes: [
            "add `[cluster]` with `provider = \"minikube\"`, or `provider = \"context\"` and `context` for one of your \
             own",
            "or name the profile that has it: `provision up --profile NAME`",
        ],
        next: "provision plan",
    }
    CLUSTER_FORBIDDEN = "cluster-forbidden", Failed, "the API server does not allow the request" {
        about: "The cluster knows the user of this kube context, and does not let it do what the step needs; or it \
                does not know the user.",
        causes: ["the user has no role for this namespace or kind", "its credentials have expired"],
        look: ["`KUBECTL auth can-i --list` shows what the user may do"],
        fixes: ["ask for the role, or use a context whose user has it", "renew the credentials, then `provision up`"],
        next: "provision logs STEP",
    }
    CONTEXT_MISSING = "context-missing", Target, "there is no kube context of that name" {
        about: "`[cluster]` names a kube context that no kubeconfig has. Nothing was changed.",
        causes: [
            "the name is misspelled",
            "KUBECONFIG names another file in this shell",
            "the cluster was removed, and its context with it",
        ],
        look: ["`kubectl config get-contexts` lists the contexts"],
        fixes: ["correct `context` in `[cluster]`", "set KUBECONFIG to the file that has the context"],
        next: "provision doctor",
    }
    CONTEXT_NOT_ALLOWED = "context-not-allowed", Target,
        "the kube context is not known to lead to a cluster of this machine" {
        about: "provision changes a cluster that is not shown to be local only where somebody has allowed it. Nothing \
                was changed.",
        causes: ["the cluster is on another machine", "it is local, behind an address that does not show it"],
        look: ["`kubectl config get-contexts` shows where the contexts lead"],
        fixes: [
            "if it is the right one, once: `provision up --allow-context CONTEXT`",
            "always: `allow = true` and its `uid` in `[cluster]`; the failure shows the command that prints the uid",
        ],
        next: "provision plan",
    }
    CONTEXT_CHANGED = "context-changed", Target, "the kube context leads to another cluster than before" {
        about: "A cluster is known by the uid of its namespace kube-system. It is not the declared one, or not the one \
                of earlier runs. Nothing was changed.",
        causes: [
            "the cluster was made again",
            "the kubeconfig was changed, so that the context leads elsewhere",
            "another cluster has got the address of the one before",
        ],
        look: [
            "`KUBECTL get namespace kube-system -o jsonpath={.metadata.uid}` prints the uid of the cluster that \
             answers now",
        ],
        fixes: [
            "if it was made again: `provision up --allow-context CONTEXT`",
            "else correct the context, or `uid` in `[cluster]`",
        ],
        next: "provision plan",
    }
    KUBECONFIG_UNUSABLE = "kubeconfig-unusable", Target, "a kubeconfig can't be used" {
        about: "The file can't be read, or its credentials can't be obtained. Nothing was changed.",
        causes: [
            "the file is damaged",
            "the program that it names for its credentials is missing or fails",
            "the login of the cloud provider has expired",
        ],
        look: ["`KUBECTL get namespace kube-system` shows what kubectl says of it"],
        fixes: [
            "log in again with the provider's program",
            "correct the file; a kubeconfig in `.provision` may be removed, and `provision up` makes it again",
        ],
        next: "provision doctor",
    }
    CLUSTER_SETTINGS_DIFFER = "cluster-settings-differ", Failed,
        "the cluster was made with other settings than those that are declared" {
        about: "A cluster is never made again without being asked, because that would lose all data in it. The step \
                fails with the differences instead.",
        causes: [
            "`[cluster]` was changed after the cluster was made",
            "somebody made the cluster by hand with other settings",
        ],
        look: ["the lines `caused by` show each difference", "`minikube profile list` shows what minikube has"],
        fixes: [
            "to keep the cluster, set the values in `[cluster]` back",
            "to make it again, with all data in it lost: `provision down --cluster`, then `provision up`",
        ],
        next: "provision plan",
    }
    CLUSTER_FOREIGN = "cluster-foreign", Failed, "something else has the name of the cluster" {
        about: "Docker has a container or a volume with the cluster's name, and minikube as it runs here does not know \
                it. It is left alone.",
        causes: [
            "it belongs to another user or another MINIKUBE_HOME, such as that of `sudo`",
            "it is left over from a cluster that was removed only in part",
        ],
        look: ["`docker ps --all` and `docker volume ls` show it", "`minikube profile list` shows what minikube knows"],
        fixes: [
            "run `provision up` as the user, and with the MINIKUBE_HOME, that made the cluster",
            "choose another `name` in `[cluster]`",
            "if nobody needs it, remove it by hand with the command that the failure shows",
        ],
        next: "provision doctor",
    }
    CLUSTER_START_FAILED = "cluster-start-failed", Failed, "the cluster could not be started" {
        about: "The provider's program ended with an error, or the cluster did not come up. A cluster that was there \
                before keeps its data.",
        causes: [
            "too little memory, CPU or disk for Docker",
            "an image of the cluster could not be downloaded",
            "the machine or its kernel lacks something that Kubernetes needs",
            "the state of an earlier start is damaged",
        ],
        look: [
            "`provision logs STEP` shows all that the provider's program said",
            "`provision doctor` checks the machine",
            "`minikube logs -p PROFILE` shows what happened inside",
        ],
        fixes: [
            "solve what the failure names, then `provision up`: it goes on with what is there",
            "if that does not help, make it again, with all data in it lost: `provision down --cluster`, then \
             `provision up`",
        ],
        next: "provision doctor",
    }
    ADDON_NOT_READY = "addon-not-ready", Failed, "an addon of the cluster does not come up" {
        about: "The addon was enabled, and its workloads did not become ready. It stays enabled and comes up once the \
                cause is solved.",
        causes: [
            "its images can't be pulled where the node is",
            "the node has too little CPU or memory for it",
            "its namespace or labels are other ones than the usual",
        ],
        look: [
            "`KUBECTL get pods --all-namespaces` shows its pods",
            "`minikube addons list -p PROFILE` shows what is enabled",
        ],
        fixes: [
            "solve what its pods name, then `provision up`",
            "take its images from elsewhere: `images` and `registries` of the step",
            "let another step prove the same: `fallback`",
        ],
        next: "provision logs STEP",
    }
}
