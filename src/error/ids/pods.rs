//! Errors of pods and of the workloads that they belong to.

use crate::error::page::pages;

pages! {
    in PODS;
    CRASH_LOOP = "crash-loop", Failed, "a container ends again and again" {
        about: "The program in a container ends with an error each time it is started, so Kubernetes waits longer and \
                longer before the next try. Waiting does not help.",
        causes: [
            "the program can't start: its last lines are shown",
            "a setting or a secret is missing or wrong",
            "it can't reach a service that it needs at its start",
            "its command or its arguments are wrong",
        ],
        look: [
            "`KUBECTL -n NAMESPACE logs POD -c CONTAINER --previous` shows what it printed before it ended",
            "`KUBECTL -n NAMESPACE describe pod POD` shows its exit code and its settings",
        ],
        fixes: ["correct what the last lines name, in the image, the chart or the settings; then `provision up`"],
        next: "provision logs STEP",
    }
    OUT_OF_MEMORY = "out-of-memory", Failed, "a container was killed because it used more memory than it may" {
        about: "The kernel killed the program when it reached the memory limit of its container.",
        causes: [
            "`resources.limits.memory` is lower than what the program needs, often only at its start",
            "the program does not know its limit, such as a runtime that sizes itself by the whole machine",
            "a leak",
        ],
        look: [
            "`KUBECTL -n NAMESPACE describe pod POD` shows the limit and `OOMKilled`",
            "`KUBECTL -n NAMESPACE top pod POD` shows what it uses while it runs",
        ],
        fixes: [
            "raise `resources.limits.memory` of the container",
            "tell the runtime its limit, such as `NODE_OPTIONS=--max-old-space-size=…` or `-XX:MaxRAMPercentage=75`",
        ],
        next: "provision logs STEP",
    }
    IMAGE_NOT_IN_NODE = "image-not-in-node", Failed, "a pod's image is not in the node, and may not be pulled" {
        about: "The pod has `imagePullPolicy: Never`, and the node does not have the image under exactly that name.",
        causes: [
            "no step brings the image to the node before this one",
            "the chart or manifest names another tag than the one that was built",
            "the node was made again, or has removed the image because its disk was full",
        ],
        look: [
            "`provision plan` shows which steps load images",
            "`KUBECTL -n NAMESPACE describe pod POD` shows the name that was looked for",
        ],
        fixes: [
            "add an `image-load` step before the one that deploys",
            "deploy the exact name, which is the output `image` of the step that builds it: in `set` of a \
             `helm-install` step, in `images` of a `manifest-apply` step",
        ],
        next: "provision plan",
    }
    IMAGE_NAME_INVALID = "image-name-invalid", Failed, "a pod names an image with a name that can't be one" {
        about: "The image name is not of a valid form, so nothing was looked for.",
        causes: [
            "a value of the chart is empty, so that the name ends with `:`",
            "capital letters or spaces in the name",
        ],
        look: ["`KUBECTL -n NAMESPACE describe pod POD` shows the name"],
        fixes: ["correct the image's name or tag in the values of the chart or in the manifest"],
        next: "provision logs STEP",
    }
    POD_CONFIG_MISSING = "pod-config-missing", Failed,
        "a pod names a Secret or ConfigMap, or a key of one, that is not there" {
        about: "The container was not started, because an object that its settings come from is missing in its \
                namespace.",
        causes: [
            "the step that makes the Secret runs later, or in another namespace",
            "the key has another name",
            "the object was deleted",
        ],
        look: [
            "`KUBECTL -n NAMESPACE get secrets,configmaps` lists what is there",
            "`KUBECTL -n NAMESPACE describe pod POD` shows what it asks for",
        ],
        fixes: [
            "make it before: a `secret-apply` step for a Secret, the chart or a `manifest-apply` step for a ConfigMap",
            "or mark the reference as `optional: true`",
        ],
        next: "provision logs STEP",
    }
    POD_UNSCHEDULABLE = "pod-unschedulable", Failed, "a pod fits on no node" {
        about: "The scheduler found no node that has what the pod asks for.",
        causes: [
            "its requests for CPU or memory are more than the node has left",
            "the cluster was made with too little CPU or memory",
            "a node selector, an affinity or a taint that no node meets",
        ],
        look: [
            "`KUBECTL -n NAMESPACE describe pod POD` shows the scheduler's reason for each node",
            "`KUBECTL describe nodes` shows what is requested already",
        ],
        fixes: [
            "lower `resources.requests` of the pods",
            "make the cluster larger: `cpus` and `memory` in `[cluster]`, then `provision down --cluster` and \
             `provision up`",
        ],
        next: "provision logs STEP",
    }
    VOLUME_UNBOUND = "volume-unbound", Failed, "a pod waits for a volume that nobody makes" {
        about: "A claim of the pod has no volume, and none was made in the time that this usually takes.",
        causes: [
            "the claim names a storage class that is not there",
            "the provisioner of the cluster is not running",
            "the claim asks for more than there is, or for an access mode that the class does not offer",
        ],
        look: [
            "`KUBECTL -n NAMESPACE get pvc` shows the claims",
            "`KUBECTL get storageclass` shows the classes",
            "`KUBECTL -n kube-system get pods` shows whether the provisioner runs",
        ],
        fixes: [
            "correct `storageClassName`, or leave it out to get the default",
            "turn the cluster's provisioner on, such as with a `cluster-addon` step",
        ],
        next: "provision logs STEP",
    }
    VOLUME_NOT_MOUNTED = "volume-not-mounted", Failed, "a volume of a pod could not be mounted" {
        about: "The pod is on a node, and waits for a volume, a Secret or a ConfigMap that can't be mounted, or for \
                its network.",
        causes: [
            "the Secret or ConfigMap of the volume is not there",
            "the volume is still attached to another node",
            "the network plugin of the node is not ready",
        ],
        look: ["`KUBECTL -n NAMESPACE describe pod POD` shows the event with the reason"],
        fixes: [
            "make the missing object before, with a `secret-apply` or `manifest-apply` step",
            "then `provision up`",
        ],
        next: "provision logs STEP",
    }
    CONTAINER_NOT_STARTED = "container-not-started", Failed, "a container could not be started" {
        about: "The node has the image, and the container runtime could not start its program.",
        causes: [
            "the command is not in the image, or can't be executed",
            "the program is made for another kind of processor",
            "the security context does not allow what the image needs",
        ],
        look: ["`KUBECTL -n NAMESPACE describe pod POD` shows what the runtime says"],
        fixes: [
            "correct `command` and `args` of the container, or the image's ENTRYPOINT",
            "build for the node's platform",
        ],
        next: "provision logs STEP",
    }
    PROBE_FAILING = "probe-failing", Failed, "a container runs, and does not pass its probe" {
        about: "The program runs, and its startup or readiness probe does not succeed, so no traffic is sent to it.",
        causes: [
            "the probe asks at another path or port than the program listens on",
            "the program listens on 127.0.0.1 only",
            "it waits for a database or another service",
            "it needs longer than the probe allows",
        ],
        look: [
            "`KUBECTL -n NAMESPACE describe pod POD` shows the probe and its last result",
            "`KUBECTL -n NAMESPACE logs POD -c CONTAINER` shows what the program does",
        ],
        fixes: [
            "correct the probe's path or port",
            "give it time: `initialDelaySeconds`, `failureThreshold`, or a startup probe",
        ],
        next: "provision logs STEP",
    }
    POD_REFUSED = "pod-refused", Failed, "the cluster refuses to make a pod" {
        about: "The workload is there, and its controller can't make pods of it.",
        causes: [
            "a quota of the namespace",
            "a policy or an admission webhook that refuses the pod",
            "a service account that is not there",
        ],
        look: [
            "`KUBECTL -n NAMESPACE get events` shows what was refused, and why",
            "`KUBECTL -n NAMESPACE get resourcequota` shows the quotas",
        ],
        fixes: ["correct what is refused, or the quota or policy; then `provision up`"],
        next: "provision logs STEP",
    }
    JOB_FAILED = "job-failed", Failed, "a job has failed" {
        about: "The pods of a job ended with an error as often as the job allows. It stays failed until it is made \
                again.",
        causes: [
            "the program ended with an error: its last lines are shown",
            "what it needs, such as a database, was not there yet",
        ],
        look: [
            "`KUBECTL -n NAMESPACE describe job JOB` shows why it was stopped",
            "`KUBECTL -n NAMESPACE logs job/JOB` shows what it printed",
        ],
        fixes: [
            "correct the cause, and let the job be made again: delete it, `KUBECTL -n NAMESPACE delete job JOB`, then \
             `provision up`",
        ],
        next: "provision logs STEP",
    }
    ROLLOUT_STUCK = "rollout-stuck", Failed, "a workload does not come up" {
        about: "Not all pods of a workload became ready. What is known of each pod is in the failure: its state, its \
                last lines, its events.",
        causes: [
            "one of its pods has a problem, shown below the workload",
            "its rollout is paused",
            "old pods do not end",
        ],
        look: [
            "`KUBECTL -n NAMESPACE get pods` shows the state of all pods",
            "`KUBECTL -n NAMESPACE get events` shows what happened last",
        ],
        fixes: ["solve what the pods' lines name, then `provision up`"],
        next: "provision logs STEP",
    }
    WORKLOAD_MISSING = "workload-missing", Failed, "a workload that is to be checked is not there" {
        about: "The step names a workload, a release or labels, and the namespace has nothing that matches.",
        causes: [
            "it has another name or is in another namespace",
            "the step that deploys it was not run, or what it made was deleted",
        ],
        look: [
            "`KUBECTL -n NAMESPACE get deployments,statefulsets,daemonsets,jobs` lists what is there",
            "`provision status` shows whether the deploying step has succeeded",
        ],
        fixes: [
            "correct the name or `namespace` in pipeline.toml",
            "`provision up` deploys what is not there any more",
        ],
        next: "provision plan",
    }
    POD_IMAGE_STALE = "pod-image-stale", Failed, "pods run another image than the one that has their image's name now" {
        about: "The node has a newer image under the same name, and the pods still run the older one: they would not \
                be what was built.",
        causes: [
            "the tag stays the same from build to build, so that the workload did not change",
            "an image was brought to the node after the pods had started",
        ],
        look: ["`KUBECTL -n NAMESPACE get pods -o wide` shows the pods and their age"],
        fixes: [
            "deploy the exact reference: `${{ steps.STAGE.STEP.image }}`, whose tag changes with the content",
            "once: `KUBECTL -n NAMESPACE rollout restart deployment/NAME`",
        ],
        next: "provision logs STEP",
    }
}
