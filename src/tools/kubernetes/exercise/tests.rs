//! Tests of changes that are made for a check and taken back, against a server that keeps the workload.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::fake_api::ObjectStore;
use super::*;
use crate::model::RunId;

const PATH: &str = "/apis/apps/v1/namespaces/apps/deployments/web";

fn target() -> Target {
    (WorkloadKind::Deployment, "apps".to_owned(), "web".to_owned())
}

fn deployment() -> Value {
    let containers =
        json!([{"name": "c", "image": "web:1", "ports": [{"containerPort": 80}]}, {"name": "side", "image": "s:1"}]);
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "apps", "uid": "d", "annotations": {"a": "b"},
            "managedFields": [{"manager": "helm", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:replicas": {}}}}]},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}}}})
}

fn by(step: &str, run: Option<&str>) -> Exerciser {
    let run = run.map(|run| RunId::new(run).unwrap());
    Exerciser { checkout: "0123456789ab".into(), run, step: step.into() }
}

fn image(container: Option<&str>, image: &str) -> Change {
    Change::Image { container: container.map(str::to_owned), image: image.into() }
}

const RUN: Option<&str> = Some("20261126-050231-1a2b3c4d");
const NEXT_RUN: Option<&str> = Some("20261126-060231-1a2b3c4e");

#[tokio::test]
async fn every_change_is_taken_back_to_the_same_object() {
    let cases = [
        (Change::Replicas(3), "/spec/replicas", json!(3)),
        (image(Some("c"), "web:2"), "/spec/template/spec/containers/0/image", json!("web:2")),
        (Change::Restart, "/spec/template/metadata/annotations", Value::Null),
    ];
    for (change, pointer, expected) in cases {
        let store = ObjectStore::default();
        store.put(PATH, deployment());
        let kube = store.serve(|_| {}).await;
        assert_eq!(kube.left_on(&target()).await.unwrap(), None);
        let behaviour = kube.behaviour(&target()).await.unwrap();
        kube.exercise(&target(), &change, &by("s.a", RUN)).await.unwrap();
        let changed = store.get(PATH);
        let found = changed.pointer(pointer).unwrap();
        assert!(*found == expected || expected.is_null() && found.is_object(), "{changed}");
        assert_eq!(changed.pointer("/spec/template/spec/containers/1/image").unwrap(), "s:1");
        assert!(kube.left_on(&target()).await.unwrap().unwrap().starts_with("deployment/web: the step s.a"));
        // A second one does not overwrite what is known of the time before.
        assert!(kube.exercise(&target(), &Change::Replicas(9), &by("s.b", RUN)).await.is_err());
        // The run after one that was killed takes it back; after that there is nothing to do.
        assert!(kube.take_back(&target(), &by("s.a", NEXT_RUN)).await.unwrap().is_some());
        let mut back = store.get(PATH);
        if let Some(metadata) = back.pointer_mut("/spec/template/metadata").and_then(Value::as_object_mut) {
            metadata.retain(|_, value| *value != json!({}));
        }
        assert_eq!(back, deployment(), "{change:?}");
        assert_eq!(kube.take_back(&target(), &by("s.a", NEXT_RUN)).await.unwrap(), None);
        assert_eq!(kube.behaviour(&target()).await.unwrap().is_some(), behaviour.is_some());
    }
}

#[tokio::test]
async fn what_somebody_else_has_set_meanwhile_stays() {
    let store = ObjectStore::default();
    store.put(PATH, deployment());
    let kube = store.serve(|_| {}).await;
    kube.exercise(&target(), &Change::Replicas(3), &by("s.a", RUN)).await.unwrap();
    store.change(PATH, |object| object["spec"]["replicas"] = 5.into());
    let said = kube.take_back(&target(), &by("s.a", RUN)).await.unwrap().unwrap();
    assert_eq!(said, "deployment/web: somebody has set the number of pods meanwhile, and it stays 5");
    assert_eq!((store.get(PATH)["spec"]["replicas"].clone(), kube.left_on(&target()).await.unwrap()), (5.into(), None));
}

#[tokio::test]
async fn a_check_that_is_going_on_is_not_taken_back_by_another() {
    let store = ObjectStore::default();
    store.put(PATH, deployment());
    let kube = store.serve(|_| {}).await;
    kube.exercise(&target(), &Change::Replicas(3), &by("s.a", RUN)).await.unwrap();
    let same_run = kube.take_back(&target(), &by("s.b", RUN)).await.unwrap_err();
    assert!(same_run.to_string().contains("let one of the two steps need the other"), "{same_run}");
    let elsewhere = Exerciser { checkout: "ba9876543210".into(), ..by("s.a", RUN) };
    let elsewhere = kube.take_back(&target(), &elsewhere).await.unwrap_err();
    assert!(elsewhere.to_string().contains("another checkout"), "{elsewhere}");
    assert_eq!(store.get(PATH)["spec"]["replicas"], 3);
}

#[tokio::test]
async fn a_status_that_is_written_meanwhile_is_no_obstacle() {
    let store = ObjectStore::default();
    store.put(PATH, deployment());
    let n_patches = Arc::new(AtomicU32::new(0));
    let (other, counted) = (store.clone(), Arc::clone(&n_patches));
    let kube = store
        .serve(move |request| {
            if request.method == "PATCH" && counted.fetch_add(1, Ordering::SeqCst) < 3 {
                other.change(PATH, |object| object["status"]["replicas"] = 2.into());
            }
        })
        .await;
    kube.exercise(&target(), &Change::Replicas(3), &by("s.a", RUN)).await.unwrap();
    assert_eq!((n_patches.load(Ordering::SeqCst), store.get(PATH)["spec"]["replicas"].clone()), (4, 3.into()));
}

#[tokio::test]
async fn what_can_not_be_changed_says_why_and_is_not_touched() {
    let store = ObjectStore::default();
    store.put(PATH, deployment());
    let kube = store.serve(|_| {}).await;
    let cases = [
        (image(None, "web:2"), "it has several containers, so `container` has to name one: c, side"),
        (image(Some("x"), "web:2"), "it has no container `x`: it has c, side"),
        (image(Some("c"), "web:1"), "the image of the container `c` is \"web:1\" already"),
        (Change::Replicas(2), "the number of pods is 2 already"),
    ];
    for (change, expected) in cases {
        let failure = kube.exercise(&target(), &change, &by("s.a", RUN)).await.unwrap_err();
        assert!(failure.to_string().contains(expected), "{failure}");
        assert_eq!(store.get(PATH), deployment());
    }
    let gone = (WorkloadKind::Deployment, "apps".to_owned(), "gone".to_owned());
    let failure = kube.exercise(&gone, &Change::Restart, &by("s.a", RUN)).await.unwrap_err();
    assert_eq!(failure.message, "there is no deployment/gone in the namespace `apps`");
    assert_eq!(kube.behaviour(&gone).await.unwrap(), None);
}

#[tokio::test]
async fn an_undo_goes_back_by_the_history_of_the_cluster() {
    let set = |revision: &str, image: &str, of: &str| {
        let owner =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": of, "controller": true});
        let labels = json!({"app": "web", "pod-template-hash": revision});
        let mut template = deployment()["spec"]["template"].clone();
        template["metadata"]["labels"] = labels;
        template["spec"]["containers"][0]["image"] = image.into();
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": {"selector": {}, "template": template},
            "metadata": {"name": format!("web-{revision}"), "ownerReferences": [owner],
                "annotations": {"deployment.kubernetes.io/revision": revision}}})
    };
    let list =
        |items: Value| json!({"apiVersion": "apps/v1", "kind": "ReplicaSetList", "metadata": {}, "items": items});
    let sets = "/apis/apps/v1/namespaces/apps/replicasets";
    let store = ObjectStore::default();
    store.put(PATH, deployment());
    let kube = store.serve(|_| {}).await;
    assert!(kube.undo_rollout(&target()).await.unwrap_err().message.contains("no change to undo"));
    kube.exercise(&target(), &image(Some("c"), "web:2"), &by("s.a", RUN)).await.unwrap();
    // Of another Deployment, or none kept.
    store.put(sets, list(json!([set("9", "x", "other"), set("11", "web:2", "d")])));
    let failure = kube.undo_rollout(&target()).await.unwrap_err();
    assert_eq!(failure.message, "the cluster keeps no earlier version of deployment/web");
    assert_eq!(store.get(PATH)["spec"]["template"]["spec"]["containers"][0]["image"], "web:2");
    store.put(sets, list(json!([set("9", "web:1", "d"), set("11", "web:2", "d"), set("2", "web:0", "d")])));
    assert_eq!(kube.undo_rollout(&target()).await.unwrap(), 9);
    assert_eq!(store.get(PATH), deployment());
}

