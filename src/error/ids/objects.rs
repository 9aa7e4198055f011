//! Errors of the objects in a cluster.

use crate::error::page::pages;

pages! {
    in OBJECTS;
    FIELD_OWNED = "field-owned", Failed, "a field of an object belongs to somebody else" {
        about: "Kubernetes knows which program has set each field. The step would change one that another program has \
                set; it was left as it is.",
        causes: [
            "two steps set the same object",
            "somebody has changed it by hand: `kubectl edit`, `kubectl scale`",
            "an operator or an autoscaler sets it",
        ],
        look: ["`KUBECTL -n NAMESPACE get KIND NAME --show-managed-fields -o yaml` shows who has set what"],
        fixes: [
            "let one of the two set it: leave the field out of the manifest",
            "give this step an object of its own",
        ],
        next: "provision logs STEP",
    }
    OBJECT_BUSY = "object-busy", Failed, "an object was changed by somebody else at the same time" {
        about: "Between reading and changing it, another program had changed the object, again and again. Nothing of \
                the other's change was overwritten.",
        causes: ["another run, a controller or a person works on the same object"],
        look: ["`KUBECTL -n NAMESPACE get KIND NAME --show-managed-fields -o yaml` shows who"],
        fixes: ["`provision up` tries it again", "let only one of them change it"],
        next: "provision up",
    }
    KIND_UNKNOWN = "kind-unknown", Failed, "the cluster does not know a kind of object" {
        about: "A manifest, a chart or a check names a kind that the cluster does not serve.",
        causes: [
            "its definition (CRD) is not installed, or is installed later in the pipeline",
            "`apiVersion` or `kind` is misspelled, or of a version that the cluster does not have any more",
        ],
        look: ["`KUBECTL api-resources` lists all kinds", "`KUBECTL get crds` lists those that were added"],
        fixes: [
            "apply the definition before, with a `manifest-apply` step of its own",
            "correct `apiVersion` and `kind`",
        ],
        next: "provision logs STEP",
    }
    MANIFEST_INVALID = "manifest-invalid", Failed, "a manifest can't be read, or the cluster does not accept it" {
        about: "The file is not YAML of Kubernetes objects, or the API server refused an object of it.",
        causes: [
            "indentation, or a template that is not filled in",
            "a field of a wrong type or of another version",
            "an object without a name",
        ],
        look: ["`KUBECTL apply --dry-run=server -f FILE` shows what the API server says of it"],
        fixes: ["correct the file at the place that is named, then `provision up`"],
        next: "provision logs STEP",
    }
    EXERCISE_STUCK = "exercise-stuck", Failed,
        "what a check has changed for a while can't be changed or taken back now" {
        about: "Some checks change a workload and take that back. Another such check has it, or what was there before \
                can't be put back yet. What was there before is written on the object itself.",
        causes: [
            "another run checks the same workload",
            "somebody has changed the workload meanwhile",
            "the API server does not respond",
        ],
        look: [
            "`provision status` shows whether a run is on",
            "`KUBECTL -n NAMESPACE get deployment NAME -o yaml` shows the annotation",
        ],
        fixes: ["wait until the other run is over", "`provision up` takes it back before it begins"],
        next: "provision up",
    }
}
