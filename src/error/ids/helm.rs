//! Errors of Helm, its charts and releases.

use crate::error::page::pages;

pages! {
    in HELM;
    HELM_FAILED = "helm-failed", Failed, "helm could not install, upgrade or remove a release" {
        about: "helm ended with an error. The release that was there before stays the one that is deployed, unless the \
                failure says otherwise.",
        causes: [
            "the chart renders something that the cluster does not accept",
            "a hook of the chart failed or never ended",
            "an object is there already and belongs to another release or to nobody",
            "the API server did not respond",
        ],
        look: [
            "`provision logs STEP` shows all that helm said",
            "`HELM -n NAMESPACE history RELEASE` shows the revisions",
            "`HELM -n NAMESPACE status RELEASE` shows its notes and state",
        ],
        fixes: ["correct what helm names, in the chart or its values; then `provision up`"],
        next: "provision logs STEP",
    }
    RELEASE_PENDING = "release-pending", Failed,
        "a release is being worked on, or somebody stopped in the middle of that" {
        about: "The last revision of the release is pending, and Helm refuses to upgrade it. provision frees a release \
                only where it has begun that revision itself and its helm is gone; this one it left alone.",
        causes: [
            "another helm is at work on it right now",
            "a helm was killed: by a time limit, by a closed terminal, with its machine",
        ],
        look: [
            "`HELM -n NAMESPACE history RELEASE` shows the revisions and their states",
            "`HELM list --all-namespaces --pending` lists all such releases",
        ],
        fixes: [
            "wait for the other helm, then `provision up`",
            "when no helm works on it any more, delete the record of its last revision with the command that the \
             failure shows: objects and data stay as they are. Then `provision up`",
        ],
        next: "provision logs STEP",
    }
    RELEASE_MISSING = "release-missing", Failed, "there is no release of that name" {
        about: "A step checks or changes a release, and the namespace has none of that name.",
        causes: ["it was uninstalled", "the step that installs it was not run, or uses another name or namespace"],
        look: ["`HELM list --all-namespaces --all` lists all releases"],
        fixes: ["`provision up` installs it again", "correct `release` or `namespace` in pipeline.toml"],
        next: "provision plan",
    }
    RELEASE_DRIFTED = "release-drifted", Failed, "a release does not stay as it was released" {
        about: "After the upgrade the objects were compared with the release, and something had changed them again.",
        causes: [
            "an autoscaler or an operator sets a field that the chart sets too",
            "an admission webhook changes it",
            "somebody changes it by hand",
        ],
        look: [
            "the lines of the failure show each field with both values",
            "`KUBECTL -n NAMESPACE get KIND NAME --show-managed-fields -o yaml` shows who has set it",
        ],
        fixes: [
            "if the field belongs to the other one: `ignore-changes = [\"deployment/NAME: spec.replicas\"]` in the \
             step",
            "else stop what changes it, then `provision up`",
        ],
        next: "provision why STEP",
    }
    ROLLBACK_IMPOSSIBLE = "rollback-impossible", Failed, "there is no earlier version to go back to" {
        about: "A step goes back to an earlier revision of a release or a workload, and the cluster keeps none that \
                would do.",
        causes: [
            "it was released only once",
            "old revisions were removed: `history-max`, `revisionHistoryLimit`",
            "the earlier revisions were never deployed",
        ],
        look: [
            "`HELM -n NAMESPACE history RELEASE` shows the revisions",
            "`KUBECTL -n NAMESPACE rollout history deployment/NAME` shows those of a workload",
        ],
        fixes: [
            "upgrade it before, in a step of its own",
            "keep more: `history-max` of at least 2, `revisionHistoryLimit` of at least 1",
        ],
        next: "provision logs STEP",
    }
    CHART_MISSING = "chart-missing", Failed, "there is no chart at that place" {
        about: "The folder that `chart` names is not there, or has no Chart.yaml.",
        causes: ["the path starts at the folder of pipeline.toml", "the chart was moved or is in another branch"],
        look: ["`provision plan` shows the step"],
        fixes: ["correct `chart` in pipeline.toml"],
        next: "provision plan",
    }
    CHART_INVALID = "chart-invalid", Failed, "a chart is not as it should be" {
        about: "helm can't render it, its lint finds something, or what it renders is not what the step expects. \
                Nothing in the cluster was changed.",
        causes: [
            "an error in a template, or a value that it needs and does not get",
            "its dependencies are not there",
            "it renders another object than the step expects",
        ],
        look: [
            "`helm template CHART --debug` shows what it renders, and where it stops",
            "`helm lint CHART` checks it",
        ],
        fixes: [
            "correct the template or the values that are named",
            "get its dependencies: `helm dependency build CHART`",
        ],
        next: "provision logs STEP",
    }
}