#[tokio::test]
async fn the_change_has_the_name_of_who_edits_the_field_and_goes_back_to_who_applies_it() {
    let managers = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&managers);
    let store = ObjectStore::default();
    let mut applied = deployment();
    let entry = |manager: &str, operation: &str, fields: Value| json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": fields});
    let image_of_c =
        json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {"f:image": {}}}}}}});
    applied["metadata"]["managedFields"] = json!([
        entry("provision/p/s.apply", "Apply", image_of_c.clone()),
        entry("helm", "Update", json!({"f:spec": {"f:replicas": {}}}))
    ]);
    store.put(PATH, applied.clone());
    let kube = store
        .serve(move |request| {
            if request.method == "PATCH" {
                let name = request.query.split('&').find_map(|part| part.strip_prefix("fieldManager="));
                seen.lock().unwrap().push(name.unwrap().to_owned());
            }
        })
        .await;
    kube.exercise(&target(), &Change::Replicas(3), &by("s.a", RUN)).await.unwrap();
    kube.take_back(&target(), &by("s.a", RUN)).await.unwrap();
    assert_eq!(*managers.lock().unwrap(), ["helm", "helm"]);
    kube.exercise(&target(), &image(Some("c"), "web:2"), &by("s.a", RUN)).await.unwrap();
    // What the real server makes of it.
    store.change(PATH, |object| {
        object["metadata"]["managedFields"] = json!([
            entry("provision/p/s.apply", "Apply", json!({"f:spec": {"f:x": {}}})),
            entry(MANAGER, "Update", image_of_c.clone())
        ]);
    });
    kube.take_back(&target(), &by("s.a", RUN)).await.unwrap();
    assert_eq!(managers.lock().unwrap()[2..], [MANAGER, MANAGER, MANAGER]);
    let mut fields = image_of_c;
    fields["f:spec"]["f:x"] = json!({});
    let expected = json!([entry("provision/p/s.apply", "Apply", fields)]);
    assert_eq!(store.get(PATH)["metadata"]["managedFields"], expected);
}

#[test]
fn a_merge_patch_changes_what_differs_and_nothing_else() {
    let from = json!({"a": 1, "b": {"c": 2, "d": [1, 2], "e": {"f": 3}}, "g": "h"});
    let to = json!({"a": 1, "b": {"c": 3, "d": [1], "i": 4}});
    assert_eq!(merge_patch(&from, &to), json!({"b": {"c": 3, "d": [1], "e": null, "i": 4}, "g": null}));
    assert_eq!(merge_patch(&to, &to), json!({}));
}
