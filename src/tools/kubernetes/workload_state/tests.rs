//! Tests of `workload_state`: a row for each kind, strategy and state.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

/// What is said of a workload: `ready`, `waits: …`, `never: reason: …`; with its remark.
fn said(workload: &Workload) -> String {
    let state = match &workload.never {
        Some((reason, message)) => format!("never: {reason}: {message}"),
        None if workload.complete => "ready".to_owned(),
        None => format!("waits: {}", workload.waits_for),
    };
    assert_eq!(workload.complete, state == "ready");
    assert_eq!(workload.complete, workload.waits_for.is_empty());
    workload.remark.iter().fold(state, |state, remark| format!("{state} ({remark})"))
}

fn read<T: DeserializeOwned>(name: &str, spec: &Value, status: &Value) -> T {
    let mut spec = spec.clone();
    for (key, value) in [("selector", json!({"matchLabels": {"app": name}})), ("template", json!({}))] {
        if spec.get(key).is_none() {
            spec[key] = value;
        }
    }
    let meta = json!({"name": name, "namespace": "apps", "generation": 4, "uid": "u"});
    serde_json::from_value(json!({"metadata": meta, "spec": spec, "status": status})).unwrap()
}

fn deployment(spec: &Value, status: &Value) -> Workload {
    of_deployment(&read("api", spec, status))
}

#[test]
fn deployments() {
    let status = |replicas: u64, updated: u64, available: u64| json!({"observedGeneration": 4, "replicas": replicas, "updatedReplicas": updated, "availableReplicas": available});
    let two = json!({"replicas": 2});
    let paused = json!({"replicas": 2, "paused": true});
    let is_paused = "never: Paused: its rollout is paused: `kubectl -n apps rollout resume deployment/api`";
    let cases = [
        (&two, json!({"observedGeneration": 3}), "waits: the controller to see the change"),
        (&two, status(2, 1, 2), "waits: 1 of 2 pods to be made"),
        (&two, status(3, 2, 3), "waits: 1 old pod to go"),
        (&two, status(4, 2, 4), "waits: 2 old pods to go"),
        (&two, status(3, 2, 2), "waits: 1 new pod to be ready, then for 1 old pod to go"),
        (&two, status(2, 2, 1), "waits: 1 of 2 pods to be ready"),
        (&two, status(2, 2, 2), "ready"),
        (&paused, status(2, 2, 2), "ready"),
        (&paused, status(2, 0, 2), is_paused),
        (&paused, status(3, 1, 3), is_paused),
        (&json!({"replicas": 0}), status(0, 0, 0), "never: NoPods: it wants no pods, so nothing of it runs"),
        (&json!({"strategy": {"type": "Recreate"}}), status(0, 0, 0), "waits: 1 of 1 pods to be made"),
        (&json!({}), status(1, 1, 1), "ready"),
    ];
    for (spec, status, expected) in cases {
        assert_eq!(said(&deployment(spec, &status)), expected, "{spec} {status}");
    }
    assert_eq!(said(&deployment(&json!({"replicas": 0}), &status(0, 0, 0)).allowing_empty()), "ready");
    assert_eq!(said(&deployment(&paused, &status(2, 0, 2)).allowing_empty()), is_paused);
}

#[test]
fn a_controllers_complaint_counts_once_it_has_seen_the_newest_state() {
    let conditions = json!([
        {"type": "Available", "status": "False"},
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"},
    ]);
    let complaint = |seen: i64| {
        deployment(&json!({"replicas": 2}), &json!({"observedGeneration": seen, "conditions": conditions})).complaint
    };
    assert_eq!(complaint(3), None);
    assert_eq!(complaint(4), Some(("FailedCreate".into(), "exceeded quota".into())));
}

#[test]
fn stateful_sets() {
    let set = |replicas: u64, strategy: &Value, current: &str, updated: u64, available: u64| {
        let spec = json!({"replicas": replicas, "serviceName": "db", "updateStrategy": strategy});
        let status = json!({"observedGeneration": 4, "replicas": replicas, "availableReplicas": available,
            "readyReplicas": available, "updatedReplicas": updated, "currentRevision": current, "updateRevision": "b"});
        said(&of_stateful_set(&read("db", &spec, &status)))
    };
    let rolling = json!({"type": "RollingUpdate"});
    let partition = |n: u64| json!({"type": "RollingUpdate", "rollingUpdate": {"partition": n}});
    let on_delete = json!({"type": "OnDelete"});
    assert_eq!(set(1, &rolling, "a", 0, 1), "waits: 1 of 1 pods to be made");
    assert_eq!(set(1, &rolling, "a", 1, 1), "ready");
    assert_eq!(set(1, &rolling, "b", 0, 1), "ready");
    assert_eq!(set(2, &rolling, "b", 0, 1), "waits: 1 of 2 pods to be ready");
    assert_eq!(set(3, &partition(2), "a", 0, 3), "waits: 1 of 3 pods to be made");
    let kept =
        |n: u64, p: u64| format!("ready ({n} of 3 pods are meant to keep an older revision: its partition is {p})");
    assert_eq!(set(3, &partition(2), "a", 1, 3), kept(2, 2));
    assert_eq!(set(3, &partition(9), "a", 0, 3), kept(3, 9));
    assert_eq!(set(3, &partition(2), "a", 1, 2), "waits: 1 of 3 pods to be ready");
    assert_eq!(set(3, &partition(0), "b", 0, 3), "ready");
    let old =
        "never: OnDelete: 1 of 2 pods are of an older revision, and its update strategy replaces none: delete them";
    assert_eq!(set(2, &on_delete, "a", 1, 2), old);
    assert_eq!(set(2, &on_delete, "a", 2, 2), "ready");
    assert_eq!(set(2, &on_delete, "b", 0, 2), "ready");
    assert_eq!(set(0, &rolling, "b", 0, 0), "never: NoPods: it wants no pods, so nothing of it runs");
}

