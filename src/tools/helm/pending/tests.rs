//! Tests of `pending`.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::tools::Checkout;
use crate::tools::cluster::ClusterSpec;
use crate::tools::fake::{FakeHost, fake_program};
use crate::tools::helm::call_id;
use crate::tools::kubernetes::RollbackNote;
use crate::tools::kubernetes::fake_api::SecretStore;
use crate::tools::kubernetes::record_tests::{record, stored};

/// Names the call of a helm of ours that is gone.
fn gone() -> String {
    format!("1f-0-{}", host_id().unwrap())
}

fn history(revisions: &[(&str, &str)]) -> Vec<Revision> {
    (1..)
        .zip(revisions)
        .map(|(number, (status, call))| Revision {
            number,
            status: ReleaseStatus::of(status),
            run: Some(call.replace("gone", &gone())).filter(|call| !call.is_empty()),
            resource_version: number.to_string(),
            rollback: None,
            labels: std::collections::BTreeMap::new(),
        })
        .collect()
}

#[test]
fn what_blocks_an_upgrade_is_known_for_every_state_of_helm() {
    use Blocker::{None, Pending, Uninstalling, Unknown};
    let cases: [(&[&str], Blocker); 14] = [
        (&[], None),
        (&["deployed"], None),
        (&["failed"], None),
        (&["superseded"], None),
        (&["uninstalled"], None),
        (&["pending-install"], Pending),
        (&["deployed", "pending-upgrade"], Pending),
        (&["superseded", "deployed", "pending-rollback"], Pending),
        (&["failed", "pending-upgrade"], Pending),
        (&["uninstalling"], Uninstalling),
        (&["superseded", "uninstalling"], Uninstalling),
        // Helm uses the deployed revision.
        (&["deployed", "uninstalling"], None),
        (&["unknown"], Unknown),
        (&["of-a-later-helm"], Unknown),
    ];
    for (statuses, expected) in cases {
        let revisions: Vec<(&str, &str)> = statuses.iter().map(|status| (*status, "")).collect();
        assert_eq!(blocker(&history(&revisions)), expected, "{statuses:?}");
    }
}

#[test]
fn a_pending_release_is_ours_only_by_a_label_of_its_own() {
    let cases: [(&[(&str, &str)], bool); 7] = [
        (&[("pending-install", "1f-0-elsewhere")], false),
        (&[("pending-install", "gone")], true),
        (&[("pending-install", "")], false),
        (&[("deployed", "a-1"), ("pending-upgrade", "gone")], true),
        (&[("deployed", "a-1"), ("pending-upgrade", "a-1")], false),
        // Nothing is noted on what it rolls back to: a person did it.
        (&[("deployed", "gone"), ("pending-rollback", "gone")], false),
        (&[("deployed", ""), ("pending-rollback", "")], false),
    ];
    for (revisions, ours) in cases {
        assert_eq!(pending(&Marks::of("shop")).refusal("x", &history(revisions)).is_none(), ours, "{revisions:?}");
    }
}

fn pending(marks: &Marks) -> PendingRelease<'_> {
    PendingRelease { release: "x", namespace: "apps", consent: Consent::None, marks }
}

#[test]
fn a_pending_rollback_is_ours_by_the_note_on_what_it_rolls_back_to() {
    let with_note = |from: u32, call: &str| {
        let mut all = history(&[("superseded", "a-1"), ("deployed", "a-2"), ("pending-rollback", "a-1")]);
        all[0].rollback = Some(RollbackNote { step: "p/s.back".into(), call: call.into(), from });
        all
    };
    for (from, call, ours) in [(2, gone(), true), (1, gone(), false), (2, "1f-0-elsewhere".to_owned(), false)] {
        assert_eq!(pending(&Marks::of("shop")).refusal("x", &with_note(from, &call)).is_none(), ours, "{from} {call}");
    }
}

#[tokio::test]
async fn a_pending_release_of_a_living_helm_is_left_alone() {
    let call = call_id();
    let mut revisions = history(&[("pending-install", &call)]);
    revisions[0].labels.insert("checkout.provision.dev/other".into(), "main-1f".into());
    let marks = Marks::of("shop").in_checkout(Some(Checkout { id: "ours".into(), slug: "ours-1".into() }));
    let child = duct::cmd!("sh", "-c", "sleep 60; true", &call).start().unwrap();
    let failure = pending(&marks.of_checkout_alone()).refusal("x", &revisions);
    child.kill().unwrap();
    // It ends by the signal.
    assert!(child.wait().is_err());
    let Some(failure) = failure else { panic!("a living helm is seen") };
    assert!(failure.transient && failure.causes[1] == "the checkout `main-1f` deploys the same release", "{failure}");
    assert!(failure.hints[0].starts_with("wait") && failure.hints[1].contains("checkout.slug"), "{:?}", failure.hints);
}

