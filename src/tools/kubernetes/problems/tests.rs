//! Tests of `problems`.

use serde_json::{Value, json};

use super::*;

fn pod(status: &Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "api-1", "namespace": "apps"},
        "spec": {"containers": [{"name": "c", "resources": {"limits": {"memory": "64Mi"}}}]},
        "status": status,
    }))
    .unwrap()
}

fn container(state: &Value, last: &Value, restarts: i32) -> Pod {
    pod(&json!({"containerStatuses": [{"name": "c", "image": "todo:1", "imageID": "", "ready": false,
        "restartCount": restarts, "state": state, "lastState": last}]}))
}

fn waiting(reason: &str, message: &str, restarts: i32) -> Pod {
    let ended = json!({"terminated": {"exitCode": 3, "reason": "Error"}});
    let last = if restarts > 0 { ended } else { json!({}) };
    container(&json!({"waiting": {"reason": reason, "message": message}}), &last, restarts)
}

fn event(reason: &str, message: &str) -> Event {
    serde_json::from_value(json!({"metadata": {}, "involvedObject": {}, "reason": reason, "message": message})).unwrap()
}

#[test]
fn reasons_tell_whether_waiting_helps() {
    let back_off = |seconds: &str| format!("back-off {seconds} restarting failed container=c pod=x_y(z)");
    let cases = [
        ("ErrImageNeverPull", String::new(), 0, Outlook::Fatal),
        ("InvalidImageName", String::new(), 0, Outlook::Fatal),
        ("ImagePullBackOff", String::new(), 0, Outlook::Fatal),
        ("ErrImagePull", String::new(), 0, Outlook::Suspect),
        ("CreateContainerConfigError", String::new(), 0, Outlook::Suspect),
        ("CreateContainerConfigError", "secret \"s\" not found".into(), 0, Outlook::Suspect),
        // The kubelet is behind, and not the pod at fault.
        ("CreateContainerConfigError", "failed to sync configmap cache: timed out".into(), 0, Outlook::Recoverable),
        ("CreateContainerConfigError", "services must have been read at least once".into(), 0, Outlook::Recoverable),
        ("CreateContainerError", "context deadline exceeded".into(), 0, Outlook::Recoverable),
        ("CreateContainerError", "name \"c\" is reserved for \"0a1b\"".into(), 0, Outlook::Recoverable),
        ("RunContainerError", "exec: \"/serve\": no such file".into(), 0, Outlook::Suspect),
        ("ContainerCreating", String::new(), 0, Outlook::Recoverable),
        ("CrashLoopBackOff", back_off("10s"), 1, Outlook::Recoverable),
        ("CrashLoopBackOff", back_off("40s"), 3, Outlook::Fatal),
        ("CrashLoopBackOff", back_off("5m0s"), 9, Outlook::Fatal),
        ("CrashLoopBackOff", "said otherwise".into(), 3, Outlook::Fatal),
        // Restarts of an earlier life of the node, and one crash since.
        ("CrashLoopBackOff", back_off("10s"), 9, Outlook::Recoverable),
    ];
    for (reason, message, restarts, outlook) in cases {
        let found = pod_problems(&waiting(reason, &message, restarts), &[]);
        assert_eq!((found.len(), found[0].outlook), (1, outlook), "{reason} {message}");
    }
}

#[test]
fn a_problem_reads_with_exit_code_and_restarts() {
    let found = pod_problems(&waiting("CrashLoopBackOff", "back-off 40s restarting failed container=c pod=x", 3), &[]);
    assert_eq!(
        found[0].line(),
        "container c: CrashLoopBackOff (exit code 3, 3 restarts): back-off 40s restarting failed"
    );
}

#[test]
fn a_container_that_ran_out_of_memory_gets_its_limit_named() {
    let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
    for (state, last) in [(&killed, &json!({})), (&json!({"running": {}}), &killed)] {
        let found = pod_problems(&container(state, last, 1), &[]);
        assert_eq!(
            found[0].remedy,
            Some(Remedy::Other("raise `resources.limits.memory` of the container `c` (now 64Mi)".into()))
        );
        assert_eq!(found[0].exit.as_deref(), Some("OOMKilled, exit code 137"));
    }
}

