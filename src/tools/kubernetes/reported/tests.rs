//! Tests of `reported`.

use serde_json::json;

use super::*;

/// The volumes of a pod that takes keys of a Secret, of a `ConfigMap`, of both at once, and a claim.
fn volumes() -> Vec<Volume> {
    let item = |key: &str| json!([{"key": key, "path": key}]);
    serde_json::from_value(json!([
        {"name": "s", "secret": {"secretName": "s", "items": item("K")}},
        {"name": "m", "configMap": {"name": "m", "items": item("K")}},
        {"name": "both", "projected": {"sources": [{"secret": {"name": "s", "items": item("K")}},
            {"secret": {"name": "t", "items": item("K")}}, {"configMap": {"name": "m", "items": item("L")}}]}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
    ]))
    .unwrap()
}

fn words(found: &[Reported]) -> Vec<String> {
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn messages_name_what_is_missing() {
    let mount = |volume: &str, what: &str| format!("MountVolume.SetUp failed for volume \"{volume}\" : {what}");
    let cases: [(String, &[&str]); 16] = [
        ("secret \"s\" not found".into(), &["secret/s in apps"]),
        ("configmap \"m\" not found".into(), &["configmap/m in apps"]),
        ("couldn't get secret other/s: secrets \"other/s\" not found".into(), &["secret/s in other"]),
        ("couldn't find key K in Secret apps/s".into(), &["the key K of secret/s in apps"]),
        ("couldn't find key K in ConfigMap apps/m".into(), &["the key K of configmap/m in apps"]),
        (
            mount("both", "[configmap \"m\" not found, secret \"s\" not found]"),
            &["configmap/m in apps", "secret/s in apps"],
        ),
        (mount("s", "references non-existent secret key: K"), &["the key K of secret/s in apps"]),
        (mount("m", "configmap references non-existent config key: K"), &["the key K of configmap/m in apps"]),
        (
            mount("both", "[references non-existent secret key: K, configmap references non-existent config key: L]"),
            &["the key K of secret/s in apps", "the key K of secret/t in apps", "the key L of configmap/m in apps"],
        ),
        (mount("t", "failed to fetch token: serviceaccounts \"a\" not found"), &["serviceaccount/a in apps"]),
        (
            "pods \"w-\" is forbidden: error looking up service account apps/a: serviceaccount \"a\" not found".into(),
            &["serviceaccount/a in apps"],
        ),
        (
            "0/1 nodes are available: persistentvolumeclaim \"data\" not found.".into(),
            &["persistentvolumeclaim/data in apps"],
        ),
        (
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.".into(),
            &["the volume of persistentvolumeclaim/data in apps"],
        ),
        ("pods \"w-\" is forbidden: no PriorityClass with name high was found".into(), &["priorityclass/high"]),
        ("pod rejected: runtimeclass.node.k8s.io \"gvisor\" not found".into(), &["runtimeclass/gvisor"]),
        ("exec: \"mount.nfs\": executable file not found, widget \"w\" not found, 1 Insufficient cpu".into(), &[]),
    ];
    for (message, expected) in cases {
        assert_eq!(words(&reported(&message, "apps", &volumes())), expected, "{message}");
    }
}

#[test]
fn a_pull_without_its_secret_is_known_by_the_events() {
    let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p", "namespace": "apps"}})).unwrap();
    let event = |reason: &str, message: &str, second: u32| -> Event {
        serde_json::from_value(json!({"metadata": {}, "involvedObject": {}, "reason": reason, "message": message,
            "lastTimestamp": format!("2026-11-27T00:00:{second:02}Z")}))
        .unwrap()
    };
    let lacking = "Unable to retrieve some image pull secrets (a, b); attempting to pull the image may not succeed.";
    let lacked = |second: u32| event("FailedToRetrieveImagePullSecret", lacking, second);
    let pulled = |second: u32| event("Failed", "Failed to pull image \"r/i:1\": denied", second);
    let both: &[&str] = &["secret/a in apps", "secret/b in apps"];
    let cases = [
        (vec![pulled(1)], &[][..]),
        (vec![lacked(1)], both),
        (vec![lacked(1), pulled(3)], both),
        // Its next attempt, after a pause, had them.
        (vec![lacked(1), pulled(3), pulled(14)], &[]),
        (vec![pulled(3), lacked(14)], both),
    ];
    for (events, expected) in cases {
        assert_eq!(words(&pull_secrets(&pod, &events)), expected, "{events:?}");
    }
}
