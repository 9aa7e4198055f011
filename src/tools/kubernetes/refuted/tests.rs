//! Tests of `refuted`.

use k8s_openapi::api::core::v1::Volume;
use serde_json::{Value, json};

use super::super::fake_api::{serve, status};
use super::super::fake_objects::ObjectStore;
use super::super::problems::problem_of_pod;
use super::super::reported::reported;
use super::*;

/// The volumes of a pod that takes a key of two Secrets at once, and a claim.
fn volumes() -> Vec<Volume> {
    let source = |name: &str| json!({"secret": {"name": name, "items": [{"key": "K", "path": "K"}]}});
    serde_json::from_value(json!([
        {"name": "both", "projected": {"sources": [source("s"), source("t")]}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
    ]))
    .unwrap()
}

/// A problem of a pod in `apps` whose kubelet says this.
fn problem(reason: &str, message: &str) -> PodProblem {
    let reported = reported(message, "apps", &volumes());
    let remedy = missing_remedy(&reported);
    PodProblem { remedy, reported, ..problem_of_pod("p", reason, message.to_owned(), Outlook::Suspect) }
}

#[tokio::test]
async fn the_api_server_says_whether_what_is_reported_is_missing() {
    let store = ObjectStore::default();
    let at = |path: &str, object: Value| store.put(&format!("/api/v1/namespaces/apps/{path}"), object);
    at("secrets/s", json!({"data": {"K": "eA=="}}));
    at("configmaps/m", json!({"data": {"K": "x"}, "binaryData": {"B": "eA=="}}));
    at("configmaps/going", json!({"metadata": {"deletionTimestamp": "2026-11-27T00:00:00Z"}}));
    at("serviceaccounts/a", json!({}));
    at("persistentvolumeclaims/data", json!({"status": {"phase": "Bound"}}));
    let kube = store.serve().await;
    let there = "is there, and the kubelet has not seen it yet";
    let is_there = |what: &str| (Outlook::Recoverable, format!("{what} {there}"));
    let is_missing = |what: &str| (Outlook::Suspect, what.to_owned());
    let mount = |what: &str| format!("MountVolume.SetUp failed for volume \"both\" : {what}");
    let cases = [
        ("secret \"s\" not found".to_owned(), is_there("secret/s in apps")),
        ("secret \"t\" not found".into(), is_missing("there is no secret/t in apps")),
        ("configmap \"m\" not found".into(), is_there("configmap/m in apps")),
        ("configmap \"s\" not found".into(), is_missing("there is no configmap/s in apps")),
        ("configmap \"going\" not found".into(), is_missing("there is no configmap/going in apps")),
        ("couldn't find key K in Secret apps/s".into(), is_there("the key K of secret/s in apps")),
        ("couldn't find key L in Secret apps/s".into(), is_missing("secret/s in apps has no key L")),
        ("couldn't find key L in Secret apps/t".into(), is_missing("there is no secret/t in apps")),
        ("couldn't find key K in ConfigMap apps/m".into(), is_there("the key K of configmap/m in apps")),
        ("couldn't find key B in ConfigMap apps/m".into(), is_there("the key B of configmap/m in apps")),
        ("couldn't find key L in ConfigMap apps/m".into(), is_missing("configmap/m in apps has no key L")),
        (mount("references non-existent secret key: K"), is_missing("there is no secret/t in apps")),
        (mount("[secret \"s\" not found, secret \"t\" not found]"), is_missing("there is no secret/t in apps")),
        ("serviceaccounts \"a\" not found".into(), is_there("serviceaccount/a in apps")),
        ("serviceaccounts \"b\" not found".into(), is_missing("there is no serviceaccount/b in apps")),
        (
            "persistentvolumeclaim \"none\" not found".into(),
            is_missing("there is no persistentvolumeclaim/none in apps"),
        ),
        (
            "configmap \"kube-root-ca.crt\" not found".into(),
            (
                Outlook::Recoverable,
                "the cluster makes configmap/kube-root-ca.crt in apps itself, and has not done so yet".into(),
            ),
        ),
    ];
    for (message, (outlook, answer)) in cases {
        let mut problem = problem("CreateContainerConfigError", &message);
        kube.check_report(&mut problem).await;
        assert_eq!((problem.outlook, problem.answer.as_deref()), (outlook, Some(answer.as_str())), "{message}");
        // Nothing asks for what is there already; what is missing is named with its error.
        assert_eq!(problem.remedy.is_some(), outlook == Outlook::Suspect, "{message}");
        let id = if outlook == Outlook::Suspect { "pod-config-missing" } else { "rollout-stuck" };
        assert_eq!(problem.error_id().word(), id, "{message}");
        assert!(problem.line().ends_with(&format!("{message} ({answer})")), "{}", problem.line());
    }
}

#[tokio::test]
async fn the_claim_without_a_volume_is_named() {
    let store = ObjectStore::default();
    let message = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
    let kube = store.serve().await;
    let cases = [
        (None, Outlook::Suspect, "there is no persistentvolumeclaim/data in apps"),
        (Some("Pending"), Outlook::Suspect, "persistentvolumeclaim/data in apps is pending"),
        (
            Some("Bound"),
            Outlook::Recoverable,
            "the volume of persistentvolumeclaim/data in apps is there, and the scheduler has not seen it yet; it looks again \
             after 5 minutes at the latest",
        ),
    ];
    for (phase, outlook, answer) in cases {
        if let Some(phase) = phase {
            let path = "/api/v1/namespaces/apps/persistentvolumeclaims/data";
            store.put(path, json!({"status": {"phase": phase}}));
        }
        let mut problem = problem("Unschedulable", message);
        kube.check_report(&mut problem).await;
        assert_eq!((problem.outlook, problem.answer.as_deref()), (outlook, Some(answer)), "{phase:?}");
    }
}

#[tokio::test]
async fn what_can_not_be_asked_for_is_no_reason_to_give_up() {
    for (code, reason) in [(403, "Forbidden"), (500, "InternalError")] {
        let kube = serve(move |request| match request.path.as_str() {
            "/api/v1" => {
                let secrets = json!({"name": "secrets", "singularName": "", "kind": "Secret", "namespaced": true, "verbs": ["get"]});
                (200, json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": [secrets]}))
            }
            _ => status(code, reason, "not now"),
        })
        .await;
        for message in ["secret \"s\" not found", "couldn't find key K in Secret apps/s"] {
            let mut problem = problem("CreateContainerConfigError", message);
            kube.check_report(&mut problem).await;
            assert_eq!(problem.outlook, Outlook::Recoverable, "{message} {code}");
            let answer = problem.answer.unwrap();
            assert!(answer.starts_with("whether ") && answer.contains(" is there can't be seen: "), "{answer}");
        }
    }
    // Where nothing is said to be missing, nothing is asked.
    let kube = serve(|request| panic!("{request:?}")).await;
    let mut other = problem("CreateContainerConfigError", "container has runAsNonRoot and image will run as root");
    kube.check_report(&mut other).await;
    assert_eq!((other.outlook, other.answer), (Outlook::Suspect, None));
}
