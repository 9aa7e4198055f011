//! Workloads whose pods take variables from an object that is applied.

use serde_json::Value;

use super::{CONFIG, ObjectStore, Project};

/// A Deployment whose container takes its variables from the `ConfigMap` `c`.
const USER: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {template: {spec: {containers: \
                    [{name: a, envFrom: [{configMapRef: {name: c}}]}]}}}\n";

const WORKLOAD: &str = "/apis/apps/v1/namespaces/apps/deployments/w";

/// When the pods of the Deployment were last replaced.
fn replaced(store: &ObjectStore) -> Value {
    store.get(WORKLOAD).unwrap()["spec"]["template"]["metadata"]["annotations"]["provision.dev/pods-replaced"].clone()
}

#[tokio::test]
async fn pods_with_variables_from_before_are_replaced() {
    let project = Project::new();
    project.file("w.yaml", USER).config("A: '1', B: '2'").apply().await.unwrap();
    project.apply().await.unwrap();
    assert_eq!(replaced(&project.store), Value::Null, "nothing has changed");
    // Somebody has changed one; a pod may have started with that.
    project.store.change(CONFIG, |object| {
        object["data"]["A"] = "hacked".into();
    });
    let log = project.apply().await.unwrap();
    assert!(log.contains("deployment/w in apps replaces its pods"), "{log}");
    let first = replaced(&project.store);
    assert_ne!(first, Value::Null);
    let noted = |store: &ObjectStore| {
        store.get(CONFIG).unwrap()["metadata"]["annotations"]["provision.dev/pods-to-replace"].clone()
    };
    assert_eq!(noted(&project.store), Value::Null);
    // The file has another value, and one key less.
    for config in ["A: '3', B: '2'", "A: '3'"] {
        let before = replaced(&project.store);
        project.config(config).apply().await.unwrap();
        assert_ne!(replaced(&project.store), before, "{config}");
    }
    // A run was killed after it had changed the object.
    project.store.change(CONFIG, |object| {
        object["metadata"]["annotations"]["provision.dev/pods-to-replace"] = "true".into();
    });
    let before = replaced(&project.store);
    project.apply().await.unwrap();
    assert_ne!(replaced(&project.store), before);
    assert_eq!(noted(&project.store), Value::Null);
    let log = project.apply().await.unwrap();
    assert!(!log.contains("replaces its pods"), "{log}");
}
