//! Tests of `rollout`.

use serde_json::{Value, json};

use super::super::fake_objects::ObjectStore;
use super::*;

const MAP: &str = "/api/v1/namespaces/apps/configmaps/m";

/// A Deployment in `apps` whose only pod has not started, for the reason that its kubelet gives.
fn waiting(reason: &str, message: &str) -> ObjectStore {
    let store = ObjectStore::default();
    store.put(
        "/apis/apps/v1/namespaces/apps/deployments/web",
        json!({"metadata": {"generation": 1}, "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {}, "spec": {"containers": []}}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 0}}),
    );
    store.put("/api/v1/namespaces/apps/pods/web-1", pod(reason, message));
    store
}

fn pod(reason: &str, message: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]},
        "status": {"containerStatuses": [{"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": message}}}]}})
}

fn rollout() -> Rollout {
    Rollout::new(vec![(WorkloadKind::Deployment, "apps".into(), "web".into())], false)
}

/// Lets all that lasts have lasted for longer than a suspicion may.
fn wait_long(rollout: &mut Rollout) {
    rollout.lasting.values_mut().for_each(|lasting| lasting.since = Stopwatch::begun(SUSPECT));
}

fn message(rollout: &mut Rollout) -> (Vec<String>, String) {
    let (lines, progress) = rollout.take_news();
    (lines, progress.unwrap().message)
}

#[tokio::test]
async fn a_kubelet_that_is_late_does_not_fail_a_rollout() {
    let store = waiting("CreateContainerConfigError", "configmap \"m\" not found");
    store.put(MAP, json!({"data": {}}));
    let kube = store.serve().await;
    let mut rollout = rollout();
    assert_eq!(rollout.check(&kube).await.unwrap(), RolloutState::Waiting);
    let missing = "deployment/web waits for 1 of 1 pods to be ready";
    assert_eq!(message(&mut rollout).1, missing);
    for n_lines in [1, 0, 0] {
        wait_long(&mut rollout);
        assert_eq!(rollout.check(&kube).await.unwrap(), RolloutState::Waiting);
        let answer = "pod web-1: configmap/m in apps is there, and the kubelet has not seen it yet";
        let (lines, progress) = message(&mut rollout);
        assert_eq!(progress, format!("{missing}: {answer}"));
        assert_eq!(lines, vec![format!("deployment/web: {answer}"); n_lines]);
    }
    // What is said of it in the end does not blame the object.
    let failed = Failure::failed("out of time");
    let told = kube.explain(failed, rollout.unfinished(), |remedy| format!("{remedy:?}")).await;
    assert!(told.details.iter().any(|line| line.contains("the kubelet has not seen it yet")), "{:?}", told.details);
    assert!(!told.hints.iter().any(|hint| hint.contains("Create")), "{:?}", told.hints);
    assert_eq!(told.id.unwrap().word(), "rollout-stuck");
}

#[tokio::test]
async fn what_is_missing_by_the_api_server_too_fails_a_rollout_with_its_name() {
    let store = waiting("CreateContainerConfigError", "configmap \"m\" not found");
    let kube = store.serve().await;
    let mut rollout = rollout();
    assert_eq!(rollout.check(&kube).await.unwrap(), RolloutState::Waiting);
    wait_long(&mut rollout);
    let RolloutState::Fatal(fatal) = rollout.check(&kube).await.unwrap() else { panic!("{rollout:?}") };
    let (workload, problem) = *fatal;
    assert_eq!(workload.to_string(), "deployment/web");
    assert_eq!(
        problem.line(),
        "container c: CreateContainerConfigError: configmap \"m\" not found (there is no configmap/m in apps)"
    );
}

#[tokio::test]
async fn what_is_deleted_while_a_kubelet_is_late_fails_the_rollout_then() {
    let store = waiting("CreateContainerConfigError", "couldn't find key K in ConfigMap apps/m");
    store.put(MAP, json!({"data": {"K": "v"}}));
    let kube = store.serve().await;
    let mut rollout = rollout();
    for _ in 0..2 {
        assert_eq!(rollout.check(&kube).await.unwrap(), RolloutState::Waiting);
        wait_long(&mut rollout);
    }
    store.change(MAP, |map| map["data"] = json!({}));
    let RolloutState::Fatal(fatal) = rollout.check(&kube).await.unwrap() else { panic!("{rollout:?}") };
    assert!(fatal.1.line().ends_with("(configmap/m in apps has no key K)"), "{}", fatal.1.line());
}

#[tokio::test]
async fn another_thing_that_is_missing_has_a_time_of_its_own() {
    let store = waiting("CreateContainerConfigError", "configmap \"m\" not found");
    let kube = store.serve().await;
    let mut rollout = rollout();
    assert_eq!(rollout.check(&kube).await.unwrap(), RolloutState::Waiting);
    wait_long(&mut rollout);
    let next = pod("CreateContainerConfigError", "configmap \"n\" not found");
    store.change("/api/v1/namespaces/apps/pods/web-1", |pod| pod["status"] = next["status"].clone());
    assert_eq!(rollout.check(&kube).await.unwrap(), RolloutState::Waiting);
    wait_long(&mut rollout);
    assert!(matches!(rollout.check(&kube).await.unwrap(), RolloutState::Fatal(_)));
}

