//! Tests of `compare`, with an API server that serves one Deployment and its autoscaler.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::super::fake_api::{ApiRequest, serve, status};
use super::super::manifest::ManifestObjects;
use super::*;

const MANIFEST: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2, selector: {a: b}}
";

fn deployment(replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "apps", "uid": "u", "resourceVersion": "7", "generation": replicas},
        "spec": {"replicas": replicas, "selector": {"a": "b"}, "strategy": "defaulted"}, "status": {"replicas": 1}})
}

/// What the API server knows, and what a trial by apply and by merge gets.
struct World {
    live: Option<Value>,
    autoscaler: Option<(i64, i64)>,
    apply: (u16, Value),
    merge: (u16, Value),
}

impl World {
    /// A Deployment that wants `replicas` pods, in a cluster that takes trials.
    fn of(replicas: i64) -> Self {
        let apply = (200, deployment(2));
        Self { live: Some(deployment(replicas)), autoscaler: None, apply, merge: status(500, "", "not asked") }
    }

    fn answer(&self, request: &ApiRequest) -> (u16, Value) {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/apis/apps/v1") => {
                let kind = json!({"name": "deployments", "singularName": "", "kind": "Deployment", "namespaced": true,
                    "verbs": ["get"]});
                let kinds = json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "apps/v1", "resources": [kind]});
                (200, kinds)
            }
            ("GET", "/apis/apps/v1/namespaces/apps/deployments/web") => {
                self.live.clone().map_or_else(|| status(404, "NotFound", "not found"), |live| (200, live))
            }
            ("PATCH", _) if !request.query.contains("dryRun=All") => (200, deployment(2)),
            ("PATCH", _) if request.content_type.contains("apply-patch") => {
                assert!(request.query.contains("force=true"), "{}", request.query);
                self.apply.clone()
            }
            ("PATCH", _) => self.merge.clone(),
            ("POST", _) => (201, deployment(2)),
            ("GET", "/apis/autoscaling/v2/namespaces/apps/horizontalpodautoscalers") => {
                let items: Vec<Value> = self
                    .autoscaler
                    .iter()
                    .map(|(min, max)| {
                        json!({"metadata": {"name": "web"}, "spec": {"minReplicas": min, "maxReplicas": max,
                        "scaleTargetRef": {"kind": "Deployment", "name": "web"}}})
                    })
                    .collect();
                (
                    200,
                    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscalerList", "metadata": {}, "items": items}),
                )
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn connect(world: World) -> (Kube, Arc<Mutex<Vec<ApiRequest>>>) {
    let changes: Arc<Mutex<Vec<ApiRequest>>> = Arc::default();
    let noted = Arc::clone(&changes);
    let kube = serve(move |request| {
        if request.method != "GET" && !request.query.contains("dryRun=All") {
            noted.lock().unwrap().push(request.clone());
        }
        world.answer(request)
    });
    (kube.await, changes)
}

fn object() -> ManifestObject {
    ManifestObjects::read(MANIFEST, "apps").objects.remove(0)
}

/// What a comparison says, with the fields of `ignored` ignored.
async fn said(world: World, ignored: &str) -> String {
    let (kube, changes) = connect(world).await;
    let said = match kube.compare(&object(), &|field| field == ignored).await.unwrap() {
        Comparison::Same => "same".to_owned(),
        Comparison::Absent(why) | Comparison::Unknown(why) => why,
        Comparison::Drifted(drift) => drift.to_string(),
    };
    assert!(changes.lock().unwrap().is_empty());
    said
}

#[tokio::test]
async fn an_object_is_compared_by_what_the_api_server_makes_of_its_manifest() {
    let zero = "deployment/web in apps: spec.replicas is 0, was released as 2";
    assert_eq!(said(World::of(2), "").await, "same");
    assert_eq!(said(World::of(0), "").await, zero);
    assert_eq!(said(World { live: None, ..World::of(2) }, "").await, "deployment/web in apps is gone");
    assert_eq!(said(World::of(0), "deployment/web: spec.replicas").await, "same");
    assert_eq!(said(World::of(0), "deployment/web: spec").await, zero);
}

#[tokio::test]
async fn replicas_that_an_autoscaler_chooses_are_no_drift() {
    let cases = [(5, "same"), (0, "spec.replicas is 0"), (9, "spec.replicas is 9")];
    for (replicas, expected) in cases {
        let said = said(World { autoscaler: Some((1, 6)), ..World::of(replicas) }, "").await;
        assert!(said.contains(expected), "{replicas}: {said}");
    }
}

#[tokio::test]
async fn what_the_api_server_refuses_to_try_is_said_and_never_taken_for_the_same() {
    let refused = |code, message| status(code, "", message);
    let unknown_field = || refused(500, "failed to create typed patch object: field not declared in schema");
    // Helm takes fields that the kind does not know: merging does too.
    let world = World { apply: unknown_field(), merge: (200, deployment(2)), ..World::of(0) };
    assert!(said(world, "").await.contains("spec.replicas is 0"));
    let world =
        World { apply: refused(422, "invalid"), merge: refused(422, "spec.selector is immutable"), ..World::of(2) };
    let expected = "deployment/web in apps can't be changed to what was released: spec.selector is immutable";
    assert_eq!(said(world, "").await, expected);
    for code in [400, 403] {
        let world = World { apply: refused(code, "no"), merge: refused(code, "no"), ..World::of(2) };
        assert_eq!(said(world, "").await, "deployment/web in apps can't be compared with what was released: no");
    }
}

#[tokio::test]
async fn an_object_is_changed_back_only_as_it_was_compared() {
    let (kube, changes) = connect(World::of(0)).await;
    let Comparison::Drifted(drift) = kube.compare(&object(), &|_| false).await.unwrap() else { panic!() };
    kube.change_back(&object(), &drift).await.unwrap();
    let request = changes.lock().unwrap().pop().unwrap();
    assert_eq!(request.body, json!({"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 2}}));
    assert!(request.content_type.contains("merge-patch"), "{request:?}");
    kube.make_again(&object()).await.unwrap();
    assert_eq!(changes.lock().unwrap().pop().unwrap().method, "POST");
}

#[tokio::test]
async fn an_object_that_has_not_changed_since_it_was_compared_is_not_tried_again() {
    let live = Arc::new(Mutex::new(deployment(2)));
    let n_trials = Arc::new(Mutex::new(0));
    let (served, n) = (Arc::clone(&live), Arc::clone(&n_trials));
    let kube = serve(move |request| {
        *n.lock().unwrap() += usize::from(request.method == "PATCH");
        World { live: Some(served.lock().unwrap().clone()), ..World::of(2) }.answer(request)
    });
    let kube = kube.await;
    let compare = async || kube.compare(&object(), &|_| false).await.unwrap();

    assert_eq!(compare().await, Comparison::Same);
    assert_eq!(compare().await, Comparison::Same);
    assert_eq!(*n_trials.lock().unwrap(), 1);

    // A controller reports: the next comparison needs a trial once more.
    live.lock().unwrap()["status"]["replicas"] = 2.into();
    assert_eq!(compare().await, Comparison::Same);
    assert_eq!(*n_trials.lock().unwrap(), 2);

    // Changed, and changed back by somebody.
    *live.lock().unwrap() = deployment(0);
    assert!(matches!(compare().await, Comparison::Drifted(_)));
    assert!(matches!(compare().await, Comparison::Drifted(_)));
    *live.lock().unwrap() = deployment(2);
    assert_eq!(compare().await, Comparison::Same);
}