#[test]
fn what_is_missing_is_read_from_the_messages_of_kubernetes() {
    let (namespace, create, add) = ("apps", "create", "add");
    let cases = [
        ("secret \"s\" not found", create, "secret", "s"),
        ("configmap \"m\" not found", create, "configmap", "m"),
        ("couldn't find key K in Secret apps/s", add, "Secret", "s"),
        ("couldn't find key K in ConfigMap apps/m", add, "ConfigMap", "m"),
    ];
    for (message, what, kind, name) in cases {
        let found = pod_problems(&waiting("CreateContainerConfigError", message, 0), &[]);
        let (kind, namespace, name) = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        let expected = if what == create {
            Remedy::Create { kind, namespace, name }
        } else {
            Remedy::AddKey { kind, namespace, name, key: "K".into() }
        };
        assert_eq!(found[0].remedy, Some(expected), "{message}");
        assert_eq!(found[0].error_id().word(), "pod-config-missing", "{message}");
    }
}

#[test]
fn a_mount_that_fails_counts_only_until_the_container_is_there() {
    let events = [event("FailedMount", "MountVolume.SetUp failed for volume \"v\" : secret \"s\" not found")];
    let found = pod_problems(&waiting("ContainerCreating", "", 0), &events);
    assert_eq!((found[0].reason.as_str(), found[0].outlook), ("FailedMount", Outlook::Suspect));
    assert!(matches!(&found[0].remedy, Some(Remedy::Create { name, .. }) if name == "s"));
    let drivers = [event("FailedMount", "driver name d not found in the list of registered CSI drivers")];
    assert_eq!(pod_problems(&waiting("ContainerCreating", "", 0), &drivers)[1].outlook, Outlook::Recoverable);
    let running = container(&json!({"running": {}}), &json!({}), 0);
    assert!(pod_problems(&running, &events).iter().all(|problem| problem.reason != "FailedMount"));
}

fn unschedulable(message: &str) -> Vec<PodProblem> {
    let conditions =
        json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]);
    pod_problems(&pod(&json!({"conditions": conditions})), &[])
}

#[test]
fn a_pod_that_fits_nowhere_says_what_is_short() {
    let message = "0/1 nodes are available: 1 Insufficient memory.";
    let found = unschedulable(message);
    assert_eq!((found[0].reason.as_str(), found[0].outlook), ("Unschedulable", Outlook::Suspect));
    assert!(matches!(&found[0].remedy, Some(Remedy::Other(text)) if text.contains("memory requests")));
    assert!(!found[0].waits_for_volume());
}

#[test]
fn a_pod_that_waits_for_its_volume_is_recognised() {
    let message = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
    let found = unschedulable(message);
    assert!(found[0].waits_for_volume());
    assert!(matches!(&found[0].remedy, Some(Remedy::Other(text)) if text.contains("`kubectl -n apps get pvc,")));
}

#[test]
fn a_pod_that_is_well_has_no_problems() {
    let ready = pod(&json!({"containerStatuses": [{"name": "c", "image": "", "imageID": "", "ready": true,
        "restartCount": 2, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}}]}));
    assert!(pod_problems(&ready, &[]).is_empty());
}

#[test]
fn every_reason_has_the_id_of_its_error() {
    let id = |reason: &str, message: &str, exit: Option<&str>| {
        let mut problem = problem_of_pod("p", reason, message.into(), Outlook::Fatal);
        problem.exit = exit.map(str::to_owned);
        problem.error_id().word()
    };
    let cases = [
        (id("ErrImageNeverPull", "", None), "image-not-in-node"),
        (id("ImagePullBackOff", "", None), "image-pull-failed"),
        (id("CreateContainerConfigError", "container has runAsNonRoot", None), "container-not-started"),
        (id("CrashLoopBackOff", "back-off 40s", Some("exit code 1")), "crash-loop"),
        (id("CrashLoopBackOff", "back-off 40s", Some("OOMKilled, exit code 137")), "out-of-memory"),
        (id("NotReady", "", None), "probe-failing"),
        (id("Unschedulable", "Insufficient cpu", None), "pod-unschedulable"),
        (id("Unschedulable", "pod has unbound immediate PersistentVolumeClaims", None), "volume-unbound"),
        (id("BackoffLimitExceeded", "", None), "job-failed"),
        (id("Paused", "", None), "rollout-stuck"),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}