/// A release of one Job, which is removed some time after its end if `limit` says so.
fn release_of_job(limit: &str) -> super::super::release::Release {
    super::super::release::Release {
        name: "todo".into(),
        namespace: "apps".into(),
        revision: 1,
        status: super::super::release::ReleaseStatus::Deployed,
        description: String::new(),
        chart: "todo-1".into(),
        chart_name: "todo".into(),
        app_version: String::new(),
        manifest: format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: migrate}}\nspec: {{completions: 1{limit}}}\n"
        ),
        hooks: Vec::new(),
        objects: std::sync::OnceLock::new(),
    }
}

#[tokio::test]
async fn a_job_that_is_removed_after_its_end_counts_while_it_is_there_and_is_not_missed_then() {
    const JOB: &str = "/apis/batch/v1/namespaces/apps/jobs/migrate";
    let limited = release_of_job(", ttlSecondsAfterFinished: 1");
    let store = ObjectStore::default();
    let kube = store.serve().await;
    let target = (WorkloadKind::Job, "apps".to_owned(), "migrate".to_owned());
    // While it runs, and once it is complete or failed.
    let ended = |how: &str| json!({"conditions": [{"type": how, "status": "True"}]});
    for (status, expected) in
        [(json!({"active": 1}), "waits"), (ended("Failed"), "fatal"), (ended("Complete"), "complete")]
    {
        store.put(JOB, json!({"spec": {"completions": 1, "ttlSecondsAfterFinished": 1}, "status": status}));
        let (targets, gone) = kube.workloads_of(&limited).await.unwrap();
        assert_eq!((&targets, gone.len()), (&vec![target.clone()], 0), "{expected}");
        let state = Rollout::new(targets, false).check(&kube).await.unwrap();
        let found = match state {
            RolloutState::Waiting => "waits",
            RolloutState::Fatal(_) => "fatal",
            RolloutState::Complete { .. } => "complete",
            RolloutState::Ready { .. } => "ready",
        };
        assert_eq!(found, expected);
    }
    // Gone: nothing waits for it, and it is no drift.
    let store = ObjectStore::default();
    let kube = store.serve().await;
    let (targets, gone) = kube.workloads_of(&limited).await.unwrap();
    assert_eq!(
        (targets.len(), gone),
        (0, vec!["job/migrate in apps is gone: it was removed some time after its end".into()])
    );
    assert_eq!(kube.release_drift(&limited, &|_| false).await.unwrap().summary(), None);
    // One that nobody removes is missed.
    let kept = release_of_job("");
    let (targets, gone) = kube.workloads_of(&kept).await.unwrap();
    assert_eq!((targets.clone(), gone.len()), (vec![target], 0));
    assert!(Rollout::new(targets, false).check(&kube).await.unwrap_err().message.contains("there is no job/migrate"));
    let drift = kube.release_drift(&kept, &|_| false).await.unwrap();
    assert_eq!(drift.summary().as_deref(), Some("job/migrate in apps is gone"));
}

#[tokio::test]
async fn a_job_that_is_removed_after_its_end_while_it_is_waited_for_is_over() {
    const JOB: &str = "/apis/batch/v1/namespaces/apps/jobs/migrate";
    let target = (WorkloadKind::Job, "apps".to_owned(), "migrate".to_owned());
    let event = |uid: &str, reason: &str| json!({"involvedObject": {"kind": "Job", "uid": uid}, "reason": reason});
    for (limit, seen, event, error) in [
        (json!(0), json!({"active": 1}), event("one", "Completed"), ""),
        (json!(0), json!({"conditions": [{"type": "Complete", "status": "True"}]}), event("one", "Other"), ""),
        // It may have failed; an earlier one of its name says nothing.
        (json!(0), json!({"active": 1}), event("one", "BackoffLimitExceeded"), "nothing shows how it ended"),
        (json!(0), json!({"active": 1}), event("zero", "Completed"), "nothing shows how it ended"),
        (Value::Null, json!({"active": 1}), event("one", "Completed"), "there is no job/migrate"),
    ] {
        let store = ObjectStore::default();
        let kube = store.serve().await;
        let spec = json!({"completions": 1, "ttlSecondsAfterFinished": limit});
        store.put(JOB, json!({"metadata": {"uid": "one"}, "spec": spec, "status": seen}));
        store.put("/api/v1/namespaces/apps/events/e", event);
        let mut rollout = Rollout::new(vec![target.clone()], false);
        assert_ne!(rollout.check_once(&kube).await.unwrap(), RolloutState::Complete { pods: 0 });
        // It was removed between two checks.
        store.remove(JOB);
        let state = rollout.check_once(&kube).await;
        if error.is_empty() {
            assert_eq!(state.unwrap(), RolloutState::Complete { pods: 0 });
            let gone = "job/migrate in apps is gone: it was removed some time after its end".to_owned();
            assert_eq!(rollout.take_news().0, [gone]);
        } else {
            let failure = state.unwrap_err();
            assert!(failure.message.contains(error), "{failure}");
        }
    }
}