#[test]
fn daemon_sets() {
    let set = |strategy: &str, seen: u64, wanted: u64, current: u64, updated: u64, available: u64| {
        let status = json!({"observedGeneration": seen, "desiredNumberScheduled": wanted, "numberReady": available,
            "currentNumberScheduled": current, "updatedNumberScheduled": updated, "numberAvailable": available,
            "numberMisscheduled": 0});
        said(&of_daemon_set(&read("log", &json!({"updateStrategy": {"type": strategy}}), &status)))
    };
    assert_eq!(set("RollingUpdate", 3, 0, 0, 0, 0), "waits: the controller to see the change");
    assert_eq!(set("RollingUpdate", 4, 2, 2, 1, 2), "waits: 1 of 2 pods to be made");
    assert_eq!(set("RollingUpdate", 4, 2, 2, 2, 1), "waits: 1 of 2 pods to be ready");
    assert_eq!(set("RollingUpdate", 4, 2, 2, 2, 2), "ready");
    assert_eq!(set("OnDelete", 4, 2, 1, 1, 1), "waits: 1 of 2 pods to be made");
    let old =
        "never: OnDelete: 2 of 2 pods are of an older revision, and its update strategy replaces none: delete them";
    assert_eq!(set("OnDelete", 4, 2, 2, 0, 2), old);
    assert_eq!(set("RollingUpdate", 4, 0, 0, 0, 0), "never: NoPods: it wants no pods, so nothing of it runs");
}

#[test]
fn replica_sets() {
    let set = |available: u64| {
        let status = json!({"observedGeneration": 4, "replicas": 2, "availableReplicas": available});
        said(&of_replica_set(&read("rs", &json!({"replicas": 2}), &status)))
    };
    assert_eq!(set(1), "waits: 1 of 2 pods to be ready");
    assert_eq!(set(2), "ready");
}

#[test]
fn jobs() {
    let job = |spec: Value, status: Value| said(&of_job(&read("migrate", &spec, &status)));
    let condition =
        |kind: &str| json!([{"type": kind, "status": "True", "reason": "BackoffLimitExceeded", "message": "oh"}]);
    assert_eq!(job(json!({}), json!({})), "waits: 1 of 1 completions");
    assert_eq!(job(json!({"completions": 3}), json!({"succeeded": 1})), "waits: 2 of 3 completions");
    assert_eq!(job(json!({"completions": 3}), json!({"succeeded": 3})), "waits: 0 of 3 completions");
    assert_eq!(job(json!({"completions": 3}), json!({"conditions": condition("Complete")})), "ready");
    assert_eq!(job(json!({"completions": 3}), json!({"conditions": condition("SuccessCriteriaMet")})), "ready");
    assert_eq!(job(json!({}), json!({"conditions": condition("Failed")})), "never: BackoffLimitExceeded: oh");
    let suspended = "never: Suspended: the job is suspended, so it does not run";
    assert_eq!(job(json!({"suspend": true}), json!({})), suspended);
    assert_eq!(job(json!({"suspend": true}), json!({"conditions": condition("Complete")})), "ready");
    assert_eq!(
        job(json!({"parallelism": 0}), json!({})),
        "never: NoParallelism: the job's parallelism is 0, so it does not run"
    );
}

#[test]
fn cron_jobs_are_schedules() {
    let job = |suspend: bool| {
        let spec = json!({"schedule": "* * * * *", "jobTemplate": {}, "suspend": suspend});
        said(&of_cron_job(&serde_json::from_value(json!({"metadata": {"name": "c"}, "spec": spec})).unwrap()))
    };
    assert_eq!(job(false), "ready");
    assert_eq!(job(true), "ready (it is suspended: it starts no job)");
}

#[test]
fn pods() {
    let pod = |status: Value| {
        said(&of_pod(&serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap()))
    };
    let ready = json!([{"type": "Ready", "status": "True"}]);
    assert_eq!(pod(json!({})), "waits: the pod, which is pending, to be ready");
    assert_eq!(pod(json!({"phase": "Running"})), "waits: the pod, which is running, to be ready");
    assert_eq!(pod(json!({"phase": "Running", "conditions": ready})), "ready");
    assert_eq!(pod(json!({"phase": "Succeeded"})), "ready");
    let ended = json!([{"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": 3}}}]);
    assert_eq!(pod(json!({"phase": "Failed", "containerStatuses": ended})), "never: Failed: container c: exit code 3");
    assert_eq!(pod(json!({"phase": "Failed", "reason": "Evicted"})), "never: Evicted: the pod has failed");
}
