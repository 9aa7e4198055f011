//! Tests of what exercises share, against a server that keeps the workload.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::*;
use crate::action::StepScope;
use crate::error::FailureKind;
use crate::event::{StepLog, event_channel};
use crate::model::StepId;
use crate::redact::Redactor;
use crate::tools::kubernetes::fake_api::ObjectStore;
use crate::tools::secrets::Secrets;
use crate::tools::{Cancel, Tools};

const PATH: &str = "/apis/apps/v1/namespaces/apps/deployments/web";

fn target() -> Target {
    (WorkloadKind::Deployment, "apps".to_owned(), "web".to_owned())
}

/// A store with a Deployment of two pods.
fn store() -> ObjectStore {
    let store = ObjectStore::default();
    let template =
        json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}});
    let spec = json!({"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template});
    let metadata = json!({"name": "web", "namespace": "apps", "uid": "d", "annotations": {"a": "b"}});
    store.put(PATH, json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}));
    store
}

fn context(folder: &Path, cancel: Cancel) -> StepContext {
    let tools = Tools::new(folder.into(), folder.into(), Secrets::default(), None, Redactor::new());
    let (sink, _events) = event_channel();
    let id = StepId::new("s.scale").unwrap();
    let log = StepLog::discard(id.clone());
    Arc::new(StepScope::new(Arc::new(tools), sink, Arc::new(|_, _| {}))).of(id, log, cancel, None)
}

fn replicas(store: &ObjectStore) -> Value {
    store.get(PATH)["spec"]["replicas"].clone()
}

#[test]
fn a_workload_is_named_by_kind_and_name() {
    let read = |text: &str| toml::Value::from(text).try_into::<WorkloadName>();
    let web = read("deployment/web").unwrap();
    assert_eq!(web.target("n"), (WorkloadKind::Deployment, "n".to_owned(), "web".to_owned()));
    assert_eq!(read("statefulset/db").unwrap().kind, WorkloadKind::StatefulSet);
    for bad in ["web", "pod/web", "deployment/", "deployment/Web", "Deployment/web", ""] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn whatever_becomes_of_an_exercise_its_change_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    for how in ["done", "failed", "stopped", "killed"] {
        let (store, cancel) = (store(), Cancel::new());
        let before = store.get(PATH);
        let kube = store.serve(|_| {}).await;
        let cx = context(folder.path(), cancel.clone());
        let exercise = Exercise::new(&cx, &kube, target()).unwrap();
        let result = exercise.and_back(async {
            exercise.change(&Change::Replicas(3)).await?;
            assert_eq!(replicas(&store), 3);
            match how {
                "done" => Ok(()),
                "failed" => Err(Failure::failed("no room")),
                "stopped" => {
                    cancel.wind_down();
                    cx.check_cancel()
                }
                _ => {
                    cancel.kill();
                    std::future::pending().await
                }
            }
        });
        match (how, result.await) {
            ("done", Ok(())) => {}
            ("failed", Err(failure)) => assert_eq!(failure.to_string(), "no room"),
            ("stopped", Err(failure)) => assert_eq!(failure.kind, FailureKind::Interrupted),
            // Nothing can be waited for any more. The next run finds what is left.
            ("killed", Err(failure)) => {
                assert!(failure.hints[0].starts_with("deployment/web is left changed"), "{failure:?}");
                assert_eq!(replicas(&store), 3);
                let next = context(folder.path(), Cancel::new());
                Exercise::new(&next, &kube, target()).unwrap().change_back().await.unwrap();
            }
            (how, result) => panic!("{how}: {result:?}"),
        }
        assert_eq!(store.get(PATH), before, "{how}");
    }
}

#[tokio::test]
async fn what_can_not_be_taken_back_is_said_and_its_failure_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (store, refuses) = (store(), Arc::new(AtomicBool::new(false)));
    let refusing = Arc::clone(&refuses);
    let other = store.clone();
    // Somebody changes it before each request: it can't be changed as it was read.
    let kube = store
        .serve(move |request| {
            if request.method == "PATCH" && refusing.load(Ordering::SeqCst) {
                other.change(PATH, |object| object["status"]["n"] = 1.into());
            }
        })
        .await;
    let cx = context(folder.path(), Cancel::new());
    let exercise = Exercise::new(&cx, &kube, target()).unwrap();
    let work = exercise.and_back(async {
        exercise.change(&Change::Replicas(3)).await?;
        refuses.store(true, Ordering::SeqCst);
        Err::<(), _>(Failure::failed("no room"))
    });
    let failure = work.await.unwrap_err();
    assert_eq!(failure.message, "no room");
    assert!(failure.causes[0].starts_with("taking the change back failed: taking back"), "{failure}");
    let how = "run the same command again: the step takes it back before it begins";
    assert_eq!(failure.hints, [format!("deployment/web is left changed; {how}")]);
    assert!(kube.left_on(&target()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_change_is_not_begun_once_stopping_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (store, cancel) = (store(), Cancel::new());
    let kube = store.serve(|_| {}).await;
    let cx = context(folder.path(), cancel.clone());
    let exercise = Exercise::new(&cx, &kube, target()).unwrap();
    cancel.wind_down();
    assert_eq!(exercise.change(&Change::Replicas(3)).await.unwrap_err().kind, FailureKind::Interrupted);
    assert_eq!(replicas(&store), 2);
}