/// The record of a revision of the release `todo`.
fn secret(revision: u32, status: &str, call: &str) -> Value {
    let data = stored(&record(revision, status));
    json!({
        "metadata": {"namespace": "apps", "labels": {"owner": "helm", "name": "todo", "status": status,
            "version": revision.to_string(), "provision": call, "createdAt": "1"}},
        "type": "helm.sh/release.v1",
        "data": {"release": k8s_openapi::ByteString(data)},
    })
}

struct World {
    store: SecretStore,
    folder: tempfile::TempDir,
    /// Every request that changes something.
    changes: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new(records: &[(u32, &str, &str)]) -> Self {
        let store = SecretStore::default();
        for (revision, status, call) in records {
            store.put(&record_name("todo", *revision), secret(*revision, status, call), &revision.to_string());
        }
        Self { store, folder: tempfile::tempdir().unwrap(), changes: Arc::default() }
    }

    /// What `recover_pending` does; every call of helm is recorded.
    async fn recover(&self, consent: Consent) -> Result<Option<String>, Failure> {
        let changes = Arc::clone(&self.changes);
        let kube = self
            .store
            .serve(move |request| {
                if request.method != "GET" {
                    changes.lock().unwrap().push(format!("{} {}", request.method, request.path));
                }
            })
            .await;
        let script = format!("echo \"$@\" >> {}/calls", self.folder.path().display());
        let program = fake_program(self.folder.path(), "helm", &script).await;
        let cluster = ClusterSpec::new("any", "test");
        let helm = Helm::new(program, &cluster, Path::new("/s"));
        let pending = PendingRelease { release: "todo", namespace: "apps", consent, marks: &Marks::of("shop") };
        helm.recover_pending(&kube, pending, &FakeHost::default()).await
    }

    fn helm_calls(&self) -> String {
        fs_err::read_to_string(self.folder.path().join("calls")).unwrap_or_default()
    }

    fn changes(&self) -> Vec<String> {
        self.changes.lock().unwrap().clone()
    }
}

const FIRST: &str = "/api/v1/namespaces/apps/secrets/sh.helm.release.v1.todo.v1";

#[tokio::test]
async fn a_pending_release_of_a_dead_run_is_freed_by_its_record_alone() {
    for status in ["pending-install", "pending-upgrade"] {
        let world = World::new(&[(1, status, &gone())]);
        let done = world.recover(Consent::None).await.unwrap().unwrap();
        assert!(done.contains("marked revision 1 as failed; its objects stay"), "{done}");
        // One patch of the record, and no call of helm: nothing is uninstalled, rolled back or replaced.
        assert_eq!(world.changes(), [format!("PATCH {FIRST}")]);
        assert_eq!(world.helm_calls(), "");
        let mut expected = secret(1, "failed", &gone());
        let mut found = world.store.get(&record_name("todo", 1)).unwrap();
        assert_eq!(found["metadata"]["labels"], expected["metadata"]["labels"]);
        assert_eq!(found["data"].take(), expected["data"].take());
    }
}

#[tokio::test]
async fn a_pending_rollback_of_a_dead_run_goes_with_its_record_and_nothing_else() {
    let world = World::new(&[(1, "superseded", "a-1"), (2, "deployed", "a-2"), (3, "pending-rollback", "a-1")]);
    let mut first = world.store.get(&record_name("todo", 1)).unwrap();
    first["metadata"]["annotations"] = json!({"provision.dev/rollback": format!("p/s.back {} 2", gone())});
    world.store.put(&record_name("todo", 1), first, "1");
    let done = world.recover(Consent::None).await.unwrap().unwrap();
    assert!(done.contains("deleted the record of revision 3, which was never deployed"), "{done}");
    assert_eq!(world.changes(), [FIRST.replace("v1.todo.v1", "v1.todo.v3")].map(|path| format!("DELETE {path}")));
    assert_eq!(world.helm_calls(), "");
}

#[tokio::test]
async fn the_record_of_a_pending_rollback_that_holds_what_no_other_has_goes_only_with_the_users_word() {
    let other = |text: &str| text.replace("kind: A", "kind: B");
    let world = World::new(&[(1, "superseded", "a-1"), (2, "deployed", "a-2"), (3, "pending-rollback", "a-1")]);
    let mut first = world.store.get(&record_name("todo", 1)).unwrap();
    first["metadata"]["annotations"] = json!({"provision.dev/rollback": format!("p/s.back {} 2", gone())});
    world.store.put(&record_name("todo", 1), first, "1");
    let mut last = world.store.get(&record_name("todo", 3)).unwrap();
    for damaged in [stored(&other(&record(3, "pending-rollback"))), b"e30=".to_vec()] {
        last["data"]["release"] = json!(k8s_openapi::ByteString(damaged));
        world.store.put(&record_name("todo", 3), last.clone(), "3");
        let failure = world.recover(Consent::None).await.unwrap_err();
        assert!(
            failure.message.contains("the record of revision 3 of the release `todo` has to be deleted"),
            "{failure}"
        );
        assert!(failure.causes[0].starts_with("it is not proven to be empty: it "), "{failure}");
        assert!(failure.hints.iter().any(|hint| hint.contains("--yes")), "{:?}", failure.hints);
        assert_eq!(world.changes(), Vec::<String>::new());
    }
    world.recover(Consent::Given).await.unwrap().unwrap();
    assert_eq!(world.changes(), [FIRST.replace("v1.todo.v1", "v1.todo.v3")].map(|path| format!("DELETE {path}")));
}

#[tokio::test]
async fn earlier_revisions_keep_their_records() {
    let world = World::new(&[(1, "superseded", "a-1"), (2, "deployed", "a-2"), (3, "pending-upgrade", &gone())]);
    world.recover(Consent::None).await.unwrap().unwrap();
    assert_eq!(world.changes().len(), 1, "{:?}", world.changes());
    for (revision, status) in [(1, "superseded"), (2, "deployed"), (3, "failed")] {
        let found = world.store.get(&record_name("todo", revision)).unwrap();
        assert_eq!(found["metadata"]["labels"]["status"], status);
    }
}

#[tokio::test]
async fn a_record_that_changes_meanwhile_is_not_overwritten() {
    let world = World::new(&[(1, "pending-install", &gone())]);
    let store = world.store.clone();
    let kube = world
        .store
        .serve(move |request| {
            // The helm process is still alive, and succeeds just before the change arrives.
            if request.method == "PATCH" {
                store.put(&record_name("todo", 1), secret(1, "deployed", &gone()), "9");
            }
        })
        .await;
    let pending =
        PendingRelease { release: "todo", namespace: "apps", consent: Consent::Given, marks: &Marks::of("shop") };
    let history = kube.release_history("apps", "todo").await.unwrap();
    let failure = pending.free(&kube, &history, &history[0], "x").await.unwrap_err();
    assert!(failure.transient && failure.to_string().contains("it has changed meanwhile"), "{failure}");
    let found = world.store.get(&record_name("todo", 1)).unwrap();
    assert_eq!(found["metadata"]["labels"]["status"], "deployed");
}

#[tokio::test]
async fn what_somebody_else_left_is_refused_with_a_command_that_destroys_nothing() {
    for (status, call) in [("pending-install", ""), ("pending-upgrade", "1f-0-elsewhere"), ("unknown", "")] {
        let world = World::new(&[(1, status, call)]);
        let failure = world.recover(Consent::Given).await.unwrap_err();
        let hint = failure.hints.join("\n");
        assert!(hint.contains("-n apps delete secret sh.helm.release.v1.todo.v1`"), "{hint}");
        assert!(!hint.contains("uninstall"), "{hint}");
        assert_eq!((world.changes(), world.helm_calls()), (vec![], String::new()));
    }
}

#[tokio::test]
async fn a_record_that_can_not_be_read_is_deleted_only_with_consent() {
    let world = World::new(&[(1, "pending-install", &gone())]);
    let mut damaged = secret(1, "pending-install", &gone());
    damaged["data"]["release"] = "e30=".into();
    world.store.put(&record_name("todo", 1), damaged, "1");
    let failure = world.recover(Consent::None).await.unwrap_err();
    assert!(failure.hints.iter().any(|hint| hint.contains("--yes")), "{:?}", failure.hints);
    assert_eq!(world.changes(), Vec::<String>::new());
    world.recover(Consent::Given).await.unwrap().unwrap();
    assert_eq!(world.changes(), [format!("DELETE {FIRST}")]);
}

#[tokio::test]
async fn a_removal_that_was_killed_is_finished_only_with_consent() {
    let world = World::new(&[(1, "uninstalling", &gone())]);
    let failure = world.recover(Consent::None).await.unwrap_err();
    assert!(failure.message.contains("the release `todo` has to be deleted"), "{failure}");
    for part in ["--yes", "uninstall todo`", "uninstall todo --no-hooks`"] {
        assert!(failure.hints.iter().any(|hint| hint.contains(part)), "{part}: {:?}", failure.hints);
    }
    assert_eq!(world.helm_calls(), "");
    world.recover(Consent::Given).await.unwrap().unwrap();
    assert_eq!(world.helm_calls(), "--kube-context test -n apps uninstall todo\n");
}

#[tokio::test]
async fn every_state_that_helm_knows_has_a_way_out_done_or_said() {
    let words =
        ["deployed", "superseded", "failed", "uninstalled", "uninstalling", "pending-install", "pending-upgrade"];
    for status in words.into_iter().chain(["pending-rollback", "unknown", "of-a-later-helm"]) {
        for before in ["deployed", "superseded", "failed", "uninstalled"] {
            for label in [gone(), String::new(), "1f-0-elsewhere".to_owned()] {
                for consent in [Consent::None, Consent::Given] {
                    let world = World::new(&[(1, before, "a-1"), (2, status, &label)]);
                    if let Err(failure) = world.recover(consent).await {
                        assert!(!failure.hints.is_empty(), "{before}, {status}, {label}: {failure}");
                        assert_eq!((world.changes(), world.helm_calls()), (vec![], String::new()));
                    }
                }
            }
        }
    }
}
